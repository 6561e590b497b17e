package sqlite

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
)

// Forget implements crypto.KeyStore. If it fails with fault.StoreBusy, another
// process keeps it from emptying the log: everything is deleted, but its bytes
// may still be in a file, until a repeated call succeeds.
func (k *Keys) Forget(ctx context.Context, p crypto.Person, mint crypto.Mint) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.c.write(ctx, func() error {
		if _, err := k.c.run(`UPDATE root SET forgets = forgets + 1`); err != nil {
			return err
		}
		persons, err := k.same(p)
		if err == nil {
			err = k.addresses(persons)
		}
		if err != nil {
			return err
		}
		for _, p := range persons {
			if err := k.bury(p, mint); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return k.c.truncate(ctx)
}

// Buried implements crypto.Lifter.
func (k *Keys) Buried(ctx context.Context, record string, mint crypto.Mint) (buried bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.read(ctx, func() error {
		buried, err = k.tombstone(mint, crypto.RecordTombstone, []byte(record))
		return err
	})
	return buried, err
}

// Lift implements crypto.Lifter. All tombstones of a forgetting have its number.
func (k *Keys) Lift(ctx context.Context, record string, mint crypto.Mint) (lifted bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	d := mint.Digest(crypto.RecordTombstone, []byte(record))
	err = k.c.write(ctx, func() error {
		n, err := k.c.run(`DELETE FROM tombstone WHERE forget = (SELECT forget FROM tombstone WHERE digest = ?)`, d[:])
		if err == nil && n == 0 {
			n, err = k.release(record)
		}
		if lifted = n > 0; err == nil && lifted {
			_, err = k.c.run(`UPDATE root SET forgets = forgets + 1`)
		}
		if err == nil {
			err = k.dismiss()
		}
		return err
	})
	return lifted, err
}

// Persons implements crypto.KeyStore.
func (k *Keys) Persons(ctx context.Context, p crypto.Person, record string) (persons []crypto.Person, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.read(ctx, func() error {
		if p.IsZero() {
			err := k.c.each(`SELECT person FROM link WHERE record = ?`, []any{record}, func(s *sqlite3.Stmt) error {
				copy(p[:], s.ColumnRawBlob(0))
				return nil
			})
			if err != nil || p.IsZero() {
				return err
			}
		}
		persons, err = k.same(p)
		return err
	})
	return persons, err
}

// same lists a person with all its aliases, and what it is an alias of.
func (k *Keys) same(p crypto.Person) (persons []crypto.Person, err error) {
	first := p
	err = k.c.each(`SELECT person FROM alias WHERE alias = ?`, []any{p[:]}, func(s *sqlite3.Stmt) error {
		copy(first[:], s.ColumnRawBlob(0))
		return nil
	})
	persons = []crypto.Person{first}
	if err == nil {
		err = k.c.each(`SELECT alias FROM alias WHERE person = ?`, []any{first[:]}, func(s *sqlite3.Stmt) error {
			persons = append(persons, crypto.Person(s.ColumnRawBlob(0)))
			return nil
		})
	}
	return persons, err
}

// bury deletes what there is of a person and leaves its tombstones.
func (k *Keys) bury(p crypto.Person, mint crypto.Mint) error {
	records, err := k.records(p)
	if err != nil {
		return err
	}
	for _, r := range records {
		if err := k.mark(mint, crypto.RecordTombstone, []byte(r)); err != nil {
			return err
		}
		if _, err := k.c.run(`DELETE FROM link WHERE record = ?`, r); err != nil {
			return err
		}
	}
	for _, sql := range []string{
		`DELETE FROM person_key WHERE person = ?`,
		`DELETE FROM index_entry WHERE person = ?`,
		`DELETE FROM alias WHERE alias = ?`,
	} {
		if _, err := k.c.run(sql, p[:]); err != nil {
			return err
		}
	}
	return k.mark(mint, crypto.PersonTombstone, p[:])
}

// records lists those that are linked to a person now. Its own is named by its
// key; after damage it may not be, and then all links are searched.
func (k *Keys) records(p crypto.Person) (records []string, err error) {
	add := func(s *sqlite3.Stmt) error {
		records = append(records, s.ColumnText(0))
		return nil
	}
	if err := k.c.each(`SELECT record FROM link WHERE person = ? AND own = 0`, []any{p[:]}, add); err != nil {
		return nil, err
	}
	named, err := k.c.number(`SELECT count(record) FROM person_key WHERE person = ?`, p[:])
	if err != nil {
		return nil, err
	}
	own := `SELECT record FROM link WHERE person = ?1 AND own = 1`
	if named > 0 {
		own += ` AND record IN (SELECT record FROM person_key WHERE person = ?1)`
	}
	return records, k.c.each(own, []any{p[:]}, add)
}

func (k *Keys) mark(mint crypto.Mint, kind crypto.TombstoneKind, value []byte) error {
	d := mint.Digest(kind, value)
	_, err := k.c.run(`INSERT INTO tombstone (digest, kind, forget) SELECT ?, ?, forgets FROM root WHERE true ON CONFLICT DO NOTHING`,
		d[:], int(kind))
	return err
}
