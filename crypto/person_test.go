package crypto_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

func TestSubjects(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	before := time.Now().UnixMilli()
	for _, round := range []string{"new", "from memory"} {
		b := e.begin()
		s, err := b.Subjects(t.Context(), []crypto.Want{
			{Record: contact(1)}, {Record: contact(2)}, {Record: order(1), Owner: contact(1)}, {Owner: contact(2)}, {Record: contact(1), Owner: contact(1)}})
		if err != nil {
			t.Fatal(err)
		}
		a, c := s[0].Person(), s[1].Person()
		if a == c || s[2].Person() != a || s[3].Person() != c || s[4].Person() != a {
			t.Errorf("%s: persons %v %v %v %v %v", round, a, c, s[2].Person(), s[3].Person(), s[4].Person())
		}
		for i, x := range s {
			if x.Forgotten() || x.Missing() || x.Key() == 0 || x.Person().IsZero() {
				t.Errorf("%s: subject %d is not live", round, i)
			}
		}
		known, err := b.Known(t.Context(), []crypto.Person{c, a, {15: 9}})
		if err != nil {
			t.Fatal(err)
		}
		if known[0].Key() != s[1].Key() || known[1].Key() != s[0].Key() || !known[2].Missing() || known[2].Forgotten() {
			t.Errorf("%s: Known gives other keys", round)
		}
		if made := int64(a[0])<<40 | int64(a[1])<<32 | int64(a[2])<<24 | int64(a[3])<<16 | int64(a[4])<<8 | int64(a[5]); made < before || made > time.Now().UnixMilli() {
			t.Errorf("%s: the person's time is %d", round, made)
		}
		if a[6]>>4 != 7 || a[8]>>6 != 2 {
			t.Errorf("%s: %s is no version 7 UUID", round, a)
		}
	}
}

// TestSubjectsFollowLinks: what memory holds must never hide that a link moved.
func TestSubjectsFollowLinks(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.begin()
	person := func(w crypto.Want) crypto.Person {
		t.Helper()
		s, err := b.Subjects(t.Context(), []crypto.Want{w})
		if err != nil {
			t.Fatal(err)
		}
		return s[0].Person()
	}
	own := person(crypto.Want{Record: order(1)})
	item := crypto.Want{Record: link("OrderItem", "802", 1), Owner: order(1)}
	if person(item) != own {
		t.Error("an item has not its order's person")
	}
	first := person(crypto.Want{Record: order(1), Owner: contact(1)})
	if first == own || person(item) != first {
		t.Error("the order's person did not move to its owner, with the item")
	}
	second := person(crypto.Want{Record: order(1), Owner: contact(2)})
	if second == first || person(crypto.Want{Record: order(1), Owner: contact(2)}) != second {
		t.Error("the order's person did not move to the second owner")
	}
	if alone := person(crypto.Want{Record: order(1)}); alone == second || alone == own || person(crypto.Want{Record: order(1)}) != alone {
		t.Error("the order without owner has not a person of its own")
	}
	if person(crypto.Want{Record: contact(1)}) != first || person(crypto.Want{Record: contact(2)}) != second {
		t.Error("an owner's person changed")
	}
	for _, owner := range []int{1, 2} { // all in memory by now
		person(crypto.Want{Record: order(1), Owner: contact(owner)})
	}
	e.vault = openVault(t, e.keys, e.kek, orgA)
	b = e.begin()
	if person(item) != second {
		t.Error("that the order went to its second owner did not reach the store")
	}
}

func TestSubjectsRefuse(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.begin()
	for name, w := range map[string]crypto.Want{
		"nothing":       {},
		"15 characters": {Record: crypto.Link{Object: "Contact", Record: contact(1).Record[:15]}},
		"wrong suffix":  {Record: contact(1), Owner: crypto.Link{Object: "Account", Record: "001000000000001AAB"}},
		"only a name":   {Owner: crypto.Link{Object: "Account"}},
	} {
		if _, err := b.Subjects(t.Context(), []crypto.Want{w}); fault.CodeOf(err) != fault.Internal {
			t.Errorf("%s: %v, want %s", name, err, fault.Internal)
		}
	}
}

// TestForgotten: a key destroyed on purpose and one that is lost are two faults.
func TestForgotten(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	other := openVault(t, openKeys(t, e.dir), e.kek, orgA) // as in another process
	f := field(1, "LastName")
	v := e.seal(f, "Lovelace")
	kept := e.seal(field(2, "LastName"), "Babbage")
	otherEnv := *e
	otherEnv.vault = other
	if got, err := otherEnv.open(v); got != "Lovelace" {
		t.Fatalf("the other vault opens %q, %v", got, err)
	}
	if _, err := e.vault.Forget(t.Context(), v.Person); err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]*env{"this vault": e, "another vault that had the key in memory": &otherEnv} {
		if got, err := e.open(v); fault.CodeOf(err) != fault.Forgotten {
			t.Errorf("%s opens %q, %v; want %s", name, got, err, fault.Forgotten)
		}
		if got, err := e.open(kept); got != "Babbage" {
			t.Errorf("%s opens %q, %v of another person", name, got, err)
		}
		b := e.begin()
		s := e.subject(b, contact(1))
		if !s.Forgotten() || s.Missing() || s.Key() != 0 || !s.Person().IsZero() {
			t.Errorf("%s: the forgotten record has a person", name)
		}
		if _, err := b.Seal(nil, s, f, false, nil); fault.CodeOf(err) != fault.Forgotten {
			t.Errorf("%s seals for the forgotten: %v", name, err)
		}
		known, err := b.Known(t.Context(), []crypto.Person{v.Person, {}})
		if err != nil || !known[0].Forgotten() || known[0].Person() != v.Person || !known[1].Forgotten() {
			t.Errorf("%s: Known of the forgotten: %v, %v, %v", name, known[0].Forgotten(), known[1].Forgotten(), err)
		}
	}
	lost := kept
	lost.Person = crypto.Person{1}
	if got, err := e.open(lost); fault.CodeOf(err) != fault.KeyMissing {
		t.Errorf("a person without key opens %q, %v; want %s", got, err, fault.KeyMissing)
	}
	if _, err := e.vault.Forget(t.Context(), crypto.Person{}); fault.CodeOf(err) != fault.ConfigInvalid {
		t.Errorf("forgetting nobody: %v", err)
	}
}

// TestBudget: a key that sealed 2^31 times seals no more, and another comes.
func TestBudget(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	f := field(1, "LastName")
	old := e.seal(f, "first")
	b := e.begin()
	s := e.subject(b, contact(1))
	count := func(n int64) {
		t.Helper()
		a := crypto.Addition{Seals: []crypto.SealCount{{Person: s.Person(), Key: s.Key(), Count: n}}}
		if err := e.keys.Add(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	count(crypto.SealBudget - 1)
	e.vault = openVault(t, e.keys, e.kek, orgA)
	b = e.begin()
	near := e.subject(b, contact(1))
	if near.Key() != s.Key() {
		t.Fatal("a key was replaced before its budget was used up")
	}
	var err error
	var dst [256]byte
	n := 0
	for ; err == nil && n < 3_000_000; n++ { // one seal of 65,536 counts
		_, err = b.Seal(dst[:0], near, f, false, nil)
	}
	if fault.CodeOf(err) != fault.KeyExhausted {
		t.Fatalf("after %d seals more: %v, want %s", n, err, fault.KeyExhausted)
	}
	next := e.subject(b, contact(1))
	if next.Key() == s.Key() || next.Person() != s.Person() {
		t.Fatal("an exhausted key was not replaced")
	}
	if got, err := e.open(old); got != "first" {
		t.Errorf("the former generation opens %q, %v", got, err)
	}
	if got, err := e.open(e.seal(f, "second")); got != "second" {
		t.Errorf("the new generation opens %q, %v", got, err)
	}
	e.begin() // stores the sample
	h, err := e.keys.Keys(t.Context(), []crypto.Person{s.Person()}, nil)
	if err != nil || len(h[0].Keys) != 2 || h[0].Keys[0].Seals != crypto.SealBudget-1+1<<16 {
		t.Errorf("stored %+v, %v", h, err)
	}
}

// TestForgottenMeanwhile: what a batch loads while somebody is forgotten must
// not stay in memory as if it had come after.
func TestForgottenMeanwhile(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	f := field(1, "LastName")
	v := e.seal(f, "Lovelace")
	keys := hooked{e.keys, map[string]func() error{}}
	late := *e
	late.vault = openVault(t, keys, e.kek, orgA)
	keys.after["Link"] = func() error {
		if _, err := e.vault.Forget(t.Context(), v.Person); err != nil {
			return err
		}
		late.begin() // another batch notices
		return nil
	}
	b := late.begin()
	if late.subject(b, contact(1)).Person() != v.Person {
		t.Fatal("the person was not loaded before it was forgotten")
	}
	if got, err := late.open(v); fault.CodeOf(err) != fault.Forgotten {
		t.Errorf("opened %q, %v; want %s", got, err, fault.Forgotten)
	}
}

// sampled seals until a seal is counted, and returns that.
func (e *env) sampled(b *crypto.Batch, s crypto.Subject) []byte {
	e.Helper()
	f, dst := field(1, "LastName"), make([]byte, 0, 64)
	for n := 0; crypto.Pending(e.vault) == 0; n++ { // one seal of 65,536 counts
		var err error
		if dst, err = b.Seal(dst[:0], s, f, false, nil); err != nil || n > 3_000_000 {
			e.Fatalf("after %d seals none is counted, %v", n, err)
		}
	}
	return dst
}

// TestSealsAreCountedAtTheEnd: those of the last batch too.
func TestSealsAreCountedAtTheEnd(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.begin()
	s := e.subject(b, contact(1))
	e.sampled(b, s)
	must(t, e.vault.Close())
	must(t, e.vault.Close())
	h, err := e.keys.Keys(t.Context(), []crypto.Person{s.Person()}, nil)
	must(t, err)
	if got := h[0].Keys[0].Seals; got != 1<<16 {
		t.Errorf("one sample was counted as %d seals", got)
	}
}

// TestSealsAreCounted: also where the store fails at first.
func TestSealsAreCounted(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	keys := hooked{e.keys, map[string]func() error{}}
	e.vault = openVault(t, keys, e.kek, orgA)
	b := e.begin()
	s := e.subject(b, contact(1))
	dst := e.sampled(b, s)
	if binary.BigEndian.Uint16(dst[15:]) != 0 {
		t.Errorf("a seal with the nonce %x was counted", dst[5:17])
	}
	keys.after["Add"] = func() error { return fault.New(fault.StoreFull, "test", "free some space") }
	if _, err := e.vault.Sealer().Begin(t.Context()); fault.CodeOf(err) != fault.StoreFull {
		t.Fatalf("Begin with a full disk: %v", err)
	}
	e.begin()
	h, err := e.keys.Keys(t.Context(), []crypto.Person{s.Person()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := h[0].Keys[0].Seals; got != 1<<16 {
		t.Errorf("one sample was counted as %d seals", got)
	}
}

// TestSubjectsMoveTogether: a want whose link an earlier one of the same call
// moves is not answered from memory.
func TestSubjectsMoveTogether(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.begin()
	for _, owner := range []crypto.Link{contact(1), contact(2), contact(1)} {
		want := e.subject(b, owner).Person()
		s, err := b.Subjects(t.Context(), []crypto.Want{{Record: order(1), Owner: owner}, {Owner: order(1)}})
		must(t, err)
		if s[0].Person() != want || s[1].Person() != want {
			t.Errorf("an order of %s and its own field: persons %v and %v, want %v twice", owner.Record, s[0].Person(), s[1].Person(), want)
		}
	}
}
