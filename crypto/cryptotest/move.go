package cryptotest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sfsync/sfsync-go/crypto"
)

func testMoves(t *testing.T, s *suite) {
	m, ok := s.KeyStore.(crypto.Mover)
	if !ok {
		t.Skip("the store is no crypto.Mover")
	}
	s.found()
	moved := func(why string, want ...crypto.Move) {
		t.Helper()
		got, err := m.Moved(t.Context(), order(1).Object, 10)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v (-want +got):\n%s", why, err, d)
		}
	}
	follow := func(moves ...crypto.Move) {
		t.Helper()
		if err := m.Followed(t.Context(), moves); err != nil {
			t.Fatal(err)
		}
	}
	s.person(own(order(1)))
	to := func(w crypto.Want, moves bool) crypto.Person {
		t.Helper()
		h := s.link(w)[0]
		if h.Moved != moves {
			t.Errorf("%v has moved: %v, want %v", w, h.Moved, moves)
		}
		return h.Person
	}
	to(named(order(1), contact(1)), false)
	to(named(order(2), contact(1)), false)
	moved("a new link, and a person that became an alias")
	ben := to(named(order(1), contact(2)), true)
	first := crypto.Move{Record: order(1).Record, Person: ben, Times: 1}
	moved("moved", first)
	to(named(order(1), contact(2)), false)
	eve := to(named(order(1), contact(3)), true)
	again := crypto.Move{Record: order(1).Record, Person: eve, Times: 2}
	follow(first)
	moved("moved again since it was looked at", again)
	follow(again)
	moved("followed")
	alone := to(own(order(1)), true)
	moved("on its own again", crypto.Move{Record: order(1).Record, Person: alone, Times: 1})
	if others, err := m.Moved(t.Context(), contact(1).Object, 10); err != nil || len(others) != 0 {
		t.Errorf("%d of another object have moved: %v", len(others), err)
	}
}
