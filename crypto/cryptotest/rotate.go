package cryptotest

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// rotator is the store as one whose keys rotate.
func (s *suite) rotator() crypto.Rotator {
	s.Helper()
	r, ok := s.KeyStore.(crypto.Rotator)
	if !ok {
		s.Skip("the store is no crypto.Rotator")
	}
	s.found()
	return r
}

// turn makes another branch keyset active.
func (s *suite) turn(r crypto.Rotator) (was, retired, fresh crypto.Keyset) {
	s.Helper()
	for _, k := range s.root().Keysets {
		if k.State == crypto.Active {
			was = k
		}
	}
	retired, fresh = was, branch("next")
	retired.State, retired.Retired = crypto.Retired, 1700000001
	fresh.Version = was.Version + 1
	if err := r.Replace(s.Context(), s.root().Keysets, []crypto.Keyset{retired, fresh}); err != nil {
		s.Fatal(err)
	}
	return was, retired, fresh
}

func (s *suite) conflict(what string, err error) {
	s.Helper()
	if fault.CodeOf(err) != fault.Conflict {
		s.Errorf("%s: %v, want %s", what, err, fault.Conflict)
	}
}

func testReplace(t *testing.T, s *suite) {
	r := s.rotator()
	was, retired, fresh := s.turn(r)
	want := []crypto.Keyset{retired, fresh}
	if d := cmp.Diff(want, s.root().Keysets); d != "" {
		t.Errorf("keysets after an exchange (-want +got):\n%s", d)
	}
	late := was
	late.Sealed = []byte("late")
	s.conflict("an exchange of what was exchanged", r.Replace(t.Context(), []crypto.Keyset{was, fresh}, []crypto.Keyset{late}))
	s.conflict("an exchange beside one that was added", r.Replace(t.Context(), want[:1], []crypto.Keyset{late}))
	late.Version = 3
	s.conflict("an addition to what was exchanged", r.Replace(t.Context(), []crypto.Keyset{was, fresh}, []crypto.Keyset{late}))
	if d := cmp.Diff(want, s.root().Keysets); d != "" {
		t.Errorf("keysets after conflicts (-want +got):\n%s", d)
	}
	gone := retired
	gone.State, gone.Sealed, gone.Proof, gone.Destroyed = crypto.Destroyed, nil, nil, 1700000002
	if err := r.Replace(t.Context(), want, []crypto.Keyset{gone}); err != nil {
		t.Fatal(err)
	}
	if got := s.root().Keysets[0]; got.State != crypto.Destroyed || len(got.Sealed)+len(got.Proof) > 0 || got.Destroyed != gone.Destroyed {
		t.Errorf("a destroyed keyset: %+v", got)
	}
	if n := hits(t, s.dir, was.Sealed); n > 0 {
		t.Errorf("a destroyed keyset is in the files %d times", n)
	}
}

func testRetired(t *testing.T, s *suite) {
	r := s.rotator()
	h := s.link(own(contact(1)))[0]
	_, retired, _ := s.turn(r)
	if _, err := s.Link(t.Context(), []crypto.Want{own(contact(2))}, s.mint); true {
		s.conflict("a new person under a retired keyset", err) // as a batch from before would bring
	}
	if got := s.link(own(contact(1)))[0]; !cmp.Equal(got, h) {
		t.Errorf("a person from before: %+v, want %+v", got, h)
	}
	second := h.Keys[0]
	second.Generation, second.ID = 2, second.ID+1
	s.conflict("a generation under a retired keyset", s.Add(t.Context(), crypto.Addition{Keys: []crypto.PersonKey{second}}))
	s.conflict("a key wrapped by a retired keyset", r.Rewrap(t.Context(), h.Keys))
	gone := retired
	gone.State, gone.Sealed, gone.Proof = crypto.Destroyed, nil, nil
	s.conflict("destroying what is in use", r.Replace(t.Context(), s.root().Keysets, []crypto.Keyset{gone}))
}

func testRewrap(t *testing.T, s *suite) {
	r := s.rotator()
	var wants []crypto.Want
	for n := range 10 {
		wants = append(wants, own(contact(n)))
	}
	holders := s.link(wants...)
	second := holders[0].Keys[0]
	second.Generation, second.ID = 2, second.ID+1
	before := s.root().Forgets
	if err := s.Add(t.Context(), crypto.Addition{Keys: []crypto.PersonKey{second}}); err != nil {
		t.Fatal(err)
	}
	if s.root().Forgets == before {
		t.Error("a new generation left the forget counter, so that others go on with the one before")
	}
	s.turn(r)
	s.forget(holders[9].Person)
	if n, err := r.Count(t.Context()); n != 10 || err != nil {
		t.Errorf("%d keys, %v; want 10", n, err)
	}
	var all []crypto.PersonKey
	for at := (crypto.PersonKey{}); ; at = all[len(all)-1] {
		page, err := r.Wrapped(t.Context(), at, 3)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, page...); len(page) < 3 {
			break
		}
	}
	if len(all) != 10 {
		t.Fatalf("pages of 3 have %d keys, want 10", len(all))
	}
	for i := range all {
		all[i].Branch, all[i].Wrapped = 2, bytes.Repeat([]byte{byte(i)}, 65)
	}
	forgotten := holders[9].Keys[0]
	forgotten.Branch = 2
	if err := r.Rewrap(t.Context(), append(all, forgotten)); err != nil {
		t.Fatal(err)
	}
	for _, h := range s.keys(holders[0].Person, holders[1].Person, holders[9].Person) {
		for _, k := range h.Keys {
			if k.Branch != 2 || !bytes.Equal(k.Wrapped, bytes.Repeat(k.Wrapped[:1], 65)) || h.Person == forgotten.Person {
				t.Errorf("after wrapping anew: %+v", k)
			}
		}
	}
	if n := hits(t, s.dir, forgotten.Wrapped); n > 0 {
		t.Errorf("a forgotten key is in the files %d times", n)
	}
}

// testWraps: a key is counted when it is stored, by the keyset that wraps it.
func testWraps(t *testing.T, s *suite) {
	r := s.rotator()
	h := s.link(own(contact(1)), own(contact(2)), crypto.Want{Record: order(1), Owner: contact(3)})[0]
	s.link(own(contact(1)))
	second := h.Keys[0]
	second.Generation, second.ID = 2, second.ID+1
	if err := s.Add(t.Context(), crypto.Addition{Keys: []crypto.PersonKey{second}}); err != nil {
		t.Fatal(err)
	}
	s.turn(r)
	fresh := h.Keys[0]
	fresh.Branch = 2
	if err := r.Rewrap(t.Context(), []crypto.PersonKey{fresh}); err != nil {
		t.Fatal(err)
	}
	if k := s.root().Keysets; k[0].Wraps != 4 || k[1].Wraps != 1 {
		t.Errorf("counted %d and %d keys, want 4 and 1", k[0].Wraps, k[1].Wraps)
	}
}

func testDestroyed(t *testing.T, s *suite) {
	r := s.rotator()
	d, ok := s.KeyStore.(crypto.Destroyer)
	if !ok {
		t.Skip("the store is no crypto.Destroyer")
	}
	h := s.link(own(contact(1)), own(contact(2)))
	first, second := h[0].Keys[0], h[0].Keys[0]
	second.Generation, second.ID, second.Created, second.Wrapped = 2, second.ID+1, first.Created+5, []byte("second")
	if err := s.Add(t.Context(), crypto.Addition{Keys: []crypto.PersonKey{second}}); err != nil {
		t.Fatal(err)
	}
	retired := func(before int64, want ...crypto.PersonKey) {
		t.Helper()
		if got, err := d.Retired(t.Context(), before); err != nil || !cmp.Equal(got, want) {
			t.Errorf("retired before %d: %+v, %v; want %+v", before, got, err, want)
		}
	}
	first.Retired = second.Created
	retired(second.Created)
	retired(second.Created+1, first)
	forgets := s.root().Forgets
	for range 2 { // the second generation is not retired
		if err := d.Destroy(t.Context(), []crypto.PersonKey{first, second}); err != nil {
			t.Fatal(err)
		}
	}
	if s.root().Forgets == forgets {
		t.Error("a destroyed key left the forget counter, so that others go on with it")
	}
	retired(second.Created + 1)
	keys := s.keys(h[0].Person)[0].Keys
	if keys[0].Destroyed == 0 || keys[0].ID != first.ID || keys[0].Branch != 0 || len(keys[0].Wrapped) > 0 || !cmp.Equal(keys[1], second) {
		t.Errorf("after one of two was destroyed: %+v", keys)
	}
	if n := hits(t, s.dir, first.Wrapped); n > 0 {
		t.Errorf("a destroyed key is in the files %d times", n)
	}
	if n, err := r.Count(t.Context()); n != 2 || err != nil {
		t.Errorf("%d keys, %v; want 2", n, err)
	}
	if page, err := r.Wrapped(t.Context(), crypto.PersonKey{}, 9); err != nil || len(page) != 2 {
		t.Errorf("%d keys to wrap anew, %v; want 2", len(page), err)
	}
}
