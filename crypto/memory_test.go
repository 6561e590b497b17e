package crypto_test

import (
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
)

// TestMovesBesideMoves: a record that moves to another owner is known to have,
// whatever else moves in the same call or while the store is asked.
func TestMovesBesideMoves(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	keys := hooked{e.keys, map[string]func() error{}}
	e.vault = openVault(t, keys, e.kek, orgA)
	b := e.begin()
	ask := func(wants ...crypto.Want) []crypto.Subject {
		t.Helper()
		s, err := b.Subjects(t.Context(), wants)
		must(t, err)
		return s
	}
	item := func(n int) crypto.Want {
		return crypto.Want{Record: link("OrderItem", "802", n), Owner: order(n)}
	}
	sold := func(n int) crypto.Want { return crypto.Want{Record: order(n), Owner: contact(n)} }
	ask(item(1), item(2), item(3), item(4)) // orders of nobody yet
	keys.after["Link"] = func() error { ask(sold(1)); return nil }
	ask(sold(2))
	ask(sold(3), sold(4))
	for n := 1; n <= 4; n++ {
		if got, want := ask(item(n))[0].Person(), ask(crypto.Want{Record: contact(n)})[0].Person(); got != want {
			t.Errorf("the item of order %d is of person %v, the order's contact is %v", n, got, want)
		}
	}
}
