package cryptotest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// log is the forget log of the store.
func (s *suite) log() []crypto.ForgetEntry {
	s.Helper()
	r, ok := s.KeyStore.(crypto.Replayer)
	if !ok {
		s.Skip("the store is no crypto.Replayer")
	}
	entries, err := r.ForgetEntries(s.Context())
	if err != nil {
		s.Fatalf("ForgetEntries: %v", err)
	}
	head, err := r.ForgetHead(s.Context())
	if n := len(entries); err != nil || n > 0 && entries[n-1].Head() != head || n == 0 && head != (crypto.ForgetHead{}) {
		s.Errorf("the head is not that of the last of %d entries: %v", n, err)
	}
	return entries
}

// logged is how often the log names a person; it may be there and nowhere else.
func (s *suite) logged(p crypto.Person) (n int) {
	s.Helper()
	if _, ok := s.KeyStore.(crypto.Replayer); !ok {
		return 0
	}
	for _, e := range s.log() {
		for _, named := range e.Persons {
			if named == p {
				n++
			}
		}
	}
	return n
}

// testLog: the log has what was forgotten and taken back, and nothing else.
func testLog(t *testing.T, s *suite) {
	s.found()
	if got := s.log(); len(got) != 0 {
		t.Fatalf("a new store has %d entries", len(got))
	}
	former, ada := s.person(own(order(2))), s.link(named(order(1), contact(1)), own(contact(1)))[0].Person
	s.forget(ada)
	s.forget(ada)
	s.gone("a record that is theirs now", named(order(2), contact(1)))
	s.gone("and stays so", named(order(2), contact(1)))
	s.lift(order(1))
	s.lift(order(1))
	own, about, person := crypto.RecordTombstone, crypto.AboutTombstone, crypto.PersonTombstone
	var previous crypto.Digest
	for i, want := range []crypto.ForgetEntry{
		{Kind: crypto.Forgot, Of: 1, Persons: []crypto.Person{ada}, Stones: s.stones(own, contact(1), about, order(1), person, ada)},
		{Kind: crypto.ForgotToo, Of: 1, Persons: []crypto.Person{former}, Stones: s.stones(about, order(2), person, former)},
		{Kind: crypto.Lifted, Of: 1},
	} {
		got := s.log()
		if len(got) != 3 {
			t.Fatalf("%d entries, want 3", len(got))
		}
		want.Seq, want.Time = int64(i)+1, got[i].Time
		want.Mac = s.mint.Authenticate(previous, got[i].Body())
		previous = want.Mac
		if d := cmp.Diff(want, got[i], cmp.Transformer("set", func(list []crypto.Tombstone) map[crypto.Tombstone]bool {
			set := map[crypto.Tombstone]bool{}
			for _, stone := range list {
				set[stone] = true
			}
			return set
		})); d != "" || want.Time == 0 {
			t.Errorf("entry %d (-want +got):\n%s", i+1, d)
		}
	}
}

// stones makes tombstones of pairs of a kind and what it is of.
func (s *suite) stones(pairs ...any) (list []crypto.Tombstone) {
	for i := 0; i < len(pairs); i += 2 {
		kind := pairs[i].(crypto.TombstoneKind)
		switch of := pairs[i+1].(type) {
		case crypto.Link:
			list = append(list, crypto.Tombstone{Kind: kind, Digest: s.mint.Digest(crypto.RecordTombstone, []byte(of.Record))})
		case crypto.Person:
			list = append(list, crypto.Tombstone{Kind: kind, Digest: s.mint.Digest(kind, of[:])})
		}
	}
	return list
}

// testReplay: a store that lacks entries gets them, and does what they say.
func testReplay(t *testing.T, s *suite) {
	s.found()
	s.link(named(order(1), contact(1)), own(contact(1)))
	s.forget(s.person(own(contact(1))))
	s.forget(s.person(own(contact(2))))
	entries := s.log()
	s.lift(contact(2))
	all := s.log()

	behind := &suite{T: t, open: s.open, dir: t.TempDir(), mint: s.mint}
	behind.KeyStore = behind.another()
	behind.found()
	behind.person(own(order(1)))
	before := behind.root().Forgets
	r := behind.KeyStore.(crypto.Replayer)
	if err := r.Replay(t.Context(), entries[1:]); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("entries after a gap: %v, want %s", err, fault.Conflict)
	}
	replay := func(entries []crypto.ForgetEntry) {
		t.Helper()
		if err := r.Replay(t.Context(), entries); err != nil {
			t.Fatalf("Replay: %v", err)
		}
	}
	replay(entries)
	if behind.root().Forgets == before {
		t.Error("the forget counter stayed, so that others go on as before")
	}
	behind.gone("the own record", own(contact(1)))
	behind.gone("a record about the person", own(order(1)))
	behind.gone("the own record of another", own(contact(2)))
	replay(all[len(entries):])
	behind.person(own(contact(2)))
	behind.gone("who was not lifted", own(contact(1)))
	if d := cmp.Diff(all, behind.log()); d != "" {
		t.Errorf("the logs differ (-want +got):\n%s", d)
	}
	if !behind.lift(order(1)) {
		t.Error("a record does not find the forgetting that was replayed")
	}
	behind.person(own(contact(1)))
}
