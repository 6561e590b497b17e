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
		head, err := k.c.forgetHead()
		if err != nil {
			return err
		}
		f := &forgetting{k: k, mint: mint, number: head.Seq + 1}
		if err := f.take(persons...); err != nil {
			return err
		}
		taken = f.taken
		if err := f.enter(crypto.Forgot); err != nil {
			return err
		}
		return k.erased()
	})
	if err == nil {
		err = k.wipe(ctx, wipeWait)
	}
	return taken, err
}

// forgetting is what one transaction takes. All its tombstones have its number.
type forgetting struct {
	k      *Keys
	mint   crypto.Mint
	number int64
	taken  []crypto.Person
	stones []crypto.Tombstone // that were not there
}

// enter notes it in the log, if it left anything.
func (f *forgetting) enter(kind crypto.ForgetKind) error {
	if len(f.stones) == 0 {
		return nil
	}
	return f.k.enter(f.mint, crypto.ForgetEntry{Kind: kind, Of: f.number, Persons: f.taken, Stones: f.stones})
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
			if err := f.mark(kind, f.mint.Digest(crypto.RecordTombstone, []byte(r))); err != nil {
				return err
			}
		}
	}
	if err := f.discard(p); err != nil {
		return err
	}
	d := f.mint.Digest(crypto.PersonTombstone, p[:])
	before, err := f.k.find(d)
	if err != nil || before.kind != 0 {
		return err
	}
	return f.mark(crypto.PersonTombstone, d)
}

// discard deletes what opens a person's values or leads to one.
func (f *forgetting) discard(p crypto.Person) error {
	records, err := f.k.records(p)
	if err != nil {
		return err
	}
	for _, list := range records {
		for _, r := range list {
			if _, err := f.k.c.run(`DELETE FROM link WHERE record = ?`, r); err != nil {
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
	return nil
}

func (f *forgetting) mark(kind crypto.TombstoneKind, d crypto.Digest) error {
	n, err := f.k.c.run(`INSERT INTO tombstone (digest, kind, forget) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, d[:], int(kind), f.number)
	if n > 0 {
		f.stones = append(f.stones, crypto.Tombstone{Kind: kind, Digest: d})
	}
	return err
}
