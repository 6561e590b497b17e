package crypto

import (
	"context"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Find returns whose entries have the value, in which places. A place may hold
// another value by now: Confirm tells, of an opened one. The caller records
// the search before it answers anybody, as it tells who is known even without an
// opening. Errors are
// ConfigInvalid where the value has nothing to be found by, such as a phone number
// without a digit, or where the key store keeps no index, KeyUnavailable, and
// those of the store.
func (o *Opener) Find(ctx context.Context, search Search) ([]Entry, error) {
	store, err := o.vault.indexStore()
	if err != nil {
		return nil, err
	}
	t, text := search.get()
	values := o.vault.rules.all(t, text)
	if len(values) == 0 {
		return nil, fault.New(fault.ConfigInvalid, "crypto.Find", "the value has nothing to be found by; give a whole one")
	}
	s, err := o.vault.begin(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.indexes(ctx)
	if err != nil {
		return nil, err
	}
	var like []Entry
	for _, x := range all {
		if x.kind != t {
			continue
		}
		for _, v := range values {
			digest, _ := x.digest(nil, o.vault.org, v.form, v.version, v.text)
			like = append(like, Entry{Type: t, Version: x.version, Normaliser: v.version, Digest: digest})
		}
	}
	found, err := store.Lookup(ctx, like)
	if err != nil {
		return nil, err
	}
	type answer struct {
		Place
		normaliser int
	}
	seen := map[answer]bool{} // a place is found under several keysets while there are several
	out := found[:0]
	for _, e := range found {
		if a := (answer{e.Place, e.Normaliser}); !seen[a] {
			seen[a] = true
			out = append(out, e)
		}
	}
	return out, nil
}

// Confirm reports whether the opened value of a place is the one searched for,
// by the rules that its entry was made by.
func (o *Opener) Confirm(search Search, e Entry, p Plaintext) bool {
	t, text := search.get()
	have, ok := p.Reveal()
	return ok && e.Type == t && o.vault.rules.same(t, e.Normaliser, text, []byte(have))
}

// Search is a value to be found, with its type. It is a closure, so that
// printing it shows nothing.
type Search struct{ f func() (IndexType, []byte) }

// NewSearch makes a search.
func NewSearch(t IndexType, value string) Search {
	text := []byte(value)
	return Search{func() (IndexType, []byte) { return t, text }}
}

func (s Search) get() (IndexType, []byte) {
	if s.f == nil {
		return ExactIndex, nil
	}
	return s.f()
}
