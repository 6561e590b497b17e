package storetest

import (
	"context"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

var erasures = []promise{
	{"no live row of a buried person is written, whichever field is theirs", func(c *held) {
		c.start().bury(person(2))
		for i := 1; i <= 2; i++ { // contact(i) is of the persons i and i+1
			if err := c.db.Apply(c.Context(), c.batch(contact(i, "a"))); !isCode(err, fault.Forgotten) {
				c.Errorf("a row of the persons %d and %d: %v", i, i+1, err)
			}
		}
		c.apply(c.batch(contact(3, "a"), store.Row{ID: id(1), Mark: store.Suppressed}, store.Row{ID: id(2), Mark: store.Live, Dirty: true}))
	}},
	{"erasing empties what is the person's and keeps the rest", func(c *held) {
		c.start().apply(c.batch(contact(1, "a"), contact(2, "a"), contact(3, "a")))
		n := c.n("Contact")
		c.bury(person(2))
		if rows, err := c.db.Erase(c.Context(), []crypto.Person{person(2)}, nil); err != nil || rows != 2 {
			c.Errorf("Erase: %d rows, %v", rows, err)
		}
		own := store.Row{ID: id(2), Mark: store.Suppressed, Evented: true, Dirty: true, Seq: n, Cells: make([]store.Cell, 4)}
		same(c, "the person's row", c.row(id(2)), own)
		other := written(contact(1, "a"), n)
		other.Persons[1], other.Cells[3], other.Dirty = crypto.Person{}, store.Cell{}, true
		same(c, "another's row with a field of the person", c.row(id(1)), other)
		same(c, "another's row", c.row(id(3)), written(contact(3, "a"), n))
		c.buried([]crypto.Person{person(2)}, nil)
		if rows, err := c.db.Erase(c.Context(), []crypto.Person{person(2)}, nil); err != nil || rows != 0 {
			c.Errorf("Erase again: %d rows, %v", rows, err)
		}
	}},
	{"erasing keeps plain fields that are no link, of rows that are about the person", func(c *held) {
		c.schema.Tables[1].Columns = []store.Column{{Name: "Status", Type: 2}, {Name: "ContactId", Type: 9, Link: true}}
		c.start()
		row := func(i int, contact string) store.Row {
			return store.Row{ID: id(i), Mark: store.Live, Persons: []crypto.Person{person(2)}, Cells: []store.Cell{value("New"), value(contact)}}
		}
		b := c.batch()
		own := row(2, "")
		own.Cells[1] = store.Cell{State: store.Null}
		b.Objects = []store.ObjectBatch{{Object: "Case", N: c.n("Case"), Rows: []store.Row{row(1, id(9)), own}}}
		c.apply(b)
		c.bury(person(2))
		if _, err := c.db.Erase(c.Context(), []crypto.Person{person(2)}, []string{"Case"}); err != nil {
			c.Fatal(err)
		}
		for i, want := range map[int]store.Cell{1: value("New"), 2: {}} {
			got, err := c.db.Row(c.Context(), "Case", id(i))
			if err != nil {
				c.Fatal(err)
			}
			same(c, "the cells", got.Cells, []store.Cell{want, {}})
		}
	}},
	{"who is lifted is buried no more, and what may be theirs is read again", func(c *held) {
		c.start().apply(c.batch(contact(1, "a"), contact(2, "a"), contact(3, "a")))
		c.bury(person(2))
		if _, err := c.db.Erase(c.Context(), []crypto.Person{person(2)}, nil); err != nil {
			c.Fatal(err)
		}
		c.paid(1, 2)
		c.again(c.db.Lift, person(2), id(1), id(2))
		c.buried(nil, nil)
		c.apply(c.batch(contact(7, "a")))
	}},
	{"rows of a person, and with a field of theirs, are read again", func(c *held) {
		c.start().apply(c.batch(contact(1, "a"), contact(2, "a"), contact(3, "a")))
		c.again(c.db.Owe, person(2), id(1), id(2))
		same(c, "a row that is owed a read keeps all else", c.row(id(2)).Cells, contact(2, "a").Cells)
	}},
}

// entry is one for the ledger, of a reason.
func entry(reason string) audit.Entry {
	return audit.Entry{Time: time.Unix(1_700_000_000, 0).UTC(), Kind: audit.KindForget, Reason: reason}
}

// bury buries persons, who are not erased then.
func (c *held) bury(persons ...crypto.Person) {
	c.Helper()
	before := len(c.picture().Ledger)
	if err := c.db.Bury(c.Context(), persons, entry("bury")); err != nil {
		c.Fatalf("Bury: %v", err)
	}
	c.buried(persons, persons)
	if ledger := c.picture().Ledger; len(ledger) != before+1 || ledger[before].Entry.Reason != "bury" {
		c.Errorf("the ledger has %d entries, before %d", len(ledger), before)
	}
}

func (c *held) buried(all, unerased []crypto.Person) {
	c.Helper()
	gotAll, gotUnerased, err := c.db.Buried(c.Context())
	if err != nil {
		c.Fatalf("Buried: %v", err)
	}
	same(c, "buried", gotAll, all)
	same(c, "not erased", gotUnerased, unerased)
}

// paid writes rows that are owed a read as a read leaves them.
func (c *held) paid(rows ...int) {
	c.Helper()
	var list []store.Row
	for _, i := range rows {
		r := bare(c.row(id(i)))
		r.Dirty, r.Patch = false, true
		list = append(list, r)
	}
	c.apply(c.batch(list...))
}

// again calls Lift or Owe, after which exactly these rows are dirty, a batch made
// before is a conflict, and so is a row that was loaded before.
func (c *held) again(owe func(ctx context.Context, persons []crypto.Person, e audit.Entry) (int64, error), p crypto.Person, want ...string) {
	c.Helper()
	early := c.batch(contact(8, "a"))
	stale := bare(c.load(want[0])[0])
	stale.Patch = true
	rows, err := owe(c.Context(), []crypto.Person{p}, entry("again"))
	if err != nil || rows != int64(len(want)) {
		c.Errorf("%d rows, %v; want %d", rows, err, len(want))
	}
	c.dirty(want...)
	c.conflict(early)
	for name := range c.state.Objects {
		o := c.state.Objects[name]
		o.N++
		c.state.Objects[name] = o
	}
	if got := c.load(want[0])[0].Seq; got != c.n("Contact") {
		c.Errorf("the Seq is %d in batch %d", got, c.n("Contact"))
	}
	c.conflict(c.batch(stale))
	ledger := c.picture().Ledger
	if len(ledger) == 0 || ledger[len(ledger)-1].Entry.Reason != "again" {
		c.Error("the ledger has no entry")
	}
}
