package cryptotest

import (
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
)

// gone checks that a want is answered as forgotten.
func (s *suite) gone(what string, w crypto.Want) {
	s.Helper()
	if got := s.link(w)[0]; !got.Forgotten || !got.Person.IsZero() || len(got.Keys) != 0 {
		s.Errorf("%s: %+v, want forgotten", what, got)
	}
}

func (s *suite) lifter() crypto.Lifter {
	s.Helper()
	l, ok := s.KeyStore.(crypto.Lifter)
	if !ok {
		s.Skip("the store is no crypto.Lifter")
	}
	return l
}

func (s *suite) lift(by crypto.Link) bool {
	s.Helper()
	lifted, err := s.lifter().Lift(s.Context(), by.Record, s.mint)
	if err != nil {
		s.Fatalf("Lift: %v", err)
	}
	return lifted
}

var account = crypto.Link{Object: "Account", Record: id("001", 1)}

// named is a want whose owner the record names first.
func named(record, owner crypto.Link) crypto.Want {
	return crypto.Want{Record: record, Owner: owner, Named: true}
}

// testSuppressOwn: a person's own record stays away, whoever it names.
func testSuppressOwn(t *testing.T, s *suite) {
	s.found()
	s.forget(s.person(own(contact(1))))
	other := s.person(own(account))
	s.gone("with an owner named", named(contact(1), account))
	s.gone("with an owner", crypto.Want{Record: contact(1), Owner: account})
	if got := s.person(own(account)); got != other {
		t.Error("the owner is another person")
	}
}

// testSuppressAbout: a record about a person stays away until it names another.
func testSuppressAbout(t *testing.T, s *suite) {
	s.found()
	grace, second := s.person(own(contact(2))), s.person(own(contact(4)))
	s.person(named(order(1), contact(1)))
	s.forget(s.person(own(contact(1))))
	s.forget(second)
	s.gone("that names nobody", own(order(1)))
	s.gone("that falls back on the account", crypto.Want{Record: order(1), Owner: account})
	s.gone("that names somebody forgotten", named(order(1), contact(4)))
	if got := s.person(named(order(1), contact(2))); got != grace {
		t.Error("a record that names another person has not that person")
	}
	s.gone("that names nobody again", own(order(1)))
}

// testSuppressLater: a record that comes when its person is forgotten is as
// much theirs as those from before.
func testSuppressLater(t *testing.T, s *suite) {
	s.found()
	s.forget(s.person(own(contact(1))))
	s.gone("that names the person", named(order(1), contact(1)))
	s.gone("that names nobody any more", own(order(1)))
	if !s.lift(order(1)) {
		t.Error("a record that came later does not find the forgetting")
	}
	s.person(own(order(1)))
}

// testSuppressFormer: the person that a record had of its own goes with the
// person that it turns out to be about, as an alias would have.
func testSuppressFormer(t *testing.T, s *suite) {
	s.found()
	item := crypto.Link{Object: "OrderItem", Record: id("802", 1)}
	former := s.link(own(order(1)), named(item, order(1)))[0].Person
	grace := s.person(named(order(2), contact(2)))
	s.forget(s.person(own(contact(1))))
	before := s.root().Forgets
	s.gone("an order that names the person", named(order(1), contact(1)))
	if s.root().Forgets == before {
		t.Error("the forget counter stayed, so that others go on sealing")
	}
	if got := s.keys(former)[0]; !got.Forgotten || len(got.Keys) != 0 {
		t.Errorf("the person that the order had is left: %+v", got)
	}
	s.gone("an item of that person", named(item, order(1)))
	s.gone("another person's order that names the person", named(order(2), contact(1)))
	if got := s.keys(grace)[0]; got.Forgotten || len(got.Keys) != 1 {
		t.Errorf("the person whose order it was: %+v", got)
	}
	if p, err := s.Persons(t.Context(), crypto.Person{}, order(2).Record); err != nil || len(p) != 0 {
		t.Errorf("the order still leads to %d persons: %v", len(p), err)
	}
	s.lift(contact(1))
	s.person(named(item, order(1)))
}

// testLiftLatest: of the forgettings that took a record the last is lifted.
func testLiftLatest(t *testing.T, s *suite) {
	s.lifter()
	s.found()
	s.person(named(order(1), contact(1)))
	s.forget(s.person(own(contact(1))))
	s.forget(s.person(named(order(1), contact(2))))
	for _, c := range []struct {
		by, back, away crypto.Link
	}{{order(1), contact(2), contact(1)}, {order(1), contact(1), contact(3)}} {
		s.forget(s.person(own(contact(3))))
		if !s.lift(c.by) {
			t.Fatal("there was nothing to lift")
		}
		s.gone("who was not lifted", own(c.away))
		s.person(own(c.back))
		s.lift(contact(3))
	}
	if s.lift(order(1)) {
		t.Error("a third forgetting was lifted of two")
	}
}

// testUnknown: nobody is known who has no key, no link and no alias.
func testUnknown(t *testing.T, s *suite) {
	s.found()
	alias := s.person(own(order(1)))
	person := s.person(named(order(1), contact(1)))
	for what, c := range map[string]struct {
		p    crypto.Person
		want int
	}{"somebody": {person, 2}, "an alias": {alias, 2}, "nobody": {crypto.Person{1}, 0}} {
		if got, err := s.Persons(t.Context(), c.p, ""); err != nil || len(got) != c.want {
			t.Errorf("%s: %d persons, %v; want %d", what, len(got), err, c.want)
		}
	}
	s.forget(alias)
	if got, err := s.Persons(t.Context(), person, ""); err != nil || len(got) != 0 {
		t.Errorf("somebody forgotten: %d persons, %v", len(got), err)
	}
}

// testForgetTaken: a forgetting says whom it took, also those that became one
// with the persons since the caller looked.
func testForgetTaken(t *testing.T, s *suite) {
	s.found()
	alias := s.person(own(order(1)))
	person, other := s.person(named(order(1), contact(1))), s.person(own(contact(2)))
	taken, err := s.Forget(t.Context(), []crypto.Person{person, other}, s.mint)
	if err != nil || len(taken) != 3 {
		t.Errorf("%d persons were taken, %v; want 3", len(taken), err)
	}
	for _, h := range s.keys(person, alias, other) {
		if !h.Forgotten {
			t.Errorf("%+v is left", h)
		}
	}
}
