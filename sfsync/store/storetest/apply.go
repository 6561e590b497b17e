package storetest

import (
	"context"
	"sync"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

var applies = []promise{
	{"a row reads back as it was written, also by a new process", func(c *held) {
		c.start()
		r := contact(1, "a")
		r.Evented, r.Dirty, r.Base = true, true, 0
		r.Cells[1], r.Cells[2], r.Cells[3] = store.Cell{State: store.Null}, store.Cell{}, store.Cell{State: store.Null}
		c.apply(c.batch(r))
		want := written(r, c.n("Contact"))
		same(c, "the row", c.row(id(1)), want)
		c.reopen()
		same(c, "the row after opening again", c.row(id(1)), want)
		same(c, "Load", c.load(id(1)), []store.Row{bare(want)})
	}},
	{"a stub holds nothing", func(c *held) {
		c.start().apply(c.batch(store.Row{ID: id(1), Mark: store.Live, Dirty: true}))
		got := c.row(id(1))
		if !got.Stub() || !got.Dirty {
			c.Errorf("got %+v", got)
		}
		same(c, "the cells", got.Cells, make([]store.Cell, 4))
	}},
	{"Load keeps the order of the ids and marks what is not held", func(c *held) {
		c.start().apply(c.batch(contact(1, "a"), contact(3, "c")))
		n := c.n("Contact")
		same(c, "Load", c.load(id(3), id(2), id(1), id(3)),
			[]store.Row{bare(written(contact(3, "c"), n)), {ID: id(2)}, bare(written(contact(1, "a"), n)), bare(written(contact(3, "c"), n))})
	}},
	{"a patch keeps the cells it does not name, and the owners", func(c *held) {
		c.start().apply(c.batch(contact(1, "a")))
		p := contact(1, "b")
		p.Seq, p.Patch, p.Evented, p.Persons = c.n("Contact"), true, true, []crypto.Person{person(7), person(8)}
		p.Cells[0], p.Cells[1] = store.Cell{}, store.Cell{State: store.Null}
		p.Owners = nil
		c.apply(c.batch(p))
		want := written(p, c.n("Contact"))
		want.Cells[0], want.Owners = contact(1, "a").Cells[0], contact(1, "a").Owners
		same(c, "the row", c.row(id(1)), want)
	}},
	{"a patch without cells changes the state only", func(c *held) {
		c.start().apply(c.batch(contact(1, "a")))
		p := bare(contact(1, ""))
		p.Seq, p.Patch, p.Dirty = c.n("Contact"), true, true
		c.apply(c.batch(p))
		want := written(contact(1, "a"), c.n("Contact"))
		want.Dirty = true
		same(c, "the row", c.row(id(1)), want)
	}},
	{"without Patch a row is replaced, and without cells emptied", func(c *held) {
		c.start().apply(c.batch(contact(1, "a"), contact(2, "a")))
		n := c.n("Contact")
		replaced, emptied := contact(1, "b"), store.Row{ID: id(2), Mark: store.Gone, Seq: n}
		replaced.Seq, replaced.Cells[0] = n, store.Cell{}
		c.apply(c.batch(replaced, emptied))
		same(c, "the replaced row", c.row(id(1)), written(replaced, n+1))
		emptied.Cells = make([]store.Cell, 4)
		same(c, "the emptied row", c.row(id(2)), written(emptied, n+1))
	}},
	{"a row that is in a batch several times ends as the last one says", func(c *held) {
		c.start()
		created, updated := contact(1, "a"), contact(1, "b")
		updated.Patch = true
		updated.Cells[0] = store.Cell{}
		c.apply(c.batch(created, updated))
		want := written(updated, c.n("Contact"))
		want.Cells[0] = created.Cells[0]
		same(c, "a new row", c.row(id(1)), want)

		updated.Seq = c.n("Contact")
		gone := store.Row{ID: id(1), Mark: store.Gone, Seq: c.n("Contact")}
		c.apply(c.batch(updated, gone))
		if got := c.row(id(1)); got.Mark != store.Gone || got.Seq != c.n("Contact") {
			c.Errorf("a row that was held: %+v", got)
		}
	}},
	{"a batch under another epoch is fenced", func(c *held) {
		b := c.start().batch(contact(1, "a"))
		before := c.picture() // prepares again
		if err := c.db.Apply(c.Context(), b); !isCode(err, fault.Fenced) {
			c.Errorf("Apply: %v", err)
		}
		same(c, "a fenced batch left something", c.picture(), before)
	}},
	{"a batch of another policy is a conflict", func(c *held) {
		b := c.start().batch(contact(1, "a"))
		b.Policy = 2
		c.conflict(b)
	}},
	{"a batch from another N is a conflict", func(c *held) {
		c.start().apply(c.batch())
		b := c.batch(contact(1, "a"))
		b.Objects[0].N--
		c.conflict(b)
	}},
	{"a batch of an object that is not kept is a conflict", func(c *held) {
		b := c.start().batch(contact(1, "a"))
		b.Objects = append(b.Objects, store.ObjectBatch{Object: "Lead"})
		c.conflict(b)
	}},
	{"a row that was written since it was loaded is a conflict", func(c *held) {
		c.start().apply(c.batch(contact(1, "a")))
		stale := contact(1, "b")
		stale.Seq = c.n("Contact")
		current := stale
		c.apply(c.batch(current))
		c.conflict(c.batch(contact(2, "b"), stale))
	}},
	{"a row that was absent when it was loaded and is no longer is a conflict", func(c *held) {
		c.start().apply(c.batch(contact(1, "a")))
		c.conflict(c.batch(contact(2, "b"), contact(1, "b")))
	}},
	{"a row that was there when it was loaded and is no longer is a conflict", func(c *held) {
		r := contact(1, "a")
		r.Seq = c.start().n("Contact")
		c.conflict(c.batch(contact(2, "b"), r))
	}},
	{"a conflict in one object undoes the others", func(c *held) {
		b := c.start().batch(contact(1, "a"))
		b.Objects = append(b.Objects, store.ObjectBatch{Object: "Case", N: 99})
		b.Topic, b.Next = "/data/ContactChangeEvent", "\x01"
		c.conflict(b)
	}},
	{"the position moves with the rows, from where it was", func(c *held) {
		b := c.start().batch(contact(1, "a"))
		b.Topic, b.Next, b.AsOf, b.Instance = "/data/ContactChangeEvent", "\x00\xff'1", 1_700_000_000, "USA1"
		c.apply(b)
		want := map[string]store.Topic{b.Topic: {Position: b.Next, AsOf: b.AsOf, Instance: "USA1"}}
		same(c, "topics", c.bookkeeping().Topics, want)

		b = c.batch()
		b.Topic, b.From, b.Next = "/data/ContactChangeEvent", "\x00\xfe", "\x02"
		c.conflict(b)
		b = c.batch()
		b.Topic, b.Next = "/data/ContactChangeEvent", "\x02" // as if there were none yet
		c.conflict(b)
		b = c.batch()
		b.Topic, b.From, b.Next = "/data/ContactChangeEvent", "\x00\xff'1", "\x02"
		c.apply(b)
		if got := c.bookkeeping().Topics[b.Topic].Position; got != "\x02" {
			c.Errorf("position %q", got)
		}
	}},
	{"a batch whose caller has gone leaves nothing", func(c *held) {
		c.start()
		ctx, cancel := context.WithCancel(c.Context())
		cancel()
		before := c.picture()
		if err := c.db.Apply(ctx, c.batch(contact(1, "a"))); !isCode(err, fault.Canceled) || !isCode(err, context.Canceled) {
			c.Errorf("Apply: %v", err)
		}
		same(c, "everything", c.picture(), before)
		c.apply(c.batch(contact(1, "a")))
	}},
	{"objects may be written at the same time", func(c *held) {
		c.start()
		var wait sync.WaitGroup
		for _, name := range []string{"Contact", "Case"} {
			wait.Go(func() {
				for i := range 50 {
					loaded, err := c.db.Load(c.Context(), name, []string{id(i / 2)})
					if err != nil {
						c.Errorf("Load: %v", err)
						return
					}
					row := store.Row{ID: id(i / 2), Mark: store.Live, Seq: loaded[0].Seq}
					b := c.batch()
					b.Objects = []store.ObjectBatch{{Object: name, N: c.n(name) + int64(i), Rows: []store.Row{row}}}
					if err := c.db.Apply(c.Context(), b); err != nil {
						c.Errorf("Apply: %v", err)
						return
					}
				}
			})
		}
		wait.Wait()
		for name, rows := range c.picture().Rows {
			if len(rows) != 25 {
				c.Errorf("%s has %d rows", name, len(rows))
			}
		}
	}},
}

// conflict checks that the batch is refused as made from something old.
func (c *held) conflict(b *store.Batch) {
	c.Helper()
	b.Entries = append(b.Entries, audit.Entry{Kind: audit.KindBatch})
	before := c.picture()
	b.Epoch = c.state.Epoch
	if err := c.db.Apply(c.Context(), b); !isCode(err, fault.Conflict) {
		c.Errorf("Apply: got %v, want a conflict", err)
	}
	same(c, "a refused batch left something", c.picture(), before)
}
