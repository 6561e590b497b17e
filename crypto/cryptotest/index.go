package cryptotest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// indexed runs a test of a store that keeps an index.
func indexed(test func(*testing.T, *suite, crypto.IndexStore)) func(*testing.T, *suite) {
	return func(t *testing.T, s *suite) {
		s.found()
		store, ok := s.KeyStore.(crypto.IndexStore)
		if !ok {
			t.Skip("the store keeps no index")
		}
		test(t, s, store)
	}
}

// entry is a contact's e-mail, with a digest that is recognised in a file.
func entry(n int, p crypto.Person, value string) crypto.Entry {
	e := crypto.Entry{Place: crypto.Place{Object: "Contact", Record: contact(n).Record, Field: "Email"}, Person: p,
		Type: crypto.EmailIndex, Version: 1, Normaliser: 1}
	copy(e.Digest[:], value)
	return e
}

func put(t *testing.T, store crypto.IndexStore, entries ...crypto.Entry) int64 {
	t.Helper()
	mark, err := store.Put(t.Context(), entries)
	if err != nil {
		t.Fatalf("Put: %v", err)
	}
	return mark
}

func prune(t *testing.T, store crypto.IndexStore, mark int64, e crypto.Entry) {
	t.Helper()
	if err := store.Prune(t.Context(), mark, []crypto.Place{e.Place}); err != nil {
		t.Fatalf("Prune: %v", err)
	}
}

// found checks what is found under the digests of some entries.
func found(t *testing.T, store crypto.IndexStore, why string, like []crypto.Entry, want ...crypto.Entry) {
	t.Helper()
	got, err := store.Lookup(t.Context(), like)
	if err != nil {
		t.Fatalf("Lookup: %v", err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", why, d)
	}
}

func testIndex(t *testing.T, s *suite, store crypto.IndexStore) {
	ada, ben := s.person(own(contact(1))), s.person(own(contact(2)))
	shared, bens := entry(1, ada, "shared by the two"), entry(2, ben, "shared by the two")
	other, version, rules, kind := entry(1, ada, "another"), shared, shared, shared
	version.Version, rules.Normaliser, kind.Type = 2, 2, crypto.ExactIndex
	put(t, store, bens, shared, other, shared)
	like := entry(0, crypto.Person{}, "shared by the two")
	found(t, store, "two who share a value", []crypto.Entry{like}, shared, bens)
	found(t, store, "several digests", []crypto.Entry{other, like}, other, shared, bens)
	for _, e := range []crypto.Entry{version, rules, kind, entry(1, ada, "unknown")} {
		found(t, store, "another digest, version, normaliser or type", []crypto.Entry{e})
	}
	moved := shared
	moved.Person = ben
	put(t, store, moved)
	found(t, store, "a value of another person now", []crypto.Entry{like}, moved, bens)
}

func testIndexPrune(t *testing.T, s *suite, store crypto.IndexStore) {
	ada, ben := s.person(own(contact(1))), s.person(own(contact(2)))
	first, second, third := entry(1, ada, "first"), entry(1, ada, "second"), entry(1, ada, "third")
	phone, bens := entry(1, ada, "first"), entry(2, ben, "first")
	phone.Place.Field = "Phone"
	one := put(t, store, first, phone, bens)
	two := put(t, store, second)
	three := put(t, store, first, third)
	if one >= two || two >= three {
		t.Errorf("marks %d, %d, %d do not rise", one, two, three)
	}
	prune(t, store, two, first) // of the second batch, when the third is put already
	found(t, store, "a value that came back", []crypto.Entry{first, second, third}, first, phone, bens, second, third)
	prune(t, store, three, first)
	found(t, store, "a value that was replaced", []crypto.Entry{second})
	found(t, store, "other places", []crypto.Entry{first, third}, first, phone, bens, third)
	prune(t, store, put(t, store), first) // null now
	found(t, store, "a value that is null", []crypto.Entry{first, third}, phone, bens)
}

func testIndexPlaces(t *testing.T, s *suite, store crypto.IndexStore) {
	ada := s.person(own(contact(1)))
	want, of := map[crypto.Place]int{}, order(1)
	for n := range 100 {
		var entries []crypto.Entry
		for m := range 100 {
			e := entry(100*n+m, ada, "value")
			want[e.Place]++
			again := e
			again.Version = 2
			entries = append(entries, e, again)
		}
		other := entry(1, ada, fmt.Sprint(n))
		other.Place.Object, other.Place.Record = of.Object, of.Record
		put(t, store, append(entries, other)...)
	}
	pages := 0
	for after := int64(0); after != 0 || pages == 0; pages++ {
		places, next, err := store.Places(t.Context(), "Contact", after)
		if err != nil || next != 0 && next <= after {
			t.Fatalf("the page behind %d goes to %d, %v", after, next, err)
		}
		for _, p := range places {
			delete(want, p)
		}
		after = next
	}
	if len(want) > 0 || pages < 2 {
		t.Errorf("of 10,000 places %d are on none of %d pages", len(want), pages)
	}
	if places, _, err := store.Places(t.Context(), of.Object, 0); err != nil || len(places) != 1 || places[0].Record != of.Record {
		t.Errorf("of the other object, the first page has %v, %v", places, err)
	}
}

func testIndexForget(t *testing.T, s *suite, store crypto.IndexStore) {
	alias := s.person(own(order(1)))
	ada := s.person(crypto.Want{Record: order(1), Owner: contact(1)})
	ben := s.person(own(contact(2)))
	hers, aliased, his := entry(1, ada, "shared by the two"), entry(3, alias, "of her alias"), entry(2, ben, "shared by the two")
	put(t, store, hers, aliased, his, entry(4, crypto.Person{4}, "nobody's"))
	found(t, store, "of a person without a key", []crypto.Entry{entry(4, crypto.Person{4}, "nobody's")})
	s.forget(ada)
	put(t, store, hers, aliased) // of a batch that was being made
	found(t, store, "after one of two was forgotten", []crypto.Entry{hers, aliased}, his)
	if n := hits(t, s.dir, aliased.Digest[:]); n > 0 {
		t.Errorf("the files still hold a digest of the forgotten, %d times", n)
	}
}

func testIndexDrop(t *testing.T, s *suite, store crypto.IndexStore) {
	ada := s.person(own(contact(1)))
	first, second, phone := branch("first"), branch("second"), branch("phone")
	first.Use, second.Use, second.Version, phone.Use = "index:email", "index:email", 2, "index:phone"
	if err := s.Add(t.Context(), crypto.Addition{Keysets: []crypto.Keyset{first, second, phone}}); err != nil {
		t.Fatal(err)
	}
	older, newer, number, rules := entry(1, ada, "value"), entry(1, ada, "value"), entry(1, ada, "value"), entry(1, ada, "by newer rules")
	newer.Version, number.Type, rules.Version, rules.Normaliser = 2, crypto.PhoneIndex, 2, 2
	all := []crypto.Entry{older, newer, rules, number}
	put(t, store, older, newer, number)
	for _, c := range []struct {
		why                 string
		version, normaliser int
		code                error
		want                []crypto.Entry
	}{
		{"a newer normaliser has nothing yet", 2, 2, fault.Conflict, []crypto.Entry{older, newer, number}},
		{"the place has an entry of each keyset", 2, 1, nil, []crypto.Entry{newer, number}},
	} {
		if err := store.Drop(t.Context(), crypto.EmailIndex, c.version, c.normaliser); !errors.Is(err, c.code) {
			t.Errorf("Drop where %s: %v, want %v", c.why, err, c.code)
		}
		found(t, store, "after Drop where "+c.why, all, c.want...)
	}
	put(t, store, newer, rules)
	other := entry(2, s.person(own(contact(2))), "not read again")
	other.Version = 2
	put(t, store, other)
	if err := store.Drop(t.Context(), crypto.EmailIndex, 2, 2); !errors.Is(err, fault.Conflict) {
		t.Errorf("Drop where another place has older entries alone: %v, want %v", err, fault.Conflict)
	}
	prune(t, store, put(t, store), other)
	if err := store.Drop(t.Context(), crypto.EmailIndex, 2, 2); err != nil {
		t.Fatal(err)
	}
	found(t, store, "after a drop of older rules", all, rules, number)
	for _, k := range s.root().Keysets {
		if gone := k.Use == "index:email" && k.Version == 1; gone != (k.State == crypto.Destroyed) || gone != (len(k.Sealed) == 0) {
			t.Errorf("after a drop, %s version %d is %s with %d bytes", k.Use, k.Version, k.State, len(k.Sealed))
		}
	}
	if _, err := store.Put(t.Context(), []crypto.Entry{rules, older}); !errors.Is(err, fault.Conflict) { // of a batch that began before
		t.Errorf("Put under a destroyed keyset: %v, want %v", err, fault.Conflict)
	}
	found(t, store, "after a Put that was refused", all, rules, number)
}

func testIndexKeep(t *testing.T, s *suite, store crypto.IndexStore) {
	ada := s.person(own(contact(1)))
	email, phone, other, exact := entry(1, ada, "value"), entry(1, ada, "value"), entry(1, ada, "value"), entry(1, ada, "value")
	phone.Place.Field, other.Place.Object, other.Place.Record, exact.Type = "Phone", "Order", order(1).Record, crypto.ExactIndex
	all := []crypto.Entry{email, exact}
	put(t, store, email, phone, other, exact)
	kept := []crypto.Findable{{Object: "Contact", Field: "Email", Type: crypto.EmailIndex}, {Object: "Order", Field: "Phone", Type: crypto.EmailIndex}}
	for range 2 {
		if err := store.Keep(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
		found(t, store, "after two fields and a type were given up", all, email)
	}
	put(t, store, phone)
	found(t, store, "after one came back", all, email, phone)
}
