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

// branch is the opened branch keyset of a version.
func (s session) branch(ctx context.Context, version int) (branch, error) {
	p, err := s.keyset(ctx, BranchUse, version)
	b, _ := p.(branch)
	return b, err
}

// keyset is an opened keyset, from memory or through the key-encryption key.
// Whoever waits for another's call stops waiting with ctx, and takes its answer.
func (s session) keyset(ctx context.Context, use string, version int) (prover, error) {
	m, id := s.vault.memory, keysetID{use, version}
	if p, ok := m.keyset(id); ok {
		return p, nil
	}
	select {
	case s.vault.loading <- struct{}{}:
		defer func() { <-s.vault.loading }()
	case <-ctx.Done():
		return nil, fault.Wrap(ctx.Err(), fault.Canceled, "crypto.Begin", "the key-encryption key did not answer in time; try again")
	}
	if p, ok := m.keyset(id); ok { // another call has loaded it
		return p, nil
	}
	if err := m.failure(id); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(s.root.Keysets, func(k Keyset) bool {
		return k.Use == use && k.Version == version && k.State != Destroyed
	})
	if i < 0 {
		return nil, fault.New(fault.KeyMissing, "crypto.Begin", "a keyset is missing; restore the keys database from a backup")
	}
	p, err := openKeyset(ctx, s.vault.wrapper(), s.vault.org, s.root.Keysets[i])
	if err != nil {
		if ctx.Err() == nil { // that the caller has gone is nobody else's failure
			m.failed(id, err)
		}
		return nil, err
	}
	return p, m.putKeyset(id, p)
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
	sub := &subject{person: h.Person, forgotten: h.Forgotten || h.Person.IsZero()}
	for _, k := range h.Keys {
		if k.Destroyed != 0 {
			continue
		}
		key, err := s.unwrap(ctx, k)
		if err != nil {
			return Subject{}, err
		}
		sub.keys = append(sub.keys, key)
		sub.seals.Store(k.Seals) // of the last, which is the one that seals
	}
	return Subject{f: func() *subject { return sub }}, nil
}

func (s session) unwrap(ctx context.Context, k PersonKey) (key gcm.Key, err error) {
	b, err := s.branch(ctx, k.Branch)
	if err != nil {
		return gcm.Key{}, err
	}
	secretly(func() {
		var tuple [128]byte
		var buf, raw = [gcm.KeyLen]byte{}, []byte(nil)
		if raw, err = b.Open(buf[:0], k.Wrapped, wrapTuple(tuple[:0], s.vault.org, k)); err == nil {
			key, err = gcm.New(uint32(k.ID), raw)
			clear(raw)
		}
	})
	return key, err
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
