package crypto

import (
	"bytes"
	"context"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Find returns whose entries have the value, in which places. A place may hold
// another value by now: Search.Confirm tells, of an opened one. The caller has
// recorded the search, as it tells who is known even without an opening.
// Errors are KeyUnavailable, ConfigInvalid where the key store keeps no index,
// and those of the store.
func (o *Opener) Find(ctx context.Context, search Search) ([]Entry, error) {
	store, err := o.vault.indexStore()
	if err != nil {
		return nil, err
	}
	s, err := o.vault.begin(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.indexes(ctx)
	if err != nil {
		return nil, err
	}
	t, text := search.get()
	like := entries(nil, o.vault.org, all, t, Place{}, Person{}, text)
	if len(like) == 0 {
		return nil, nil
	}
	found, err := store.Lookup(ctx, like)
	if err != nil {
		return nil, err
	}
	places := map[Place]bool{} // a place is found under several keysets while there are several
	out := found[:0]
	for _, e := range found {
		if !places[e.Place] {
			places[e.Place] = true
			out = append(out, e)
		}
	}
	return out, nil
}

// Search is a value to be found, with its type. It is a closure, so that
// printing it shows nothing.
type Search struct{ f func() (IndexType, []byte) }

// NewSearch makes a search. It is ConfigInvalid where the value has nothing
// that could be found: no digit in a phone number, or no character at all.
func NewSearch(t IndexType, value string) (Search, error) {
	text := []byte(value)
	if _, n := normalise(nil, t, text); len(n) == 0 {
		return Search{}, fault.New(fault.ConfigInvalid, "crypto.Find", "the value has nothing to be found by; give a whole one")
	}
	return Search{func() (IndexType, []byte) { return t, text }}, nil
}

func (s Search) get() (IndexType, []byte) {
	if s.f == nil {
		return ExactIndex, nil
	}
	return s.f()
}

// Confirm reports whether an opened value is the one searched for.
func (s Search) Confirm(p Plaintext) bool {
	t, text := s.get()
	have, ok := p.Reveal()
	if !ok {
		return false
	}
	form, want := normalise(nil, t, text)
	form2, got := normalise(nil, t, []byte(have))
	return form == form2 && len(want) > 0 && bytes.Equal(want, got)
}
