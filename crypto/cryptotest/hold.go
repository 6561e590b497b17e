package cryptotest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// addressed is an entry of an e-mail address, with what its tombstone would be.
func addressed(n int, p crypto.Person, value string) crypto.Entry {
	e := entry(n, p, value)
	copy(e.Address[:], "address of "+value)
	return e
}

// hold is the entry of a record that is held for the address of e.
func hold(n int, p crypto.Person, e crypto.Entry) crypto.Entry {
	h := entry(n, p, "")
	h.Type, h.Version, h.Digest = crypto.HeldIndex, 0, crypto.IndexDigest(e.Address[:16])
	return h
}

func testHold(t *testing.T, s *suite, index crypto.IndexStore) {
	lifter, ok := s.KeyStore.(crypto.Lifter)
	if !ok {
		t.Skip("the store cannot lift")
	}
	addresses := func(why string, want ...crypto.Digest) {
		t.Helper()
		if got, err := lifter.Addresses(t.Context()); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: %d addresses of the forgotten, want %d: %v", why, len(got), len(want), err)
		}
	}
	held := func(why string, want ...crypto.Link) {
		t.Helper()
		if got, err := lifter.Held(t.Context()); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: held are %v, want %v: %v", why, got, want, err)
		}
	}
	lift := func(record crypto.Link, want bool) {
		t.Helper()
		if got, err := lifter.Lift(t.Context(), record.Record, s.mint); err != nil || got != want {
			t.Errorf("lifted: %v, want %v: %v", got, want, err)
		}
	}
	ada, ben, eve := s.person(own(contact(1))), s.person(own(contact(2))), s.person(own(contact(3)))
	adas, shared := addressed(1, ada, "hers alone"), addressed(1, ada, "of the two")
	shared.Place.Field = "Email2"
	put(t, index, adas, shared, addressed(2, ben, "of the two"))
	s.forget(ada)
	addresses("what another has too leaves no tombstone", adas.Address)

	late := addressed(3, eve, "hers alone")
	if _, err := index.Put(t.Context(), []crypto.Entry{late}); !errors.Is(err, fault.Forgotten) {
		t.Errorf("an address forgotten meanwhile was indexed: %v", err)
	}
	h := hold(3, eve, late)
	put(t, index, h)
	held("one record", contact(3))
	prune(t, index, put(t, index), h)
	held("the record was written again without the address")
	put(t, index, h)
	s.forget(eve)
	held("its person was forgotten too")
	addresses("nothing changes the tombstone", adas.Address)

	dan := s.person(own(contact(4)))
	h = hold(4, dan, late)
	put(t, index, h)
	before := s.root().Forgets
	lift(contact(4), true)
	if s.root().Forgets <= before {
		t.Error("nobody is told that an address was lifted")
	}
	addresses("lifted")
	held("lifted")
	lift(contact(4), false)
	put(t, index, addressed(4, dan, "hers alone"))
	if got := s.link(own(contact(1)))[0]; !got.Forgotten {
		t.Error("lifting an address brought a record back")
	}

	s.forget(dan)
	frank := s.person(own(contact(5)))
	put(t, index, hold(5, frank, late))
	lift(contact(4), true) // the forgetting itself
	addresses("the forgetting was lifted")
	held("the forgetting was lifted")
}
