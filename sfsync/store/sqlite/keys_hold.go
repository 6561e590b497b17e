package sqlite

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
)

// addresses leaves a tombstone of each e-mail address that the index knows of
// these persons and of nobody else. Two entries of one address have one digest.
func (k *Keys) addresses(persons []crypto.Person) error {
	list, err := hexList(persons)
	if err == nil {
		_, err = k.c.run(`INSERT INTO tombstone (digest, kind, forget)
			SELECT DISTINCT e.address, ?2, forgets FROM root, index_entry e
			WHERE e.person IN (SELECT unhex(value) FROM json_each(?1)) AND e.address IS NOT NULL AND NOT EXISTS (
				SELECT 1 FROM index_entry o WHERE o.digest = e.digest AND o.type = e.type AND o.version = e.version AND o.normaliser = e.normaliser
				AND o.person NOT IN (SELECT unhex(value) FROM json_each(?1)))
			ON CONFLICT DO NOTHING`, list, int(crypto.AddressTombstone))
	}
	return err
}

// Addresses implements crypto.Lifter.
func (k *Keys) Addresses(ctx context.Context) (list []crypto.Digest, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.read(ctx, func() error {
		return k.c.each(`SELECT digest FROM tombstone WHERE kind = ?`, []any{int(crypto.AddressTombstone)}, func(s *sqlite3.Stmt) error {
			var d crypto.Digest
			if copy(d[:], s.ColumnRawBlob(0)) != len(d) {
				return sqlite3.CORRUPT
			}
			list = append(list, d)
			return nil
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
func (k *Keys) release(record string) (n int64, err error) {
	return k.c.run(`DELETE FROM tombstone WHERE kind = ? AND substr(digest, 1, 16) IN
		(SELECT digest FROM index_entry WHERE type = ? AND record = ?)`, int(crypto.AddressTombstone), string(crypto.HeldIndex), record)
}

// dismiss ends the holds whose address has no tombstone any more.
func (k *Keys) dismiss() error {
	_, err := k.c.run(`DELETE FROM index_entry WHERE type = ? AND digest NOT IN (SELECT substr(digest, 1, 16) FROM tombstone WHERE kind = ?)`,
		string(crypto.HeldIndex), int(crypto.AddressTombstone))
	return err
}
