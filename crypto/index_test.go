package crypto_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// indexes a value of a contact's field, as the engine does.
func (e *env) indexValue(n int, t crypto.IndexType, text string) crypto.Entry {
	e.Helper()
	b := e.begin()
	f := field(n, "Email")
	entries := b.Entries(nil, e.subject(b, contact(n)), f, t, []byte(text))
	mark, err := e.vault.Index(e.Context(), entries)
	if err == nil {
		err = e.vault.Prune(e.Context(), mark, []crypto.Place{{Object: f.Object, Record: f.Record, Field: f.Name}})
	}
	if err != nil || len(entries) == 0 {
		e.Fatalf("%d entries, %v", len(entries), err)
	}
	return entries[0]
}

// find returns the records in which a value is found.
func (e *env) find(t crypto.IndexType, text string) string {
	e.Helper()
	found, err := e.opener().Find(e.Context(), crypto.NewSearch(t, text))
	if err != nil {
		e.Fatal(err)
	}
	var records []string
	for _, f := range found {
		records = append(records, strings.TrimLeft(f.Place.Record[3:15], "0"))
	}
	return strings.Join(records, " ")
}

func (e *env) ensure(types ...crypto.IndexType) {
	e.Helper()
	if err := e.vault.EnsureIndex(e.Context(), types...); err != nil {
		e.Fatal(err)
	}
}

func TestFindNormalised(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.ensure(crypto.EmailIndex, crypto.PhoneIndex, crypto.ExactIndex)
	n := 0
	for _, c := range []struct {
		t           crypto.IndexType
		kept, asked string
		same        bool
	}{
		{crypto.EmailIndex, "Ada@Example.com", " ada@EXAMPLE.com\t", true},
		{crypto.EmailIndex, "lea.l@example.com", "leal@example.com", false},
		{crypto.EmailIndex, "lea+crm@example.com", "lea@example.com", false},
		{crypto.EmailIndex, "straße@example.com", "STRASSE@example.com", false},
		{crypto.PhoneIndex, "+14155550100", "+1 (415) 555-0100", true},
		{crypto.PhoneIndex, "(415) 555-0101", "415.555.0101", true},
		{crypto.PhoneIndex, "+49 30 1234567", "49301234567", false}, // not known to be a number of a country
		{crypto.PhoneIndex, "+1 415 555 0102 x7", "+141555501027", false},
		{crypto.PhoneIndex, "+0415550103", "0415550103", true}, // no country begins with 0
		{crypto.ExactIndex, "A-17", "A-17", true},
		{crypto.ExactIndex, "A-18", "a-18", false},
		{crypto.ExactIndex, "A-19", "A-19 ", false},
	} {
		n++
		e.indexValue(n, c.t, c.kept)
		want := ""
		if c.same {
			want = fmt.Sprint(n)
		}
		if got := e.find(c.t, c.asked); got != want {
			t.Errorf("%s %q is found by %q in %q, want %q", c.t, c.kept, c.asked, got, want)
		}
		if got := e.find(c.t, c.kept); got != fmt.Sprint(n) {
			t.Errorf("%s %q is found by itself in %q", c.t, c.kept, got)
		}
		confirms(t, e, c.t, c.kept, c.asked, c.same)
	}
	for kind, empty := range map[crypto.IndexType]string{crypto.EmailIndex: " ", crypto.PhoneIndex: "unknown", crypto.ExactIndex: ""} {
		if _, err := e.opener().Find(t.Context(), crypto.NewSearch(kind, empty)); fault.CodeOf(err) != fault.ConfigInvalid {
			t.Errorf("a search for the %s %q: %v", kind, empty, err)
		}
	}
}

func confirms(t *testing.T, e *env, kind crypto.IndexType, kept, asked string, want bool) {
	t.Helper()
	s := e.seal(field(99, "Email"), kept)
	use := crypto.Use{Object: s.Field.Object, Record: s.Field.Record, Fields: []string{s.Field.Name}}
	plain, err := e.opener().Open(t.Context(), use, s)
	if err != nil {
		t.Fatal(err)
	}
	if got := e.opener().Confirm(crypto.NewSearch(kind, asked), crypto.Entry{Type: kind, Normaliser: 1}, plain[0]); got != want {
		t.Errorf("%q confirms %q: %v", asked, kept, got)
	}
}

// No two of org, type and key version share a digest.
func TestIndexDigests(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	types := []crypto.IndexType{crypto.EmailIndex, crypto.PhoneIndex, crypto.ExactIndex}
	e.ensure(types...)
	e.ensure(types...) // makes no others
	if err := e.vault.RenewIndex(t.Context(), crypto.EmailIndex); err != nil {
		t.Fatal(err)
	}
	other := &env{TB: t, keys: openKeys(t, t.TempDir()), kek: e.kek}
	other.vault = openVault(t, other.keys, e.kek, orgB)
	other.ensure(types...)
	digests := map[crypto.IndexDigest]bool{}
	n := 0
	for _, e := range []*env{e, other} {
		b := e.begin()
		for _, kind := range types {
			list := b.Entries(nil, e.subject(b, contact(1)), field(1, "Email"), kind, []byte("4155550100"))
			n += len(list)
			for _, entry := range list {
				digests[entry.Digest] = true
			}
		}
	}
	if n != 7 || len(digests) != n {
		t.Errorf("%d entries have %d digests, want 7 of each", n, len(digests))
	}
}

func TestIndexRenewed(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.ensure(crypto.EmailIndex)
	e.indexValue(1, crypto.EmailIndex, "ada@example.com")
	e.indexValue(2, crypto.EmailIndex, "ben@example.com")
	late := e.begin()
	must(t, e.vault.RenewIndex(t.Context(), crypto.EmailIndex))
	both := func(why string) {
		t.Helper()
		if got := e.find(crypto.EmailIndex, "ada@example.com") + e.find(crypto.EmailIndex, "ben@example.com"); got != "12" {
			t.Errorf("%s, found in %q", why, got)
		}
	}
	both("right after the index was renewed")
	e.indexValue(1, crypto.EmailIndex, "ada@example.com") // read again
	both("when one of two was read again")
	if err := e.vault.DropIndex(t.Context(), crypto.EmailIndex); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("dropping what is still needed: %v, want %s", err, fault.Conflict)
	}
	both("after a drop that was refused")
	e.indexValue(2, crypto.EmailIndex, "ben@example.com")
	must(t, e.vault.DropIndex(t.Context(), crypto.EmailIndex))
	both("under the new key alone")
	entries := late.Entries(nil, e.subject(late, contact(3)), field(3, "Email"), crypto.EmailIndex, []byte("late@example.com"))
	if _, err := e.vault.Index(t.Context(), entries); len(entries) != 1 || fault.CodeOf(err) != fault.Conflict {
		t.Errorf("%d entries of a batch from before: %v, want %s", len(entries), err, fault.Conflict)
	}
	again := openVault(t, e.keys, e.kek, orgA) // one keyset of the type is destroyed
	if b, err := again.Sealer().Begin(t.Context()); err != nil || len(b.Entries(nil, crypto.Subject{}, field(1, "Email"), crypto.EmailIndex, []byte("a"))) != 1 {
		t.Errorf("after a drop: %v", err)
	}
}

// Of two who share a value, one is forgotten.
func TestIndexForgotten(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.ensure(crypto.EmailIndex)
	ada := e.indexValue(1, crypto.EmailIndex, "family@example.com")
	e.indexValue(2, crypto.EmailIndex, "family@example.com")
	b := e.begin()
	late := b.Entries(nil, e.subject(b, contact(1)), field(1, "Email"), crypto.EmailIndex, []byte("family@example.com"))
	if got := e.find(crypto.EmailIndex, "family@example.com"); got != "1 2" {
		t.Errorf("found in %q", got)
	}
	_, err := e.vault.Forget(t.Context(), ada.Person)
	must(t, err)
	_, err = e.vault.Index(t.Context(), late) // of a batch that was being made
	must(t, err)
	if got := e.find(crypto.EmailIndex, "family@example.com"); got != "2" {
		t.Errorf("after one was forgotten, found in %q", got)
	}
}

func TestIndexNeedsStore(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	plain := openVault(t, struct{ crypto.KeyStore }{e.keys}, e.kek, orgA)
	if err := plain.EnsureIndex(t.Context(), crypto.EmailIndex); fault.CodeOf(err) != fault.ConfigInvalid {
		t.Errorf("a store without index: %v", err)
	}
	if err := e.vault.EnsureIndex(t.Context(), "colour"); fault.CodeOf(err) != fault.ConfigInvalid {
		t.Errorf("an unknown type: %v", err)
	}
	b := e.begin()
	if got := b.Entries(nil, e.subject(b, contact(1)), field(1, "Email"), crypto.EmailIndex, []byte("ada@example.com")); len(got) != 0 {
		t.Errorf("without a keyset: %d entries", len(got))
	}
}

func TestSearchPrintsNothing(t *testing.T) {
	t.Parallel()
	search := crypto.NewSearch(crypto.EmailIndex, "ada@example.com")
	for _, verb := range strings.Fields("%v %+v %#v %s %x %d") {
		if s := fmt.Sprintf(verb, search); strings.Contains(s, "ada") || strings.Contains(s, "616461") || strings.Contains(s, "97 100 97") {
			t.Errorf("%s prints the value", verb)
		}
	}
}

// BenchmarkEntries is what indexing adds to sealing an e-mail.
func BenchmarkEntries(b *testing.B) {
	e := newEnv(b)
	e.ensure(crypto.EmailIndex)
	batch := e.begin()
	s, f, text := e.subject(batch, contact(1)), field(1, "Email"), []byte("Ada.Lovelace@example.com")
	var entries []crypto.Entry
	b.ReportAllocs()
	for b.Loop() {
		entries = batch.Entries(entries[:0], s, f, crypto.EmailIndex, text)
	}
}

// The index keys go along when the key-encryption key is rotated.
func TestIndexAfterRotation(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.ensure(crypto.EmailIndex)
	e.indexValue(1, crypto.EmailIndex, "ada@example.com")
	next := fileKEK(t, filepath.Join(e.dir, "kek", "next.json"))
	must(t, e.vault.RotateKEK(t.Context(), next))
	must(t, e.vault.RotateBranch(t.Context()))
	e.vault = openVault(t, e.keys, next, orgA)
	if got := e.find(crypto.EmailIndex, "ada@example.com"); got != "1" {
		t.Errorf("after the rotations, found in %q", got)
	}
}
