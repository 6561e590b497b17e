package access_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/access"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

const (
	org   = "00D000000000001EAA"
	ada   = "003000000000001AAA"
	other = "003000000000002AAA"
)

var policy = &minimize.Policy{
	Version:  7,
	Purposes: map[string]string{"support": "answer a customer", "billing": "bill an order"},
	Objects: map[string]minimize.Object{"Contact": {
		Purpose: []string{"support"},
		Person:  []string{"Id"},
		Plain:   map[string]minimize.Field{"Tier__c": {Category: "user.behavior.purchase_history"}, "Level__c": {Was: []string{"Rank__c"}}},
		Personal: map[string]minimize.Field{
			"LastName": {Purpose: []string{"support", "billing"}}, "Email": {Find: minimize.FindEmail}, "Phone": {Find: minimize.FindPhone}, "Secret__c": {},
			"AssistantName": {Person: []string{"ReportsToId"}},
		},
	}},
}

var table = store.Table{Object: "Contact", Rules: []string{"Id", "ReportsToId"}, Columns: []store.Column{
	{Name: "Email", Sealed: true}, {Name: "LastName", Sealed: true}, {Name: "Phone", Sealed: true}, {Name: "Tier__c"}, {Name: "Rank__c"},
	{Name: "AssistantName", Sealed: true, Rule: 1}, {Name: "Secret__c", Sealed: true},
}}

var grants = []access.Grant{
	{Actor: "helpdesk", Purposes: []string{"support"}, Objects: map[string][]string{"Contact": {"Email", "LastName", "Phone", "Tier__c", "Level__c", "AssistantName"}}},
	{Actor: "invoices", Purposes: []string{"billing"}, Objects: map[string][]string{"Contact": {"LastName"}}},
	{Actor: "office", Purposes: []string{"support", "billing"}, Objects: map[string][]string{"Contact": {"Email", "LastName"}}},
}

// copied is a copy with one contact whose assistant is another person.
type copied struct {
	testing.TB
	vault *crypto.Vault
	rows  *sqlite.Store
	guard *access.Guard
	epoch int64
	n     int64
	row   store.Row
}

func newCopy(t testing.TB) *copied {
	t.Helper()
	dir := t.TempDir()
	keys, err := sqlite.OpenKeys(t.Context(), filepath.Join(dir, "keys", "keys.db"))
	must(t, err)
	kek, err := filekek.Open(filepath.Join(dir, "kek", "kek.json"))
	must(t, err)
	vault, err := crypto.OpenVault(t.Context(), keys, kek, org)
	must(t, err)
	rows, err := sqlite.Open(t.Context(), filepath.Join(dir, "data", "crm.db"))
	must(t, err)
	t.Cleanup(func() { rows.Close(); vault.Close(); keys.Close() })
	state, err := rows.Prepare(t.Context(), store.Schema{Org: org, Policy: 7, Hash: "h", Tables: []store.Table{table}})
	must(t, err)
	c := &copied{TB: t, vault: vault, rows: rows, epoch: state.Epoch, n: state.Objects["Contact"].N}
	c.guard = c.newGuard(rows)
	c.row = c.seal()
	c.write(c.row)
	return c
}

func (c *copied) newGuard(ledger audit.Appender) *access.Guard {
	g, err := access.New(access.Config{Vault: c.vault, Reader: c.rows, Ledger: ledger, Policy: policy, Grants: grants})
	must(c, err)
	return g
}

// seal makes the row: Phone is null, Rank__c is not known.
func (c *copied) seal() store.Row {
	b, err := c.vault.Sealer().Begin(c.Context())
	must(c, err)
	subjects, err := b.Subjects(c.Context(), []crypto.Want{{Record: crypto.Link{Object: "Contact", Record: ada}}, {Owner: crypto.Link{Object: "Contact", Record: other}}})
	must(c, err)
	row := store.Row{ID: ada, Mark: store.Live, Persons: []crypto.Person{subjects[0].Person(), subjects[1].Person()}, Key: subjects[0].Key(), Cells: make([]store.Cell, len(table.Columns))}
	for i, text := range []string{"ada@example.com", "Lovelace", "", "Gold", "", "Charles", "hush"} {
		col := table.Columns[i]
		cell := store.Cell{State: store.Value, Bytes: []byte(text)}
		switch {
		case col.Name == "Rank__c":
			cell = store.Cell{}
		case col.Sealed:
			cell.Bytes, err = b.Seal(nil, subjects[col.Rule], crypto.Field{Object: "Contact", Record: ada, Name: col.Name}, text == "", []byte(text))
			must(c, err)
		}
		row.Cells[i] = cell
	}
	return row
}

func (c *copied) write(rows ...store.Row) {
	c.Helper()
	must(c, c.rows.Apply(c.Context(), &store.Batch{Epoch: c.epoch, Policy: 7, Objects: []store.ObjectBatch{{Object: "Contact", N: c.n, Rows: rows}}}))
	c.n++
}

// ledger is what was recorded, without the times.
func (c *copied) ledger() []audit.Entry {
	c.Helper()
	var all []audit.Entry
	for s, err := range c.rows.Entries(c.Context(), 0) {
		must(c, err)
		if s.Entry.Time.IsZero() {
			c.Error("an entry has no time")
		}
		all = append(all, s.Entry)
	}
	return all
}

func ask(fields ...string) access.Request {
	return access.Request{Actor: "helpdesk", Purpose: "support", Reason: "case 4711", Object: "Contact", Record: ada, Fields: fields}
}

func must(t testing.TB, err error) {
	if err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

func TestReveal(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	r := ask("Tier__c", "AssistantName", "LastName", "Phone", "Level__c", "Email")
	r.Record = ada[:15]
	got, err := c.guard.Reveal(t.Context(), r)
	must(t, err)
	check(t, got)

	fromRow, err := c.guard.RevealRow(t.Context(), func() access.Request { r.Record = ""; return r }(), c.row)
	must(t, err)
	check(t, fromRow)

	entries := c.ledger()
	if len(entries) != 4 { // for each of the two reveals, one entry a person
		t.Fatalf("%d entries: %+v", len(entries), entries)
	}
	for i, want := range []struct {
		person crypto.Person
		fields []string
	}{{c.row.Persons[0], []string{"Tier__c", "LastName", "Phone", "Rank__c", "Email"}}, {c.row.Persons[1], []string{"AssistantName"}}} {
		e := entries[i]
		if e.Kind != audit.KindReveal || e.Actor != "helpdesk" || e.Purpose != "support" || e.Reason != "case 4711" || e.Object != "Contact" ||
			e.Person != want.person.String() || !slices.Equal(e.Fields, want.fields) || e.Count != len(want.fields) || e.Policy != 7 {
			t.Errorf("entry %d: %+v", i, e)
		}
	}
}

func check(t *testing.T, got access.Revealed) {
	t.Helper()
	if want := []string{"Tier__c", "AssistantName", "LastName", "Phone", "Email"}; !slices.Equal(got.Fields(), want) {
		t.Errorf("fields %q, want %q", got.Fields(), want)
	}
	for field, want := range map[string]string{"Tier__c": "Gold", "AssistantName": "Charles", "LastName": "Lovelace", "Email": "ada@example.com", "Phone": "-", "Level__c": "-", "Secret__c": "-"} {
		text, ok := got.Get(field)
		if ok != (want != "-") || ok && text != want {
			t.Errorf("%s is %q, %v; want %q", field, text, ok, want)
		}
	}
}

func TestDenied(t *testing.T) {
	t.Parallel()
	for _, d := range []struct {
		name  string
		ask   func(r *access.Request)
		entry audit.Entry // Purpose, Object and Fields
	}{
		{"no actor", func(r *access.Request) { r.Actor = "" }, audit.Entry{Purpose: "support", Object: "Contact", Fields: []string{"Email"}}},
		{"no reason", func(r *access.Request) { r.Reason = "" }, audit.Entry{Purpose: "support", Object: "Contact", Fields: []string{"Email"}}},
		{"no field", func(r *access.Request) { r.Fields = nil }, audit.Entry{Purpose: "support", Object: "Contact"}},
		{"no record", func(r *access.Request) { r.Record = "Lovelace" }, audit.Entry{Purpose: "support", Object: "Contact", Fields: []string{"Email"}}},
		{"an actor without grant", func(r *access.Request) { r.Actor = "intern" }, audit.Entry{Purpose: "support", Object: "Contact", Fields: []string{"Email"}}},
		{"another actor's grant", func(r *access.Request) { r.Actor = "invoices" }, audit.Entry{Purpose: "support", Object: "Contact", Fields: []string{"Email"}}},
		{"a purpose of the policy that is not granted", func(r *access.Request) { r.Purpose, r.Fields = "billing", []string{"LastName"} },
			audit.Entry{Purpose: "billing", Object: "Contact", Fields: []string{"LastName"}}},
		{"a field that is not kept for the purpose", func(r *access.Request) { r.Actor, r.Purpose = "office", "billing" },
			audit.Entry{Purpose: "billing", Object: "Contact", Fields: []string{"Email"}}},
		{"a field without grant among others", func(r *access.Request) { r.Fields = []string{"Email", "Secret__c"} },
			audit.Entry{Purpose: "support", Object: "Contact", Fields: []string{"Email", "Secret__c"}}},
		{"a field that the policy does not keep", func(r *access.Request) { r.Fields = []string{"Email", "Lovelace"} },
			audit.Entry{Purpose: "support", Object: "Contact", Fields: []string{"Email"}}},
		{"a field by the name it is stored under", func(r *access.Request) { r.Fields = []string{"Rank__c"} }, audit.Entry{Purpose: "support", Object: "Contact"}},
		{"a field twice", func(r *access.Request) { r.Fields = []string{"Email", "Email"} }, audit.Entry{Purpose: "support", Object: "Contact", Fields: []string{"Email"}}},
		{"an object that the policy does not keep", func(r *access.Request) { r.Object = "Lovelace" }, audit.Entry{Purpose: "support"}},
		{"a purpose that the policy does not have", func(r *access.Request) { r.Purpose = "Lovelace" }, audit.Entry{Object: "Contact", Fields: []string{"Email"}}},
	} {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			c := newCopy(t)
			r := ask("Email")
			d.ask(&r)
			got, err := c.guard.Reveal(t.Context(), r)
			if !errors.Is(err, fault.Refused) || len(got.Fields()) != 0 {
				t.Fatalf("got %v, %v", got.Fields(), err)
			}
			if _, err := c.guard.RevealRow(t.Context(), r, c.row); !errors.Is(err, fault.Refused) {
				t.Errorf("RevealRow: %v", err)
			}
			for _, e := range c.ledger() {
				if e.Kind != audit.KindDenied || e.Code != "refused" || e.Actor != r.Actor || e.Reason != r.Reason || e.Person != "" ||
					e.Purpose != d.entry.Purpose || e.Object != d.entry.Object || !slices.Equal(e.Fields, d.entry.Fields) {
					t.Errorf("recorded %+v", e)
				}
			}
			if n := len(c.ledger()); n != 2 {
				t.Errorf("%d entries", n)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		name  string
		spoil func(c *copied, r *access.Request)
		code  fault.Code
		kinds []audit.Kind
	}{
		{"a record that is not held", func(c *copied, r *access.Request) { r.Record = other }, fault.NotFound, []audit.Kind{audit.KindFault}},
		{"a deleted record", func(c *copied, r *access.Request) { c.write(store.Row{ID: ada, Seq: c.n, Mark: store.Gone}) }, fault.NotFound, []audit.Kind{audit.KindFault}},
		{"a suppressed record", func(c *copied, r *access.Request) {
			c.write(store.Row{ID: ada, Seq: c.n, Mark: store.Suppressed, Persons: c.row.Persons})
		}, fault.Forgotten, []audit.Kind{audit.KindFault}},
		{"a stub", func(c *copied, r *access.Request) {
			c.write(store.Row{ID: ada, Seq: c.n, Mark: store.Live, Dirty: true})
		},
			fault.Unavailable, []audit.Kind{audit.KindFault}},
		{"a forgotten person", func(c *copied, r *access.Request) {
			_, err := c.vault.Forget(c.Context(), c.row.Persons[0])
			must(c, err)
		},
			fault.Forgotten, []audit.Kind{audit.KindReveal, audit.KindFault}},
		{"a value that was moved", func(c *copied, r *access.Request) {
			row := c.row
			row.Seq, row.Cells = c.n, slices.Clone(row.Cells)
			row.Cells[0] = row.Cells[1]
			c.write(row)
		}, fault.Tampered, []audit.Kind{audit.KindReveal, audit.KindFault}},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			c := newCopy(t)
			r := ask("Email")
			f.spoil(c, &r)
			got, err := c.guard.Reveal(t.Context(), r)
			if !errors.Is(err, f.code) || len(got.Fields()) != 0 {
				t.Fatalf("got %v, %v", got.Fields(), err)
			}
			var kinds []audit.Kind
			for _, e := range c.ledger() {
				kinds = append(kinds, e.Kind)
				if e.Kind == audit.KindFault && e.Code != string(f.code) {
					t.Errorf("recorded %+v", e)
				}
			}
			if !slices.Equal(kinds, f.kinds) {
				t.Errorf("recorded %q, want %q", kinds, f.kinds)
			}
		})
	}
}

// broken is a ledger that cannot be written.
type broken struct{}

func (broken) Append(context.Context, ...audit.Entry) error { return errors.New("ada@example.com") }

func TestNothingOpensUnrecorded(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	guard := c.newGuard(broken{})
	for _, r := range []access.Request{ask("Email"), ask("Tier__c"), ask("Secret__c")} {
		got, err := guard.Reveal(t.Context(), r)
		if !errors.Is(err, fault.Refused) || !strings.Contains(err.Error(), "could not be recorded") || len(got.Fields()) != 0 {
			t.Errorf("%v: got %v, %v", r.Fields, got.Fields(), err)
		}
	}
}

// Who asks and hangs up has asked.
func TestCallerWhoLeavesIsRecorded(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.guard.Reveal(ctx, ask("Email")); !errors.Is(err, context.Canceled) {
		t.Errorf("granted: %v", err)
	}
	if _, err := c.guard.Reveal(ctx, ask("Secret__c")); !errors.Is(err, fault.Refused) {
		t.Errorf("denied: %v", err)
	}
	if n := len(c.ledger()); n != 2 {
		t.Errorf("%d entries", n)
	}
}

func TestRevealRowRefuses(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	r := ask("Email")
	r.Record = other
	if _, err := c.guard.RevealRow(t.Context(), r, c.row); !errors.Is(err, fault.Refused) {
		t.Errorf("another record: %v", err)
	}
	short := c.row
	short.Cells = short.Cells[1:]
	if _, err := c.guard.RevealRow(t.Context(), ask("Email"), short); !errors.Is(err, fault.Conflict) {
		t.Errorf("another version's row: %v", err)
	}
	patch := c.row
	patch.Patch, patch.Cells = true, slices.Clone(patch.Cells)
	patch.Cells[0] = store.Cell{}
	got, err := c.guard.RevealRow(t.Context(), ask("Email", "LastName"), patch)
	if err != nil || !slices.Equal(got.Fields(), []string{"LastName"}) {
		t.Errorf("a change that does not say what Email is: %v, %v", got.Fields(), err)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	for _, bad := range []struct {
		name  string
		grant access.Grant
		code  fault.Code
	}{
		{"no actor", access.Grant{Purposes: []string{"support"}}, fault.ConfigInvalid},
		{"an unknown purpose", access.Grant{Actor: "a", Purposes: []string{"fun"}}, fault.PolicyInvalid},
		{"an unknown object", access.Grant{Actor: "a", Purposes: []string{"support"}, Objects: map[string][]string{"Lead": {"Email"}}}, fault.PolicyInvalid},
		{"an unknown field", access.Grant{Actor: "a", Purposes: []string{"support"}, Objects: map[string][]string{"Contact": {"Fax"}}}, fault.PolicyInvalid},
		{"a field for another purpose", access.Grant{Actor: "a", Purposes: []string{"billing"}, Objects: map[string][]string{"Contact": {"Email"}}}, fault.PolicyInvalid},
	} {
		t.Run(bad.name, func(t *testing.T) {
			_, err := access.New(access.Config{Vault: c.vault, Reader: c.rows, Ledger: c.rows, Policy: policy, Grants: []access.Grant{bad.grant}})
			if !errors.Is(err, bad.code) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := access.New(access.Config{}); !errors.Is(err, fault.ConfigInvalid) {
		t.Errorf("without anything: %v", err)
	}
	g, err := access.New(access.Config{Vault: c.vault, Reader: c.rows, Ledger: c.rows, Policy: policy})
	must(t, err)
	if _, err := g.Reveal(t.Context(), ask("Email")); !errors.Is(err, fault.Refused) {
		t.Errorf("without grants: %v", err)
	}
}

func BenchmarkReveal(b *testing.B) {
	c := newCopy(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.guard.Reveal(b.Context(), ask("Email", "LastName")); err != nil {
			b.Fatal(err)
		}
	}
}
