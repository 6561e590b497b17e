package access_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/access"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// contact writes a contact whose e-mail is indexed as another text, as it is
// until an older value was pruned; the same text otherwise.
func (c *copied) contact(n int, email, indexed string) (id string, person crypto.Person) {
	c.Helper()
	id, _ = recordid.Normalize(fmt.Sprintf("003%012d", n))
	b, err := c.vault.Sealer().Begin(c.Context())
	must(c, err)
	subjects, err := b.Subjects(c.Context(), []crypto.Want{{Record: crypto.Link{Object: "Contact", Record: id}}})
	must(c, err)
	s := subjects[0]
	row := store.Row{ID: id, Mark: store.Live, Persons: []crypto.Person{s.Person(), s.Person()}, Key: s.Key(), Cells: make([]store.Cell, len(table.Columns))}
	f := crypto.Field{Object: "Contact", Record: id, Name: "Email"}
	row.Cells[0].State = store.Value
	row.Cells[0].Bytes, err = b.Seal(nil, s, f, false, []byte(email))
	must(c, err)
	_, err = c.vault.Index(c.Context(), b.Entries(nil, s, f, crypto.EmailIndex, []byte(indexed)))
	must(c, err)
	c.write(row)
	return id, s.Person()
}

var helpdesk = access.Asker{Actor: "helpdesk", Purpose: "support", Reason: "case 4711"}

// search returns the records in which an e-mail is found.
func (c *copied) search(email string) (records []string) {
	c.Helper()
	hits, err := c.guard.Find(c.Context(), helpdesk, minimize.FindEmail, email)
	must(c, err)
	for _, h := range hits {
		records = append(records, h.Record)
	}
	return records
}

func TestFind(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	must(t, c.vault.EnsureIndex(t.Context(), crypto.EmailIndex, crypto.PhoneIndex))
	first, person := c.contact(11, "Family@example.com", "family@example.com")
	second, _ := c.contact(12, "family@example.com", "family@example.com")
	c.contact(13, "new@example.com", "family@example.com") // not pruned yet
	hits, err := c.guard.Find(t.Context(), helpdesk, minimize.FindEmail, " FAMILY@example.com")
	must(t, err)
	if len(hits) != 2 || hits[0] != (access.Hit{Object: "Contact", Record: first, Field: "Email", Person: person}) || hits[1].Record != second {
		t.Errorf("found %+v", hits)
	}
	entries := c.ledger()
	if len(entries) != 4 {
		t.Fatalf("%d entries: %+v", len(entries), entries)
	}
	if e := entries[0]; e.Kind != audit.KindFind || e.Actor != "helpdesk" || e.Purpose != "support" || e.Reason != "case 4711" ||
		!slices.Equal(e.Fields, []string{"email"}) || e.Object != "" || e.Person != "" {
		t.Errorf("the search was recorded as %+v", e)
	}
	if e := entries[1]; e.Kind != audit.KindReveal || e.Person != person.String() || !slices.Equal(e.Fields, []string{"Email"}) {
		t.Errorf("the first opening was recorded as %+v", e)
	}
	for _, e := range entries {
		if strings.Contains(strings.ToLower(fmt.Sprintf("%+v", e)), "family") {
			t.Errorf("the ledger holds the value: %+v", e)
		}
	}
	if got := c.search("nobody@example.com"); len(got) != 0 {
		t.Errorf("a value that nobody has is found in %q", got)
	}
	if hits, err := c.guard.Find(t.Context(), helpdesk, minimize.FindPhone, "+14155550100"); err != nil || len(hits) != 0 {
		t.Errorf("a phone number that nobody has: %+v, %v", hits, err)
	}
}

// Of each of a thousand pairs who share an e-mail, one is forgotten.
func TestFindPairs(t *testing.T) {
	t.Parallel()
	c, pairs := newCopy(t), 1000
	if testing.Short() {
		pairs = 20
	}
	must(t, c.vault.EnsureIndex(t.Context(), crypto.EmailIndex))
	var gone []crypto.Person
	var left []string
	email := func(n int) string { return fmt.Sprintf("pair%d@example.com", n) }
	for n := range pairs {
		_, person := c.contact(10_000+n, email(n), email(n))
		other, _ := c.contact(20_000+n, email(n), email(n))
		gone, left = append(gone, person), append(left, other)
	}
	if got := c.search(email(7)); len(got) != 2 {
		t.Errorf("a pair is found in %q", got)
	}
	for n, person := range gone {
		_, err := c.vault.Forget(t.Context(), person)
		must(t, err)
		if got := c.search(email(n)); !slices.Equal(got, left[n:n+1]) {
			t.Fatalf("pair %d: found %q, want %q", n, got, left[n:n+1])
		}
	}
}

func TestFindDenied(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	must(t, c.vault.EnsureIndex(t.Context(), crypto.EmailIndex))
	c.contact(11, "ada@example.com", "ada@example.com")
	for name, d := range map[string]struct {
		who access.Asker
		by  minimize.Find
	}{
		"no actor":                   {access.Asker{Purpose: "support", Reason: "r"}, minimize.FindEmail},
		"no reason":                  {access.Asker{Actor: "helpdesk", Purpose: "support"}, minimize.FindEmail},
		"another purpose":            {access.Asker{Actor: "office", Purpose: "billing", Reason: "r"}, minimize.FindEmail},
		"no grant":                   {access.Asker{Actor: "intern", Purpose: "support", Reason: "r"}, minimize.FindEmail},
		"a grant for other fields":   {access.Asker{Actor: "invoices", Purpose: "billing", Reason: "r"}, minimize.FindEmail},
		"no field of the type":       {helpdesk, minimize.FindExact},
		"none":                       {helpdesk, minimize.FindNone},
		"a field of no granted type": {access.Asker{Actor: "office", Purpose: "support", Reason: "r"}, minimize.FindPhone},
	} {
		before := len(c.ledger())
		hits, err := c.guard.Find(t.Context(), d.who, d.by, "ada@example.com")
		if !errors.Is(err, fault.Refused) || len(hits) != 0 {
			t.Errorf("%s: %+v, %v", name, hits, err)
		}
		after := c.ledger()
		if len(after) != before+1 || after[before].Kind != audit.KindDenied || strings.Contains(fmt.Sprintf("%+v", after[before]), "ada") {
			t.Errorf("%s: recorded %+v", name, after[before:])
		}
	}
}

func TestFindUnrecorded(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	must(t, c.vault.EnsureIndex(t.Context(), crypto.EmailIndex))
	c.contact(11, "ada@example.com", "ada@example.com")
	hits, err := c.newGuard(broken{}).Find(t.Context(), helpdesk, minimize.FindEmail, "ada@example.com")
	if !errors.Is(err, fault.Refused) || len(hits) != 0 {
		t.Errorf("without a ledger: %+v, %v", hits, err)
	}
}

// What the copy does not hold any more, or not yet, is not found, and no error.
func TestFindNothingHeld(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]store.Row{
		"deleted":     {Mark: store.Gone},
		"not read":    {Mark: store.Live, Dirty: true},
		"suppressed":  {Mark: store.Suppressed},
		"null by now": {Mark: store.Live, Patch: true, Cells: append([]store.Cell{{State: store.Null}}, make([]store.Cell, len(table.Columns)-1)...)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCopy(t)
			must(t, c.vault.EnsureIndex(t.Context(), crypto.EmailIndex))
			id, person := c.contact(11, "ada@example.com", "ada@example.com")
			if row.ID, row.Seq = id, c.n; row.Patch {
				row.Persons = []crypto.Person{person, person}
			}
			if got := c.search("ada@example.com"); len(got) != 1 {
				t.Fatalf("before, found %q", got)
			}
			c.write(row)
			if got := c.search("ada@example.com"); len(got) != 0 {
				t.Errorf("found %q", got)
			}
		})
	}
}

// counted is a ledger that counts its appends.
type counted struct {
	audit.Appender
	appends *int
}

func (c counted) Append(ctx context.Context, entries ...audit.Entry) error {
	*c.appends++
	return c.Appender.Append(ctx, entries...)
}

// A search and all its openings are one append.
func TestFindAppendsOnce(t *testing.T) {
	t.Parallel()
	c, appends := newCopy(t), 0
	must(t, c.vault.EnsureIndex(t.Context(), crypto.EmailIndex))
	for n := range 5 {
		c.contact(11+n, "family@example.com", "family@example.com")
	}
	guard := c.newGuard(counted{c.rows, &appends})
	for email, want := range map[string]int{"family@example.com": 5, "nobody@example.com": 0} {
		appends = 0
		before := len(c.ledger())
		hits, err := guard.Find(t.Context(), helpdesk, minimize.FindEmail, email)
		must(t, err)
		if len(hits) != want || appends != 1 || len(c.ledger()) != before+1+want {
			t.Errorf("%d found with %d appends of %d entries, want %d found with one of %d", len(hits), appends, len(c.ledger())-before, want, 1+want)
		}
	}
}

// BenchmarkFind finds one person, with the search and the opening in the ledger.
func BenchmarkFind(b *testing.B) {
	c := newCopy(b)
	must(b, c.vault.EnsureIndex(b.Context(), crypto.EmailIndex))
	for n := range 1000 {
		email := fmt.Sprintf("c%d@example.com", n)
		c.contact(1000+n, email, email)
	}
	n := 0
	for b.Loop() {
		if got := c.search(fmt.Sprintf("c%d@example.com", n%1000)); len(got) != 1 {
			b.Fatalf("found %q", got)
		}
		n++
	}
}
