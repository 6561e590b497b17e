package storetest

import (
	"slices"
	"sync"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

var reads = []promise{
	{"a row that is not held is absent", func(c *held) {
		same(c.start(), "the row", c.row(id(1)), store.Row{ID: id(1)})
	}},
	{"an object that is not kept is not found", func(c *held) {
		c.start()
		for _, name := range []string{"Lead", "contact", "", `x"; --`} {
			if _, err := c.db.Table(c.Context(), name); !isCode(err, fault.NotFound) {
				c.Errorf("Table(%q): %v", name, err)
			}
			if _, err := c.db.Row(c.Context(), name, id(1)); !isCode(err, fault.NotFound) {
				c.Errorf("Row(%q): %v", name, err)
			}
			if _, err := c.db.Load(c.Context(), name, []string{id(1)}); !isCode(err, fault.NotFound) {
				c.Errorf("Load(%q): %v", name, err)
			}
			for _, err := range c.db.Rows(c.Context(), name) {
				if !isCode(err, fault.NotFound) {
					c.Errorf("Rows(%q): %v", name, err)
				}
			}
		}
	}},
	{"Table says how an object is kept", func(c *held) {
		got, err := c.start().db.Table(c.Context(), "Contact")
		if err != nil {
			c.Fatal(err)
		}
		same(c, "the table", got, schema().Tables[0])
	}},
	{"Rows yields every row in order of id", func(c *held) {
		c.start()
		var rows []store.Row
		for i := range 1000 {
			rows = append(rows, contact(i*7919%1000, "a"))
		}
		c.apply(c.batch(rows...))
		var got []string
		for row, err := range c.db.Rows(c.Context(), "Contact") {
			if err != nil {
				c.Fatal(err)
			}
			if len(row.Cells) != 4 || string(row.Cells[1].Bytes) != "Gold a" {
				c.Fatalf("row %+v", row)
			}
			got = append(got, row.ID)
		}
		if len(got) != 1000 || !slices.IsSorted(got) {
			c.Errorf("%d rows, sorted: %v", len(got), slices.IsSorted(got))
		}
	}},
	{"a reader does not hold up the writer, and may leave", func(c *held) {
		c.start().apply(c.batch(contact(1, "a"), contact(2, "a")))
		for _, err := range c.db.Rows(c.Context(), "Contact") {
			if err != nil {
				c.Fatal(err)
			}
			c.apply(c.batch(contact(3, "a")))
			break
		}
		if got := c.row(id(3)).Mark; got != store.Live {
			c.Errorf("mark %d", got)
		}
	}},
	{"another process reads what was committed", func(c *held) {
		c.start().apply(c.batch(contact(1, "a")))
		other := c.open(c.T)
		defer other.Close()
		row, err := other.Row(c.Context(), "Contact", id(1))
		if err != nil {
			c.Fatal(err)
		}
		same(c, "the row", row, written(contact(1, "a"), c.n("Contact")))
		c.apply(c.batch(contact(2, "b")))
		if row, err = other.Row(c.Context(), "Contact", id(2)); err != nil || row.Mark != store.Live {
			c.Errorf("the next one: %+v, %v", row, err)
		}
	}},
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

var ledgers = []promise{
	{"entries are in the ledger with the rows of their batch", func(c *held) {
		b := c.start().batch(contact(1, "a"))
		b.Entries = []audit.Entry{{Time: noon, Kind: audit.KindBatch, Object: "Contact", Count: 1, Policy: 3}, {Time: noon, Kind: audit.KindException, Reason: `<"ü">`}}
		c.apply(b)
		got := c.picture().Ledger
		want := audit.Chain(audit.Head{}, b.Entries[0])
		same(c, "the ledger", got, []audit.Stored{want, audit.Chain(want.Head(), b.Entries[1])})
	}},
	{"Append goes on where a batch ended, and the chain holds", func(c *held) {
		b := c.start().batch()
		b.Entries = []audit.Entry{{Time: noon, Kind: audit.KindBatch}}
		c.apply(b)
		if err := c.db.Append(c.Context(), audit.Entry{Time: noon, Kind: audit.KindReveal}, audit.Entry{Time: noon, Kind: audit.KindDenied}); err != nil {
			c.Fatal(err)
		}
		c.reopen()
		head, err := audit.Verify(c.Context(), c.db)
		if err != nil || head.Seq != 3 {
			c.Errorf("head %d, %v", head.Seq, err)
		}
		for e, err := range c.db.Entries(c.Context(), 2) {
			if err != nil || e.Seq != 3 || e.Entry.Kind != audit.KindDenied {
				c.Errorf("after 2: %+v, %v", e, err)
			}
		}
	}},
	{"a ledger is there before any schema, and may be long", func(c *held) {
		entries := make([]audit.Entry, 1000)
		for i := range entries {
			entries[i] = audit.Entry{Time: noon, Kind: audit.KindSignIn, Count: i}
		}
		if err := c.db.Append(c.Context(), entries...); err != nil {
			c.Fatal(err)
		}
		if head, err := audit.Verify(c.Context(), c.db); err != nil || head.Seq != 1000 {
			c.Errorf("head %d, %v", head.Seq, err)
		}
	}},
	{"several processes append to one chain", func(c *held) {
		other := c.open(c.T)
		defer other.Close()
		var wait sync.WaitGroup
		for _, db := range []DB{c.db, other, c.db} {
			wait.Go(func() {
				for range 20 {
					if err := db.Append(c.Context(), audit.Entry{Time: noon, Kind: audit.KindReveal}); err != nil {
						c.Errorf("Append: %v", err)
					}
				}
			})
		}
		wait.Wait()
		if head, err := audit.Verify(c.Context(), c.db); err != nil || head.Seq != 60 {
			c.Errorf("head %d, %v", head.Seq, err)
		}
	}},
}
