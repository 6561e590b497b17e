// Package storetest is the suite that every store passes: what package store
// promises, one subtest for each promise.
//
// The rule it keeps: a driver is tested through its interfaces alone, on a real
// database, so that two drivers that pass cannot be told apart by the engine.
//
// A driver's own test is one line:
//
//	func TestStore(t *testing.T) { storetest.Run(t, fresh) }
//
// # Security
//
// The rows of the suite are made up.
package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// DB is all that a driver offers.
type DB interface {
	store.Store
	store.Reader
	store.Eraser
	audit.Appender
	audit.Log
	Close() error
}

// Open opens a database, each time the same one.
type Open func(t *testing.T) DB

// Run runs the suite. Fresh makes a new, empty database and returns how to open
// it; the suite closes what it opens.
func Run(t *testing.T, fresh func(t *testing.T) Open) {
	for _, part := range [][]promise{prepares, applies, debts, reads, ledgers, erasures} {
		for _, p := range part {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				p.test(newCopy(t, fresh(t)))
			})
		}
	}
}

// promise is one sentence of the contract and its test.
type promise struct {
	name string
	test func(c *held)
}

// held is a database under test, with what its writer knows of it.
type held struct {
	*testing.T
	open   Open
	db     DB
	schema store.Schema
	state  store.State
}

func newCopy(t *testing.T, open Open) *held {
	c := &held{T: t, open: open, schema: schema()}
	c.db = open(t)
	t.Cleanup(func() { c.db.Close() })
	return c
}

// start is newCopy with the schema prepared.
func (c *held) start() *held {
	c.Helper()
	c.prepare()
	return c
}

func (c *held) prepare() {
	c.Helper()
	state, err := c.db.Prepare(c.Context(), c.schema)
	if err != nil {
		c.Fatalf("Prepare: %v", err)
	}
	c.state = state
}

// reopen closes the database and opens it again, as a new process would.
func (c *held) reopen() {
	c.Helper()
	if err := c.db.Close(); err != nil {
		c.Fatalf("Close: %v", err)
	}
	c.db = c.open(c.T)
	c.prepare()
}

func (c *held) n(object string) int64 { return c.state.Objects[object].N }

// batch is one of Contact with these rows, made from what is known.
func (c *held) batch(rows ...store.Row) *store.Batch {
	return &store.Batch{
		Epoch: c.state.Epoch, Policy: c.schema.Policy,
		Objects: []store.ObjectBatch{{Object: "Contact", N: c.n("Contact"), Rows: rows}},
	}
}

// apply applies the batch and counts its objects.
func (c *held) apply(b *store.Batch) {
	c.Helper()
	if err := c.db.Apply(c.Context(), b); err != nil {
		c.Fatalf("Apply: %v", err)
	}
	for _, o := range b.Objects {
		known := c.state.Objects[o.Object]
		known.N = o.N + 1
		c.state.Objects[o.Object] = known
	}
}

// picture is all that can be read.
type picture struct {
	Rows   map[string][]store.Row
	Ledger []audit.Stored
	State  store.State
}

// picture prepares again, as there is no other way to read the bookkeeping.
func (c *held) picture() picture {
	c.Helper()
	p := picture{Rows: map[string][]store.Row{}, State: c.bookkeeping()}
	for _, t := range c.schema.Tables {
		for row, err := range c.db.Rows(c.Context(), t.Object) {
			if err != nil {
				c.Fatalf("Rows: %v", err)
			}
			p.Rows[t.Object] = append(p.Rows[t.Object], row)
		}
	}
	for e, err := range c.db.Entries(c.Context(), 0) {
		if err != nil {
			c.Fatalf("Entries: %v", err)
		}
		p.Ledger = append(p.Ledger, e)
	}
	return p
}

// bookkeeping is the state without the epoch, which reading it moves on.
func (c *held) bookkeeping() store.State {
	c.Helper()
	fenced := c.state
	c.prepare()
	now := c.state
	c.state.Objects, c.state.Topics = fenced.Objects, fenced.Topics
	now.Epoch = 0
	return now
}

func (c *held) object(name string) store.Object { c.Helper(); return c.bookkeeping().Objects[name] }

func (c *held) load(ids ...string) []store.Row {
	c.Helper()
	rows, err := c.db.Load(c.Context(), "Contact", ids)
	if err != nil || len(rows) != len(ids) {
		c.Fatalf("Load: %d rows, %v", len(rows), err)
	}
	return rows
}

func (c *held) row(id string) store.Row {
	c.Helper()
	row, err := c.db.Row(c.Context(), "Contact", id)
	if err != nil {
		c.Fatalf("Row: %v", err)
	}
	return row
}

// same checks that what is held is what is wanted.
func same[V any](c *held, what string, got, want V) {
	c.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		c.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// schema keeps Contact, with a field of another person, and Case.
func schema() store.Schema {
	return store.Schema{Org: "00DDp000000J5TeMAK", Policy: 3, Hash: "h3", Tables: []store.Table{
		{Object: "Contact", Topic: "/data/ContactChangeEvent", Rules: []string{"Id", "ReportsToId" + store.Followed}, Columns: []store.Column{
			{Name: "Email", Sealed: true, Type: 1},
			{Name: "Tier__c", Type: 2, Small: true},
			{Name: "Order", Type: 1}, // a word of SQL
			{Name: "Assistant", Sealed: true, Rule: 1, Type: 1},
		}},
		{Object: "Case", Topic: "/data/CaseChangeEvent", Rules: []string{"ContactId"}, Columns: []store.Column{{Name: "Status", Type: 2}}},
	}}
}

// id is the i-th record id. Their order is that of i.
func id(i int) string {
	s, ok := recordid.Normalize(fmt.Sprintf("003Dp00000%05d", i))
	if !ok {
		panic("storetest: no id")
	}
	return s
}

// person is the i-th person.
func person(i int) crypto.Person {
	return crypto.Person{0x01, 0x98, byte(i >> 8), byte(i), 0x70, 15: 0x01}
}

// contact is a live row with every cell known.
func contact(i int, n string) store.Row {
	return store.Row{
		ID: id(i), Mark: store.Live, Persons: []crypto.Person{person(i), person(i + 1)}, Owners: []string{"", id(i + 1)}, Key: crypto.KeyID(0xfffffff0 + i%16), Base: 1_700_000_000,
		Cells: []store.Cell{value("\x01\xffsealed " + n), value("Gold " + n), value("Zürich\x00 " + n), value("\x01sealed for another")},
	}
}

func value(s string) store.Cell { return store.Cell{State: store.Value, Bytes: []byte(s)} }

// written is a row as it is read back when it was written by batch n.
func written(r store.Row, n int64) store.Row {
	r.Seq, r.Patch, r.Op, r.Commit, r.Transaction, r.Sequence = n, false, "", 0, "", 0
	return r
}

// bare is a row as Load returns it.
func bare(r store.Row) store.Row { r.Cells = nil; return r }
