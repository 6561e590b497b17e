package cryptotest

import (
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
)

func testForget(t *testing.T, s *suite) {
	s.found()
	h := s.link(own(contact(1)), crypto.Want{Record: order(1), Owner: contact(1)}, own(contact(2)))
	before := s.root().Forgets
	s.forget(h[0].Person)
	if got := s.root().Forgets; got <= before {
		t.Errorf("the forget counter went from %d to %d", before, got)
	}
	made := len(s.mint.made)
	for name, w := range map[string]crypto.Want{
		"own record":              own(contact(1)),
		"owned record":            {Record: order(1), Owner: contact(1)},
		"owned record, no owner":  own(order(1)),
		"new record of the owner": {Record: order(2), Owner: contact(1)},
		"field of the owner":      {Owner: contact(1)},
	} {
		if got := s.link(w)[0]; !got.Forgotten || !got.Person.IsZero() || len(got.Keys) != 0 {
			t.Errorf("%s: %+v, want forgotten", name, got)
		}
	}
	if len(s.mint.made) != made {
		t.Error("a key was made for somebody forgotten")
	}
	if got := s.keys(h[0].Person)[0]; !got.Forgotten || len(got.Keys) != 0 {
		t.Errorf("Keys of the forgotten: %+v", got)
	}
	if got := s.keys(h[2].Person)[0]; got.Forgotten || len(got.Keys) != 1 {
		t.Errorf("Keys of another person: %+v", got)
	}
	// What a new generation would bring back must not come either.
	revived := h[0].Keys[0]
	revived.Generation = 2
	if err := s.Add(t.Context(), crypto.Addition{Keys: []crypto.PersonKey{revived}}); err != nil {
		t.Fatal(err)
	}
	if got := s.keys(h[0].Person)[0]; !got.Forgotten || len(got.Keys) != 0 {
		t.Errorf("a new generation revived %+v", got)
	}
}

func testForgetAliases(t *testing.T, s *suite) {
	s.found()
	for name, pick := range map[string]func(alias, person crypto.Person) crypto.Person{
		"by alias":  func(alias, _ crypto.Person) crypto.Person { return alias },
		"by person": func(_, person crypto.Person) crypto.Person { return person },
	} {
		n := len(name)
		alias := s.person(own(order(n)))
		person := s.person(crypto.Want{Record: order(n), Owner: contact(n)})
		s.forget(pick(alias, person))
		for _, h := range append(s.keys(alias, person), s.link(own(order(n)), own(contact(n)))...) {
			if !h.Forgotten || len(h.Keys) != 0 {
				t.Errorf("%s: %+v is left", name, h)
			}
		}
		for _, p := range []crypto.Person{alias, person} {
			if c, logged := hits(t, s.dir, p[:]), s.logged(p); c > logged {
				t.Errorf("%s: the files hold a person %d times beside the forget log", name, c-logged)
			}
		}
	}
}

func testForgetMoved(t *testing.T, s *suite) {
	s.found()
	s.person(own(order(1)))
	first := s.person(crypto.Want{Record: order(1), Owner: contact(1)})
	second := s.person(crypto.Want{Record: order(1), Owner: contact(2)})
	s.forget(first)
	if got := s.person(crypto.Want{Record: order(1), Owner: contact(2)}); got != second {
		t.Error("forgetting a former owner took a record of the present one")
	}
}

func testForgetTwice(t *testing.T, s *suite) {
	s.found()
	p := s.person(own(contact(1)))
	s.forget(p)
	s.forget(p)
	unknown := crypto.Person{1}
	s.forget(unknown)
	for _, h := range s.keys(p, unknown) {
		if !h.Forgotten {
			t.Errorf("%+v is not forgotten", h)
		}
	}
}

func testLift(t *testing.T, s *suite) {
	l := s.lifter()
	s.found()
	for n, by := range []crypto.Link{contact(0), order(1)} { // any record of the person finds it
		person := s.link(own(contact(n)), crypto.Want{Record: order(n), Owner: contact(n)})[0].Person
		other := s.person(own(contact(10 + n)))
		s.forget(person)
		s.forget(other)
		before := s.root().Forgets
		if !s.lift(by) || s.lift(by) {
			t.Error("a forgetting is not lifted once")
		}
		if s.root().Forgets == before {
			t.Error("the forget counter stayed, so that others go on as before")
		}
		if got := s.person(crypto.Want{Record: order(n), Owner: contact(n)}); got == person || got != s.person(own(contact(n))) {
			t.Errorf("after lifting: person %v, which was %v", got, person)
		}
		if got := s.link(own(contact(10 + n)))[0]; !got.Forgotten {
			t.Error("another forgetting was lifted too")
		}
		for _, c := range []struct {
			record crypto.Link
			want   bool
		}{{contact(n), false}, {contact(10 + n), true}, {contact(99), false}} {
			if got, err := l.Buried(t.Context(), c.record.Record, s.mint); err != nil || got != c.want {
				t.Errorf("Buried: %t, %v; want %t", got, err, c.want)
			}
		}
	}
}
