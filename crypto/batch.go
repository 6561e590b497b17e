package crypto

import (
	"context"
	"slices"
	"sync"

	"github.com/sfsync/sfsync-go/crypto/internal/gcm"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Batch seals the values of one transaction.
type Batch struct {
	session session
	sealer  *Sealer
	indexes []index

	addresses map[Digest]bool // of forgotten people; nil: none
	moved     bool
}

// Moved reports whether a record that the batch has asked for belonged to another
// person before: see [Vault.Moved].
func (b *Batch) Moved() bool { return b.moved }

// Subjects returns the person of each want. What is not in memory takes one
// round trip to the store; new persons, keys and links are durable when it
// returns. Record ids must have 18 characters.
func (b *Batch) Subjects(ctx context.Context, wants []Want) ([]Subject, error) {
	for _, w := range wants {
		if !w.valid() {
			return nil, fault.New(fault.Internal, "crypto.Subjects", "a want names no record, or one without its 18 characters; report this")
		}
	}
	m, out := b.session.vault.memory, make([]Subject, len(wants))
	missing, moves := m.wanted(wants, out)
	if len(missing) == 0 {
		return out, nil
	}
	asked := pick(wants, missing)
	found, err := b.load(ctx, func(mint *mint) ([]Holder, error) {
		return b.session.vault.keys.Link(ctx, asked, mint)
	})
	if err != nil {
		return nil, err
	}
	m.keep(b.session.epoch, moves, asked, found)
	return spread(out, missing, found), nil
}

// Known returns persons that rows already have, each as itself even where it
// has become an alias: what a row holds stays under the person it names.
func (b *Batch) Known(ctx context.Context, persons []Person) ([]Subject, error) {
	return b.session.known(persons, func(missing []Person) ([]Subject, error) {
		return b.load(ctx, func(mint *mint) ([]Holder, error) {
			return b.session.vault.keys.Keys(ctx, missing, mint)
		})
	})
}

// load asks the store and unwraps the keys it answers with, after giving a new
// generation to persons whose last key has sealed as often as it may.
func (b *Batch) load(ctx context.Context, ask func(*mint) ([]Holder, error)) ([]Subject, error) {
	mint, err := b.session.mint(ctx)
	if err != nil {
		return nil, err
	}
	holders, err := ask(mint)
	if err != nil {
		return nil, err
	}
	b.moved = b.moved || slices.ContainsFunc(holders, func(h Holder) bool { return h.Moved })
	if err := b.renew(ctx, holders, mint); err != nil {
		return nil, err
	}
	return b.session.subjects(ctx, holders)
}

// renew makes the next generations, and reads back which ones won.
func (b *Batch) renew(ctx context.Context, holders []Holder, m *mint) error {
	var fresh Addition
	var at []int
	for i, h := range holders {
		if n := len(h.Keys); n > 0 && h.Keys[n-1].Seals+b.sealer.unsaved(h.Keys[n-1]) >= sealBudget {
			fresh.Keys = append(fresh.Keys, m.next(h))
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return nil
	}
	if err := b.session.vault.keys.Add(ctx, fresh); err != nil {
		return err
	}
	persons := make([]Person, len(at))
	for j, i := range at {
		persons[j] = holders[i].Person
	}
	won, err := b.session.vault.keys.Keys(ctx, persons, m)
	if err == nil {
		spread(holders, at, won)
	}
	return err
}

// scratch holds a value's plaintext and associated data while it is sealed, and
// the last record id that was found valid: the fields of a record come together.
type scratch struct {
	plain, tuple []byte
	record       string
}

var scratches = sync.Pool{New: func() any { return &scratch{plain: make([]byte, 0, 512), tuple: make([]byte, 0, 256)} }}

// Seal appends a sealed value to dst and returns it; without spare capacity in
// dst that is the only allocation. null seals that there is no value, and looks
// like the shortest value of the field. Errors are Forgotten, KeyMissing,
// KeyExhausted (ask for the subject again) and Internal.
func (b *Batch) Seal(dst []byte, s Subject, f Field, null bool, text []byte) ([]byte, error) {
	sub, sc := s.get(), scratches.Get().(*scratch)
	defer scratches.Put(sc)
	if err := sealable(sub, f, sc); err != nil {
		return nil, err
	}
	key := sub.keys[len(sub.keys)-1]
	typ := f.Type
	if null {
		typ, text = typ|nullBit, nil
	}
	sc.tuple = fieldTuple(sc.tuple[:0], b.session.vault.org, sub.person, f, KeyID(key.ID()))
	start := len(dst)
	secretly(func() {
		sc.plain = appendPadded(sc.plain[:0], typ, text, f.Small)
		dst = key.Seal(dst, sc.plain, sc.tuple)
		clear(sc.plain)
	})
	if gcm.Sample(dst, start) {
		sub.seals.Add(gcm.SampleWeight)
		b.sealer.count(SealCount{sub.person, KeyID(key.ID()), gcm.SampleWeight})
	}
	return dst, nil
}
