package crypto

import (
	"context"
	"slices"

	"github.com/sfsync/sfsync-go/crypto/internal/gcm"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// session is the vault as one batch or one reveal sees it.
type session struct {
	vault  *Vault
	root   Root
	epoch  int // of the memory: results of an older one are not kept
	active int // version of the branch keyset that seals
}

// branch is the opened branch keyset of a version, from memory or through the
// key-encryption key. Whoever waits for another's call stops waiting with ctx.
func (s session) branch(ctx context.Context, version int) (branch, error) {
	m := s.vault.memory
	if b, ok := m.branch(version); ok {
		return b, nil
	}
	select {
	case s.vault.loading <- struct{}{}:
		defer func() { <-s.vault.loading }()
	case <-ctx.Done():
		return branch{}, fault.Wrap(ctx.Err(), fault.Canceled, "crypto.Begin", "the key-encryption key did not answer in time; try again")
	}
	if b, ok := m.branch(version); ok { // another call has loaded it
		return b, nil
	}
	i := slices.IndexFunc(s.root.Keysets, func(k Keyset) bool {
		return k.Use == BranchUse && k.Version == version && k.State != Destroyed
	})
	if i < 0 {
		return branch{}, fault.New(fault.KeyMissing, "crypto.Begin", "a branch keyset is missing; restore the keys database from a backup")
	}
	p, err := openKeyset(ctx, s.vault.wrapper(), s.vault.org, s.root.Keysets[i])
	if err != nil {
		return branch{}, err
	}
	b := p.(branch)
	return b, m.putBranch(version, b)
}

// known finds persons in memory and loads the others.
func (s session) known(persons []Person, load func(missing []Person) ([]Subject, error)) ([]Subject, error) {
	m, out := s.vault.memory, make([]Subject, len(persons))
	missing := m.known(persons, out)
	if len(missing) == 0 {
		return out, nil
	}
	found, err := load(pick(persons, missing))
	if err != nil {
		return nil, err
	}
	m.keep(s.epoch, 0, nil, found)
	return spread(out, missing, found), nil
}

// subjects unwraps the keys of holders, each person once.
func (s session) subjects(ctx context.Context, holders []Holder) ([]Subject, error) {
	out := make([]Subject, len(holders))
	seen := make(map[Person]Subject, len(holders))
	for i, h := range holders {
		sub, ok := seen[h.Person]
		if !ok || h.Person.IsZero() {
			var err error
			if sub, err = s.subject(ctx, h); err != nil {
				return nil, err
			}
			seen[h.Person] = sub
		}
		out[i] = sub
	}
	return out, nil
}

func (s session) subject(ctx context.Context, h Holder) (Subject, error) {
	sub := &subject{person: h.Person, forgotten: h.Forgotten}
	for _, k := range h.Keys {
		key, err := s.unwrap(ctx, k)
		if err != nil {
			return Subject{}, err
		}
		sub.keys = append(sub.keys, key)
		sub.seals.Store(k.Seals) // of the last, which is the one that seals
	}
	return Subject{f: func() *subject { return sub }}, nil
}

func (s session) unwrap(ctx context.Context, k PersonKey) (gcm.Key, error) {
	b, err := s.branch(ctx, k.Branch)
	if err != nil {
		return gcm.Key{}, err
	}
	var tuple [128]byte
	var buf [gcm.KeyLen]byte
	raw, err := b.Open(buf[:0], k.Wrapped, wrapTuple(tuple[:0], s.vault.org, k))
	if err != nil {
		return gcm.Key{}, err
	}
	defer clear(raw)
	return gcm.New(uint32(k.ID), raw)
}

func pick[T any](all []T, at []int) []T {
	out := make([]T, len(at))
	for j, i := range at {
		out[j] = all[i]
	}
	return out
}

// spread is the reverse of pick.
func spread[T any](all []T, at []int, found []T) []T {
	for j, i := range at {
		all[i] = found[j]
	}
	return all
}
