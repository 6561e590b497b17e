package cryptotest

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sfsync/sfsync-go/crypto"
)

// loser is a store that can damage itself, for a test.
type loser interface {
	// Lose deletes the keys of a person, and nothing else.
	Lose(testing.TB, crypto.Person)
}

func testLostKey(t *testing.T, s *suite) {
	s.found()
	store, ok := s.KeyStore.(loser)
	if !ok {
		t.Skip("the store has no method Lose(testing.TB, crypto.Person), which deletes a person's keys as damage would")
	}
	item := func(n int) crypto.Link { return crypto.Link{Object: "OrderItem", Record: id("802", n)} }
	for n, w := range []crypto.Want{own(contact(0)), {Record: order(1), Owner: contact(1)}, {Record: item(2), Owner: order(2)}} {
		h := s.link(own(contact(n)))[0]
		s.person(crypto.Want{Record: order(n), Owner: contact(n)})
		store.Lose(t, h.Person)
		if got := s.keys(h.Person)[0]; got.Forgotten || len(got.Keys) != 0 {
			t.Errorf("a lost key: %+v", got)
		}
		mended := s.link(w)[0]
		if mended.Person != h.Person || len(mended.Keys) != 1 || mended.Keys[0].ID == h.Keys[0].ID {
			t.Errorf("a person with a lost key became %+v", mended)
		}
		s.forget(h.Person)
		for _, l := range []crypto.Link{contact(n), order(n)} {
			if got := s.link(own(l))[0]; !got.Forgotten {
				t.Errorf("forgetting a mended person left %+v", got)
			}
			if c := hits(t, s.dir, []byte(l.Record)); c > 0 {
				t.Errorf("forgetting a mended person left its record in the files, %d times", c)
			}
		}
	}
	h := s.link(own(contact(9)))[0]
	store.Lose(t, h.Person)
	s.forget(h.Person)
	if got := s.link(own(contact(9)))[0]; !got.Forgotten {
		t.Errorf("forgetting a person with a lost key left %+v", got)
	}
}

func testGenerations(t *testing.T, s *suite) {
	s.found()
	h := s.link(own(contact(1)))[0]
	second, rival := h.Keys[0], h.Keys[0]
	second.Generation, second.ID, second.Wrapped = 2, 7, []byte("second")
	rival.Generation, rival.ID, rival.Wrapped = 2, 8, []byte("rival")
	orphan := second
	orphan.Person = crypto.Person{1, 2, 3}
	for _, keys := range [][]crypto.PersonKey{{second}, {rival, orphan}} {
		if err := s.Add(t.Context(), crypto.Addition{Keys: keys}); err != nil {
			t.Fatal(err)
		}
	}
	h.Keys[0].Retired = second.Created
	want := []crypto.Holder{{Person: h.Person, Keys: []crypto.PersonKey{h.Keys[0], second}}, {Person: orphan.Person}}
	if d := cmp.Diff(want, s.keys(h.Person, orphan.Person)); d != "" {
		t.Errorf("generations (-want +got):\n%s", d)
	}
	if d := cmp.Diff(want[:1], s.link(own(contact(1)))); d != "" {
		t.Errorf("generations by link (-want +got):\n%s", d)
	}
}

func testSeals(t *testing.T, s *suite) {
	s.found()
	h := s.link(own(contact(1)), own(contact(2)))
	count := crypto.SealCount{Person: h[0].Person, Key: h[0].Keys[0].ID, Count: 1 << 16}
	other := crypto.SealCount{Person: h[0].Person, Key: h[0].Keys[0].ID + 1, Count: 1}
	for range 3 {
		if err := s.Add(t.Context(), crypto.Addition{Seals: []crypto.SealCount{count, count, other}}); err != nil {
			t.Fatal(err)
		}
	}
	got := s.keys(h[0].Person, h[1].Person)
	if got[0].Keys[0].Seals != 6<<16 || got[1].Keys[0].Seals != 0 {
		t.Errorf("counted %d and %d seals, want %d and 0", got[0].Keys[0].Seals, got[1].Keys[0].Seals, 6<<16)
	}
}

func testConcurrent(t *testing.T, s *suite) {
	s.found()
	const workers, persons = 4, 50
	var wg sync.WaitGroup
	results := make([][]crypto.Holder, workers)
	for w := range workers {
		store := s.another()
		wg.Go(func() {
			for i := range persons {
				n := i
				if w%2 == 1 {
					n = persons - 1 - i
				}
				h, err := store.Link(t.Context(), []crypto.Want{own(contact(n)), {Record: order(n), Owner: contact(n)}}, s.mint)
				if err != nil {
					t.Errorf("Link: %v", err)
					return
				}
				results[w] = append(results[w], h...)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for i := range persons {
		winner := s.link(own(contact(i)))[0]
		for w := range workers {
			n := i
			if w%2 == 1 {
				n = persons - 1 - i
			}
			for _, h := range results[w][2*n : 2*n+2] {
				if d := cmp.Diff(winner, h); d != "" {
					t.Fatalf("worker %d sealed with a key that did not win (-winner +worker):\n%s", w, d)
				}
			}
		}
	}
}

func testReopen(t *testing.T, s *suite) {
	s.found()
	before := s.link(own(contact(1)), crypto.Want{Record: order(1), Owner: contact(1)}, own(contact(2)))
	s.forget(before[2].Person)
	root := s.root()
	if c, ok := s.KeyStore.(io.Closer); ok {
		c.Close()
	}
	s.KeyStore = s.another()
	if d := cmp.Diff(root, s.root()); d != "" {
		t.Errorf("the root after closing and opening (-before +after):\n%s", d)
	}
	after := s.link(own(contact(1)), crypto.Want{Record: order(1), Owner: contact(1)}, own(contact(2)))
	before[2] = crypto.Holder{Forgotten: true}
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("persons after closing and opening (-before +after):\n%s", d)
	}
}

func testOtherView(t *testing.T, s *suite) {
	s.found()
	other := s.another()
	p := s.person(own(contact(1)))
	h, err := other.Link(t.Context(), []crypto.Want{own(contact(1))}, s.mint)
	if err != nil || h[0].Person != p {
		t.Errorf("another connection does not see the person: %+v, %v", h, err)
	}
	s.forget(p)
	r, err := other.Root(t.Context())
	if err != nil || r.Forgets != 1 {
		t.Errorf("another connection does not see the forgetting: %+v, %v", r, err)
	}
}

// testRaw searches the files byte by byte for what was forgotten.
func testRaw(t *testing.T, s *suite) {
	s.found()
	const n = 6_000
	var forgotten []crypto.Holder
	for start := 0; start < n; start += 1000 {
		var wants []crypto.Want
		for i := start; i < start+1000; i++ { // orders come in another order than contacts
			wants = append(wants, own(contact(i)), crypto.Want{Record: order(i * 1009 % n), Owner: contact(i)})
		}
		forgotten = append(forgotten, s.link(wants...)[0])
	}
	if hits(t, s.dir, forgotten[0].Keys[0].Wrapped) == 0 {
		t.Skip("the store keeps no files in its directory")
	}
	for _, h := range forgotten {
		s.forget(h.Person)
	}
	for i, h := range forgotten {
		for what, secret := range map[string][]byte{
			"wrapped key": h.Keys[0].Wrapped, "person": h.Person[:],
			"own record": []byte(contact(i * 1000).Record), "linked record": []byte(order(i * 1000 * 1009 % n).Record),
		} {
			c := hits(t, s.dir, secret)
			if what == "person" {
				c -= s.logged(h.Person)
			}
			if c > 0 {
				t.Errorf("person %d: the files still hold the %s, %d times", i, what, c)
			}
		}
	}
}

// hits counts how often a secret is in the files of a directory.
func hits(t *testing.T, dir string, secret []byte) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		n += bytes.Count(b, secret)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
