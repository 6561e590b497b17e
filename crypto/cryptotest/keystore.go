// Package cryptotest holds the tests that every key store and every key wrapper
// passes, whoever wrote it.
//
// The rule it keeps: the meaning of crypto.KeyStore is here, once, and a store's
// own test is hardly more than a call:
//
//	func TestKeys(t *testing.T) {
//		cryptotest.TestKeyStore(t, func(t testing.TB, dir string) crypto.KeyStore { … })
//	}
package cryptotest

import (
	"fmt"
	"io"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/fault"

	"github.com/google/go-cmp/cmp"
)

// Open opens the key store that belongs to a directory, and makes it if need
// be: the same directory is the same database, also while it is open already. A
// store that is an io.Closer is closed by the suite. A store that keeps no files
// takes the directory as a name.
type Open func(t testing.TB, dir string) crypto.KeyStore

// TestKeyStore runs the suite.
func TestKeyStore(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, *suite){
		"root":                   testRoot,
		"writes are counted":     testWrites,
		"first org wins":         testOrg,
		"link":                   testLink,
		"alias":                  testAlias,
		"own again":              testOwnAgain,
		"lost key":               testLostKey,
		"generations":            testGenerations,
		"seal counts":            testSeals,
		"forget":                 testForget,
		"forget takes aliases":   testForgetAliases,
		"moved record stays":     testForgetMoved,
		"moves are noted":        testMoves,
		"forget twice":           testForgetTwice,
		"forgetting taken back":  testLift,
		"last forgetting lifted": testLiftLatest,
		"own record suppresses":  testSuppressOwn,
		"record about a person":  testSuppressAbout,
		"record seen later":      testSuppressLater,
		"former own person":      testSuppressFormer,
		"unknown person":         testUnknown,
		"forget log":             testLog,
		"forget log replayed":    testReplay,
		"whom a forgetting took": testForgetTaken,
		"concurrent creators":    testConcurrent,
		"durable when closed":    testReopen,
		"forgotten bytes gone":   testRaw,
		"cancelled call":         testCancelled,
		"failing mint":           testFailingMint,
		"large batch":            testLarge,
		"other store's view":     testOtherView,
		"keys of an alias":       testKeysOfAlias,
		"owner of a later owner": testOwnerOfOwner,
		"keysets are exchanged":  testReplace,
		"retired seals nothing":  testRetired,
		"keys wrapped anew":      testRewrap,
		"wraps counted":          testWraps,
		"keys destroyed":         testDestroyed,
		"index":                  indexed(testIndex),
		"index, pruned":          indexed(testIndexPrune),
		"index, forget":          indexed(testIndexForget),
		"index, dropped":         indexed(testIndexDrop),
		"index, kept":            indexed(testIndexKeep),
		"index, by place":        indexed(testIndexPlaces),
		"addresses that hold":    indexed(testHold),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &suite{T: t, open: open, dir: t.TempDir(), mint: &mint{}}
			s.KeyStore = s.another()
			test(t, s)
		})
	}
}

type suite struct {
	*testing.T
	crypto.KeyStore
	open Open
	dir  string
	mint *mint
}

const org = "00D000000000001EAA"

// another opens the same database once more.
func (s *suite) another() crypto.KeyStore {
	k := s.open(s.T, s.dir)
	if c, ok := k.(io.Closer); ok {
		s.Cleanup(func() { c.Close() })
	}
	return k
}

// id is a record id of a number, with its suffix.
func id(prefix string, n int) string {
	r, ok := recordid.Normalize(fmt.Sprintf("%s%012d", prefix, n))
	if !ok {
		panic("cryptotest: not an id")
	}
	return r
}

func contact(n int) crypto.Link { return crypto.Link{Object: "Contact", Record: id("003", n)} }
func order(n int) crypto.Link   { return crypto.Link{Object: "Order", Record: id("801", n)} }
func own(l crypto.Link) crypto.Want {
	return crypto.Want{Record: l}
}

// link is Link for wants that must succeed.
func (s *suite) link(wants ...crypto.Want) []crypto.Holder {
	s.Helper()
	holders, err := s.Link(s.Context(), wants, s.mint)
	if err != nil {
		s.Fatalf("Link: %v", err)
	}
	if len(holders) != len(wants) {
		s.Fatalf("Link gave %d holders for %d wants", len(holders), len(wants))
	}
	return holders
}

// person is the live person of one want.
func (s *suite) person(w crypto.Want) crypto.Person {
	s.Helper()
	h := s.link(w)[0]
	if h.Forgotten || h.Person.IsZero() || len(h.Keys) == 0 {
		s.Fatalf("want has no live person: %+v", h)
	}
	return h.Person
}

func (s *suite) keys(persons ...crypto.Person) []crypto.Holder {
	s.Helper()
	holders, err := s.Keys(s.Context(), persons, s.mint)
	if err != nil {
		s.Fatalf("Keys: %v", err)
	}
	return holders
}

func (s *suite) forget(p crypto.Person) {
	s.Helper()
	if _, err := s.Forget(s.Context(), []crypto.Person{p}, s.mint); err != nil {
		s.Fatalf("Forget: %v", err)
	}
}

func (s *suite) root() crypto.Root {
	s.Helper()
	r, err := s.Root(s.Context())
	if err != nil {
		s.Fatalf("Root: %v", err)
	}
	return r
}

// found makes the root of the org, as the vault does first.
func (s *suite) found() {
	s.Helper()
	if err := s.Add(s.Context(), crypto.Addition{Org: org, Keysets: []crypto.Keyset{branch("one")}}); err != nil {
		s.Fatalf("Add: %v", err)
	}
}

func branch(text string) crypto.Keyset {
	return crypto.Keyset{Use: crypto.BranchUse, Version: 1, State: crypto.Active, Created: 1700000000,
		Sealed: []byte("sealed " + text), Proof: []byte("proof " + text)}
}

func testRoot(t *testing.T, s *suite) {
	if r := s.root(); r.Org != "" || r.Forgets != 0 || len(r.Keysets) != 0 {
		t.Errorf("a new database has the root %+v", r)
	}
	s.found()
	suppress := branch("two")
	suppress.Use = crypto.SuppressionUse
	if err := s.Add(t.Context(), crypto.Addition{Org: org, Keysets: []crypto.Keyset{branch("late"), suppress}}); err != nil {
		t.Fatal(err)
	}
	want := crypto.Root{Org: org, Keysets: []crypto.Keyset{branch("one"), suppress}}
	if d := cmp.Diff(want, s.root()); d != "" {
		t.Errorf("a stored keyset was replaced, or another not stored (-want +got):\n%s", d)
	}
}

// testWrites: what a row may rest on is never stored without being counted.
func testWrites(t *testing.T, s *suite) {
	s.found()
	last := s.root().Writes
	counted := func(what string) {
		t.Helper()
		now := s.root().Writes
		if now <= last {
			t.Errorf("%s: %d writes after %d", what, now, last)
		}
		last = now
	}
	h := s.link(own(contact(1)))[0]
	counted("a person")
	s.link(named(order(1), contact(1)))
	counted("a link")
	s.person(own(contact(2)))
	last = s.root().Writes
	s.link(named(order(1), contact(2)))
	counted("a link that moves")
	next := h.Keys[0]
	next.Generation, next.ID, next.Wrapped = 2, 7, []byte("second")
	if err := s.Add(t.Context(), crypto.Addition{Keys: []crypto.PersonKey{next}}); err != nil {
		t.Fatal(err)
	}
	counted("another key")
	if index, ok := s.KeyStore.(crypto.IndexStore); ok {
		put(t, index, entry(1, h.Person, "a value"))
		counted("an index entry")
	}
	if r, err := s.another().Root(t.Context()); err != nil || r.Writes != last {
		t.Errorf("another process sees %d writes of %d, %v", r.Writes, last, err)
	}
}

func testOrg(t *testing.T, s *suite) {
	s.found()
	err := s.Add(t.Context(), crypto.Addition{Org: "00D000000000002EAA", Keysets: []crypto.Keyset{branch("two")}})
	if fault.CodeOf(err) != fault.WrongOrg {
		t.Errorf("another org: %v, want %s", err, fault.WrongOrg)
	}
	if r := s.root(); r.Org != org || len(r.Keysets) != 1 {
		t.Errorf("the refused addition left %+v", r)
	}
}
