package sqlite

import (
	"bytes"
	"context"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Replace implements crypto.Rotator. If it fails with fault.StoreBusy, another
// process keeps it from emptying the log: everything is exchanged, but the bytes
// from before may still be in a file, until a repeated call succeeds.
func (k *Keys) Replace(ctx context.Context, all, now []crypto.Keyset) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.c.write(ctx, func() error {
		stored, err := k.keysets()
		if err == nil && !slices.EqualFunc(stored, all, unchanged) {
			err = fault.New(fault.Conflict, "sqlite.Keys", "another process exchanged a keyset meanwhile; read it again and repeat")
		}
		for _, fresh := range now {
			if err == nil {
				err = k.replace(fresh)
			}
			gone := fresh.State == crypto.Destroyed || slices.ContainsFunc(stored, func(was crypto.Keyset) bool {
				return was.Use == fresh.Use && was.Version == fresh.Version && !bytes.Equal(was.Sealed, fresh.Sealed)
			})
			if err == nil && gone {
				_, err = k.c.run(`UPDATE root SET wipe = 1`)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return k.wipe(ctx, wipeWait)
}

func unchanged(a, b crypto.Keyset) bool {
	return a.Use == b.Use && a.Version == b.Version && a.State == b.State && bytes.Equal(a.Sealed, b.Sealed)
}

func (k *Keys) replace(now crypto.Keyset) error {
	if now.State == crypto.Destroyed {
		if n, err := k.c.number(`SELECT EXISTS (SELECT 1 FROM person_key WHERE branch = ? AND ? = 'branch')`, now.Version, now.Use); err != nil || n > 0 {
			return inUse(err)
		}
	}
	_, err := k.c.run(`INSERT INTO keyset (use, version, state, sealed, proof, created, uri, retired, destroyed) VALUES (?, ?, ?, ?, ?, ?, ?, nullif(?, 0), nullif(?, 0))
		ON CONFLICT DO UPDATE SET state = excluded.state, sealed = excluded.sealed, proof = excluded.proof, uri = excluded.uri,
			retired = excluded.retired, destroyed = excluded.destroyed`,
		now.Use, now.Version, string(now.State), append([]byte{}, now.Sealed...), append([]byte{}, now.Proof...), now.Created, now.URI, now.Retired, now.Destroyed)
	return err
}

func inUse(err error) error {
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "sqlite.Keys", "keys of persons are still wrapped by the keyset; wrap them by another first")
}

// wraps counts keys that a branch keyset has wrapped. It fails where the keyset
// wraps nothing more.
func (k *Keys) wraps(branch int, n int64) error {
	refused, err := k.c.number(`UPDATE keyset SET wraps = wraps + ? WHERE use = 'branch' AND version = ?
		RETURNING iif(state <> 'active', 1, iif(wraps > ?, 2, 0))`, n, branch, int64(crypto.WrapBudget))
	switch {
	case err != nil:
		return err
	case refused == 1:
		return fault.New(fault.Conflict, "sqlite.Keys", "the branch key was rotated meanwhile; begin the batch again")
	case refused == 2:
		return fault.New(fault.KeyExhausted, "sqlite.Keys", "the branch key has wrapped as many keys as it may; rotate it with crypto.Vault.RotateBranch")
	}
	return nil
}

// Wrapped implements crypto.Rotator.
func (k *Keys) Wrapped(ctx context.Context, after crypto.PersonKey, n int) (keys []crypto.PersonKey, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.read(ctx, func() error {
		return k.c.each(`SELECT `+personKey+` FROM person_key
			WHERE (person, generation) > (?, ?) AND branch > 0 ORDER BY person, generation LIMIT ?`, []any{after.Person[:], after.Generation, n}, list(&keys))
	})
	return keys, err
}

func list(keys *[]crypto.PersonKey) func(*sqlite3.Stmt) error {
	return func(s *sqlite3.Stmt) error {
		*keys = append(*keys, columnKey(s))
		return nil
	}
}

// Rewrap implements crypto.Rotator.
func (k *Keys) Rewrap(ctx context.Context, keys []crypto.PersonKey) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.c.write(ctx, func() error {
		s, err := k.c.stmt(`UPDATE person_key SET branch = ?, wrapped = ? WHERE person = ? AND generation = ? AND id = ?`)
		if err != nil {
			return err
		}
		wraps := map[int]int64{}
		for _, key := range keys {
			wraps[key.Branch]++
			if err := exec(s, s.BindInt(1, key.Branch), s.BindBlob(2, key.Wrapped), s.BindBlob(3, key.Person[:]),
				s.BindInt(4, key.Generation), s.BindInt64(5, int64(key.ID))); err != nil {
				return err
			}
		}
		for branch, n := range wraps {
			if err := k.wraps(branch, n); err != nil {
				return err
			}
		}
		return nil
	})
}

// Count implements crypto.Rotator.
func (k *Keys) Count(ctx context.Context) (n int64, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.read(ctx, func() error {
		n, err = k.c.number(`SELECT count(*) FROM person_key WHERE branch > 0`)
		return err
	})
	return n, err
}

// Retired implements crypto.Destroyer.
func (k *Keys) Retired(ctx context.Context, before int64) (keys []crypto.PersonKey, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.read(ctx, func() error {
		return k.c.each(`SELECT `+personKey+` FROM person_key WHERE retired < ? AND retired IS NOT NULL AND destroyed IS NULL`, []any{before}, list(&keys))
	})
	return keys, err
}

// Destroy implements crypto.Destroyer. If it fails with fault.StoreBusy, another
// process keeps it from emptying the log: everything is deleted, but its bytes
// may still be in a file, until a repeated call succeeds.
func (k *Keys) Destroy(ctx context.Context, keys []crypto.PersonKey) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.c.write(ctx, func() error {
		for _, key := range keys {
			if _, err := k.c.run(`UPDATE person_key SET wrapped = x'', branch = 0, destroyed = unixepoch()
				WHERE person = ? AND generation = ? AND id = ? AND retired IS NOT NULL AND destroyed IS NULL`,
				key.Person[:], key.Generation, int64(key.ID)); err != nil {
				return err
			}
		}
		if len(keys) == 0 {
			return nil
		}
		return k.erased()
	})
	if err != nil {
		return err
	}
	return k.wipe(ctx, wipeWait)
}
