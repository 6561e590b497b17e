package sqlite

import (
	"context"
	"slices"

	"github.com/sfsync/sfsync-go/crypto"
)

// Forget implements crypto.KeyStore. If it fails with fault.StoreBusy, another
// process keeps it from emptying the log: everything is deleted, but its bytes
// may still be in a file, until a repeated call succeeds.
func (k *Keys) Forget(ctx context.Context, persons []crypto.Person, mint crypto.Mint) (taken []crypto.Person, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.write(ctx, func() error {
		n, err := k.c.number(`UPDATE root SET forgets = forgets + 1 RETURNING forgets`)
		if err != nil {
			return err
		}
		f := &forgetting{k: k, mint: mint, number: n}
		err = f.take(persons...)
		taken = f.taken
		return err
	})
	if err == nil {
		err = k.c.truncate(ctx)
	}
	return taken, err
}

// forgetting is what one transaction takes. All its tombstones have its number.
type forgetting struct {
	k      *Keys
	mint   crypto.Mint
	number int64
	taken  []crypto.Person
}

// take buries persons, their aliases, and what they are aliases of.
func (f *forgetting) take(persons ...crypto.Person) error {
	for _, p := range persons {
		same, err := f.k.same(p)
		if err != nil {
			return err
		}
		for _, p := range same {
			if !slices.Contains(f.taken, p) {
				f.taken = append(f.taken, p)
			}
		}
	}
	err := f.addresses()
	for _, p := range f.taken {
		if err == nil {
			err = f.bury(p)
		}
	}
	return err
}

// bury deletes what there is of a person and leaves its tombstones.
func (f *forgetting) bury(p crypto.Person) error {
	records, err := f.k.records(p)
	if err != nil {
		return err
	}
	for kind, list := range records {
		for _, r := range list {
			if err := f.unlink(kind, r); err != nil {
				return err
			}
		}
	}
	for _, sql := range []string{
		`DELETE FROM person_key WHERE person = ?`,
		`DELETE FROM index_entry WHERE person = ?`,
		`DELETE FROM alias WHERE alias = ?`,
	} {
		if _, err := f.k.c.run(sql, p[:]); err != nil {
			return err
		}
	}
	return f.mark(crypto.PersonTombstone, f.mint.Digest(crypto.PersonTombstone, p[:]))
}

// unlink takes a record from whom it belongs to and keeps it away.
func (f *forgetting) unlink(kind crypto.TombstoneKind, record string) error {
	if _, err := f.k.c.run(`DELETE FROM link WHERE record = ?`, record); err != nil {
		return err
	}
	return f.mark(kind, f.mint.Digest(crypto.RecordTombstone, []byte(record)))
}

func (f *forgetting) mark(kind crypto.TombstoneKind, d crypto.Digest) error {
	_, err := f.k.c.run(`INSERT INTO tombstone (digest, kind, forget) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, d[:], int(kind), f.number)
	return err
}
