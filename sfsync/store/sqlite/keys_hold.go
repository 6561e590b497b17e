package sqlite

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
)

// unshared finds the e-mail addresses of persons that nobody else has. Two entries
// of one address have one digest under one key. While there are two keys, what was
// written since the second has a digest under each, so those two have one in common.
const unshared = `WITH own AS MATERIALIZED (
		SELECT * FROM index_entry WHERE person IN (SELECT unhex(value) FROM json_each(?1)) AND address IS NOT NULL)
	SELECT DISTINCT address FROM own WHERE address NOT IN (
		SELECT s.address FROM own s CROSS JOIN index_entry o ON o.digest = s.digest AND o.type = s.type AND o.version = s.version AND o.normaliser = s.normaliser
		WHERE o.person NOT IN (SELECT unhex(value) FROM json_each(?1)))`

// addresses leaves a tombstone of each e-mail address that the index knows of
// those who are taken and of nobody else.
func (f *forgetting) addresses() error {
	list, err := hexList(f.taken)
	if err != nil {
		return err
	}
	var alone []crypto.Digest
	err = f.k.c.each(unshared, []any{list}, func(s *sqlite3.Stmt) error {
		d, err := digestAt(s, 0)
		alone = append(alone, d)
		return err
	})
	for _, d := range alone {
		if err == nil {
			err = f.mark(crypto.AddressTombstone, d)
		}
	}
	return err
}

// digestAt reads a column that must be a digest.
func digestAt(s *sqlite3.Stmt, column int) (d crypto.Digest, err error) {
	b := s.ColumnRawBlob(column)
	if len(b) != len(d) {
		return d, sqlite3.CORRUPT
	}
	return crypto.Digest(b), nil
}

// Addresses implements crypto.Lifter.
func (k *Keys) Addresses(ctx context.Context) (list []crypto.Digest, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.read(ctx, func() error {
		return k.c.each(`SELECT DISTINCT digest FROM tombstone WHERE kind = ?`, []any{int(crypto.AddressTombstone)}, func(s *sqlite3.Stmt) error {
			d, err := digestAt(s, 0)
			list = append(list, d)
			return err
		})
	})
	return list, err
}

// Held implements crypto.Lifter.
func (k *Keys) Held(ctx context.Context) (list []crypto.Link, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.read(ctx, func() error {
		return k.c.each(`SELECT DISTINCT object, record FROM index_entry WHERE type = ? ORDER BY record`, []any{string(crypto.HeldIndex)}, func(s *sqlite3.Stmt) error {
			list = append(list, crypto.Link{Object: s.ColumnText(0), Record: s.ColumnText(1)})
			return nil
		})
	})
	return list, err
}

// release removes the tombstones of the addresses that a record is held for.
func (k *Keys) release(record string) (released []crypto.Tombstone, err error) {
	err = k.c.each(`DELETE FROM tombstone WHERE kind = ? AND substr(digest, 1, 16) IN
		(SELECT digest FROM index_entry WHERE type = ? AND record = ?) RETURNING digest`,
		[]any{int(crypto.AddressTombstone), string(crypto.HeldIndex), record}, func(s *sqlite3.Stmt) error {
			d, err := digestAt(s, 0)
			released = append(released, crypto.Tombstone{Kind: crypto.AddressTombstone, Digest: d})
			return err
		})
	return released, err
}

// dismiss ends the holds whose address has no tombstone any more.
func (k *Keys) dismiss() error {
	_, err := k.c.run(`DELETE FROM index_entry WHERE type = ? AND digest NOT IN (SELECT substr(digest, 1, 16) FROM tombstone WHERE kind = ?)`,
		string(crypto.HeldIndex), int(crypto.AddressTombstone))
	return err
}
