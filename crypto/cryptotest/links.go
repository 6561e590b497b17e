package cryptotest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sfsync/sfsync-go/crypto"
)

func testLink(t *testing.T, s *suite) {
	s.found()
	h := s.link(own(contact(1)), own(contact(2)), own(contact(1)),
		crypto.Want{Record: order(1), Owner: contact(1)}, crypto.Want{Owner: contact(2)}, crypto.Want{Record: contact(2), Owner: contact(2)})
	a, b := h[0].Person, h[1].Person
	for i, want := range []crypto.Person{a, b, a, a, b, b} {
		if h[i].Person != want || h[i].Forgotten || len(h[i].Keys) != 1 {
			t.Errorf("want %d: %+v, want person %s", i, h[i], want)
		}
	}
	if a == b {
		t.Error("two records have one person")
	}
	made := len(s.mint.made)
	again := s.link(own(contact(1)), crypto.Want{Record: order(1), Owner: contact(1)})
	if d := cmp.Diff([]crypto.Holder{h[0], h[3]}, again); d != "" {
		t.Errorf("the same wants give something else (-first +second):\n%s", d)
	}
	if len(s.mint.made) != made || made != 2 {
		t.Errorf("%d keys were made for two persons", len(s.mint.made))
	}
	if moved := s.person(crypto.Want{Record: order(1), Owner: contact(2)}); moved != b {
		t.Error("a record that changed its owner has not the new owner's person")
	}
	if same := s.person(own(contact(1))); same != a {
		t.Error("the former owner's person changed")
	}
}

func testAlias(t *testing.T, s *suite) {
	s.found()
	before := s.person(own(order(1)))
	item := crypto.Link{Object: "OrderItem", Record: id("802", 1)}
	if got := s.person(crypto.Want{Record: item, Owner: order(1)}); got != before {
		t.Fatal("an item of an order without owner has not the order's person")
	}
	owner := s.person(crypto.Want{Record: order(1), Owner: contact(1)})
	if owner == before {
		t.Error("an order whose owner became known keeps its own person")
	}
	if got := s.person(crypto.Want{Owner: item}); got != owner {
		t.Error("an item did not follow its order to the owner's person by itself")
	}
	if got := s.person(crypto.Want{Record: item, Owner: order(1)}); got != owner {
		t.Error("an item that was read again did not follow its order to the owner's person")
	}
	if got := s.keys(before)[0]; len(got.Keys) == 0 {
		t.Error("the alias lost its key, under which rows still lie")
	}
}

func testOwnerOfOwner(t *testing.T, s *suite) {
	s.found()
	a := s.person(own(order(1)))
	b := s.person(crypto.Want{Record: order(1), Owner: contact(1)})
	c := s.person(crypto.Want{Record: contact(1), Owner: account})
	if got := s.person(crypto.Want{Record: order(1), Owner: contact(1)}); got != c {
		t.Error("a chain of aliases is not followed to its end")
	}
	// The other way round must not make a circle.
	if got := s.person(crypto.Want{Record: account, Owner: order(1)}); got != c {
		t.Error("an owner that is owned by what it owns has another person")
	}
	s.forget(c)
	for _, p := range []crypto.Person{a, b, c} {
		if got := s.keys(p)[0]; !got.Forgotten || len(got.Keys) != 0 {
			t.Errorf("forgetting left %+v", got)
		}
	}
}

func testOwnAgain(t *testing.T, s *suite) {
	s.found()
	first := s.person(own(order(1)))
	owner := s.person(crypto.Want{Record: order(1), Owner: contact(1)})
	again := s.person(own(order(1)))
	if again == owner || again == first {
		t.Error("a record that lost its owner has not a new person")
	}
	if got := s.person(own(order(1))); got != again {
		t.Error("the new person does not stay")
	}
}

func testKeysOfAlias(t *testing.T, s *suite) {
	s.found()
	alias := s.person(own(order(1)))
	owner := s.person(crypto.Want{Record: order(1), Owner: contact(1)})
	h := s.keys(owner, alias, crypto.Person{15: 1})
	if h[0].Person != owner || h[1].Person != alias || len(h[0].Keys) != 1 || len(h[1].Keys) != 1 {
		t.Errorf("Keys: %+v", h)
	}
	if h[2].Forgotten || len(h[2].Keys) != 0 || h[2].Person != (crypto.Person{15: 1}) {
		t.Errorf("a person that never was: %+v", h[2])
	}
}

func testFailingMint(t *testing.T, s *suite) {
	s.found()
	broken := failing{s.mint, errors.New("no key")}
	if _, err := s.Link(t.Context(), []crypto.Want{own(contact(1))}, broken); err == nil {
		t.Error("Link succeeded without a key")
	}
	s.person(own(contact(1)))
}

type failing struct {
	crypto.Mint
	err error
}

func (f failing) Key(crypto.Person) (crypto.PersonKey, error) { return crypto.PersonKey{}, f.err }

func testCancelled(t *testing.T, s *suite) {
	s.found()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Link(ctx, []crypto.Want{own(contact(1))}, s.mint); !errors.Is(err, context.Canceled) {
		t.Errorf("Link: %v, want that it was cancelled", err)
	}
	if _, err := s.Root(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Root: %v, want that it was cancelled", err)
	}
	s.person(own(contact(1)))
}

func testLarge(t *testing.T, s *suite) {
	s.found()
	const n = 1500
	wants := make([]crypto.Want, 0, 2*n)
	for i := range n {
		wants = append(wants, own(contact(i)), crypto.Want{Record: order(i), Owner: contact(n - 1 - i)})
	}
	first := s.link(wants...)
	if d := cmp.Diff(first, s.link(wants...)); d != "" {
		t.Error("a large batch asked twice gives two answers")
	}
	for i := range n {
		if first[2*i+1].Person != first[2*(n-1-i)].Person {
			t.Fatalf("order %d has not the person of its owner", i)
		}
	}
}
