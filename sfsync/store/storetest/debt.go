package storetest

import (
	"math"
	"slices"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

var debts = []promise{
	{"absence makes the rows of the range dirty that nothing wrote since", func(c *held) {
		c.start().apply(c.batch(contact(1, "a"), contact(2, "a"), contact(3, "a"), contact(4, "a"), store.Row{ID: id(5), Mark: store.Gone},
			store.Row{ID: id(6), Mark: store.Suppressed}, contact(7, "a")))
		n0 := c.n("Contact")
		again := contact(3, "b")
		again.Seq = n0
		c.apply(c.batch(again))
		b := c.batch()
		b.Objects[0].Absent = &store.Absence{Range: store.Range{From: id(1), To: id(6)}, N0: n0}
		c.apply(b)
		for i, want := range map[int]bool{1: false, 2: true, 3: false, 4: true, 5: false, 6: true, 7: false} {
			got := c.row(id(i))
			if got.Dirty != want {
				c.Errorf("row %d: dirty is %v", i, got.Dirty)
			}
			if want && got.Seq != c.n("Contact") {
				c.Errorf("row %d has the Seq %d in batch %d", i, got.Seq, c.n("Contact"))
			}
		}
		want := written(contact(2, "a"), c.n("Contact"))
		want.Dirty = true
		same(c, "a suspect keeps all else", c.row(id(2)), want)
	}},
	{"rows become dirty when a record moves that they take a person from", func(c *held) {
		gone := contact(1, "a")
		gone.Mark, gone.Persons, gone.Cells = store.Gone, nil, nil
		suppressed := store.Row{ID: id(4), Mark: store.Suppressed, Persons: []crypto.Person{person(4), person(5)}, Owners: []string{"", id(2)}}
		alone := contact(3, "a")
		alone.Owners = nil
		c.start().apply(c.batch(contact(0, "a"), gone, alone, suppressed))
		b := c.batch(contact(11, "in the same batch"), contact(12, "another's"))
		b.Objects[0].Moved = []string{id(2), id(12)}
		c.apply(b)
		c.dirty(id(4), id(11))
		want := written(contact(11, "in the same batch"), c.n("Contact"))
		want.Dirty = true
		same(c, "the row keeps all else", c.row(id(11)), want)
	}},
	{"what a read of stamps has seen is not absent, in that read only", func(c *held) {
		c.start().apply(c.batch(contact(1, "a"), contact(2, "a"), contact(3, "a")))
		b := c.batch()
		b.Objects[0].Begin = []store.Read{{ID: 7, Range: store.Whole(store.Stamp)}, {ID: 8, Range: store.Whole(store.Stamp)}}
		c.apply(b)
		n0 := c.n("Contact")
		for _, some := range [][]string{{id(1)}, {id(3), id(1)}} { // a row may be seen twice
			b = c.batch()
			b.Objects[0].Seen = store.Seen{Read: 7, IDs: some}
			c.apply(b)
		}
		if got := c.row(id(1)).Seq; got == c.n("Contact") {
			c.Error("a row that was seen was written")
		}
		for i, want := range map[int]int64{1: 7, 2: 0, 3: 7} {
			if got := c.load(id(i))[0].Seen; got != want {
				c.Errorf("row %d was seen by read %d, want %d", i, got, want)
			}
		}
		b = c.batch()
		b.Objects[0].Absent, b.Objects[0].End = &store.Absence{N0: n0, Read: 7}, []int64{7}
		c.apply(b)
		c.dirty(id(2))
		if got := c.load(id(1))[0].Seen; got != 0 {
			c.Errorf("a row is seen by read %d, which has ended", got)
		}
		b = c.batch()
		b.Objects[0].Absent = &store.Absence{N0: n0, Read: 8}
		c.apply(b)
		c.dirty(id(2), id(1), id(3))
	}},
	{"what was seen is forgotten when its read ends", func(c *held) {
		c.start().apply(c.batch(contact(1, "a")))
		n0 := c.n("Contact")
		for _, some := range []store.ObjectBatch{
			{Begin: []store.Read{{ID: 7, Range: store.Whole(store.Stamp)}}},
			{Seen: store.Seen{Read: 7, IDs: []string{id(1)}}, End: []int64{7}},
			{Begin: []store.Read{{ID: 7, Range: store.Whole(store.Stamp)}}},
			{Absent: &store.Absence{N0: n0, Read: 7}},
		} {
			some.Object, some.N = "Contact", c.n("Contact")
			b := c.batch()
			b.Objects[0] = some
			c.apply(b)
		}
		c.dirty(id(1))
	}},
	{"more absent rows than the share allows are refused", func(c *held) {
		c.start()
		var rows []store.Row
		for i := range 4 * store.LossFloor {
			rows = append(rows, contact(i, "a"))
		}
		c.apply(c.batch(rows...))
		n0 := c.n("Contact")
		gone := store.Row{ID: id(1000), Mark: store.Gone} // counts neither as absent nor as a row
		c.apply(c.batch(append(rewrite(c, rows[2*store.LossFloor:]...), gone)...))
		absent := func(share float64, to int) *store.Batch {
			b := c.batch()
			b.Objects[0].Absent = &store.Absence{Range: store.Range{To: id(to - 1)}, N0: n0, Share: share}
			return b
		}
		before := c.picture()
		for _, b := range []*store.Batch{absent(0.49, 4*store.LossFloor), absent(0.99, 2*store.LossFloor)} {
			b.Epoch = c.state.Epoch
			if err := c.db.Apply(c.Context(), b); !isCode(err, fault.LossRefused) {
				c.Errorf("Apply: %v", err)
			}
		}
		same(c, "a refused batch left something", c.picture(), before)
		b := absent(0.01, store.LossFloor)
		b.Epoch = c.state.Epoch
		c.apply(b) // so few may go whatever their share
		c.apply(absent(0.5, 4*store.LossFloor))
		if list, err := c.db.Dirty(c.Context(), "Contact", math.MaxInt64, 1000); err != nil || len(list) != 2*store.LossFloor {
			c.Errorf("%d dirty rows, %v", len(list), err)
		}
	}},
	{"absent rows that are explained are not refused", func(c *held) {
		c.start()
		var rows []store.Row
		for i := range 4 * store.LossFloor {
			r := contact(i, "a")
			r.Dirty, r.Explained = i%2 == 0, i%2 == 0
			rows = append(rows, r)
		}
		c.apply(c.batch(rows...))
		b := c.batch()
		b.Objects[0].Absent = &store.Absence{N0: c.n("Contact"), Share: 0.49}
		b.Epoch = c.state.Epoch
		if err := c.db.Apply(c.Context(), b); !isCode(err, fault.LossRefused) {
			c.Errorf("Apply: %v", err)
		}
		b.Objects[0].Absent.Share = 0.51
		c.apply(b)
	}},
	{"an explanation stays as long as the row is dirty, also for a new process", func(c *held) {
		c.start()
		r := contact(1, "a")
		r.Explained = true
		c.apply(c.batch(r, contact(2, "a")))
		if c.row(id(1)).Explained {
			c.Error("a row that is not dirty is explained")
		}
		for _, step := range []struct{ dirty, want bool }{{true, true}, {false, false}} {
			r.Dirty, r.Seq = step.dirty, c.load(id(1))[0].Seq
			c.apply(c.batch(r))
			b := c.batch()
			b.Objects[0].Moved = []string{id(2), id(3)}
			c.apply(b)
			c.reopen()
			for i, want := range map[int]bool{1: step.want, 2: false} {
				if got := c.load(id(i))[0]; got.Explained != want || !got.Dirty {
					c.Errorf("row %d after %v: %+v", i, step, got)
				}
			}
			r.Dirty = false
			r.Seq = c.load(id(1))[0].Seq
			c.apply(c.batch(r))
		}
	}},
	{"rows are counted without gone marks", func(c *held) {
		c.start().apply(c.batch(contact(1, "a"), store.Row{ID: id(2), Mark: store.Gone}, store.Row{ID: id(3), Mark: store.Suppressed},
			store.Row{ID: id(4), Mark: store.Live, Dirty: true}))
		if got := c.object("Contact").Rows; got != 3 {
			c.Errorf("%d rows, want 3", got)
		}
	}},
	{"the ends of a range may be open, and be ids of 15 characters", func(c *held) {
		for _, r := range []struct {
			span store.Range
			want []string
		}{
			{store.Range{}, []string{id(1), id(2), id(3)}},
			{store.Range{From: id(2)}, []string{id(3)}},
			{store.Range{To: id(2)}, []string{id(1), id(2)}},
			{store.Range{From: id(1)[:15], To: id(2)[:15]}, []string{id(2)}},
		} {
			c := newCopy(c.T, c.open).start()
			c.apply(c.batch(rewrite(c, contact(1, "a"), contact(2, "a"), contact(3, "a"))...))
			b := c.batch()
			b.Objects[0].Absent = &store.Absence{Range: r.span, N0: c.n("Contact")}
			c.apply(b)
			c.dirty(r.want...)
			for _, row := range []string{id(1), id(2), id(3)} {
				if got := r.span.Contains(row); got != slices.Contains(r.want, row) {
					c.Errorf("%v holds %s: %v", r.span, row, got)
				}
			}
			c.db.Close()
		}
	}},
	{"a row with the rows of a batch counts as written", func(c *held) {
		c.start().apply(c.batch(contact(1, "a")))
		b := c.batch(contact(2, "a"))
		b.Objects[0].Absent = &store.Absence{N0: c.n("Contact")}
		c.apply(b)
		c.dirty(id(1))
	}},
	{"the longest dirty come first, up to the limit", func(c *held) {
		c.start()
		for _, i := range []int{3, 1, 2} {
			r := contact(i, "a")
			r.Dirty = true
			c.apply(c.batch(r))
		}
		event := contact(3, "b") // goes on being written, and stays first
		event.Dirty, event.Seq = true, c.load(id(3))[0].Seq
		c.apply(c.batch(event))
		c.dirty(id(3), id(1), id(2))
		if ids, err := c.db.Dirty(c.Context(), "Contact", math.MaxInt64, 2); err != nil || len(ids) != 2 {
			c.Errorf("two of three: %v, %v", ids, err)
		}
		ids, err := c.db.Dirty(c.Context(), "Contact", c.n("Contact")-2, 100) // without the last of them and the event
		same(c, "those up to a Seq", ids, []string{id(3), id(1)})
		if err != nil {
			c.Error(err)
		}
		read := contact(3, "c")
		read.Seq = c.n("Contact")
		c.apply(c.batch(read))
		c.dirty(id(1), id(2))
		again := contact(3, "c")
		again.Dirty, again.Seq = true, c.n("Contact")
		c.apply(c.batch(again))
		c.dirty(id(1), id(2), id(3))
	}},
	{"a row that is dirty stays so since when it was, whatever else says so", func(c *held) {
		c.start()
		for _, i := range []int{3, 1} {
			r := contact(i, "a")
			r.Dirty = true
			c.apply(c.batch(r))
		}
		b := c.batch()
		b.Objects[0].Absent = &store.Absence{N0: c.n("Contact")}
		c.apply(b)
		c.dirty(id(3), id(1))
	}},
	{"gone marks are forgotten up to a Seq", func(c *held) {
		c.start()
		for i := range 3 {
			c.apply(c.batch(store.Row{ID: id(i), Mark: store.Gone}, store.Row{ID: id(10 + i), Mark: store.Suppressed, Dirty: true}))
		}
		c.apply(c.batch(store.Row{ID: id(20), Mark: store.Gone, Dirty: true}))
		b := c.batch()
		b.Objects[0].ForgetGone = c.n("Contact") - 2
		c.apply(b)
		for i, want := range []store.Mark{store.Absent, store.Absent, store.Gone} {
			if got := c.row(id(i)).Mark; got != want {
				c.Errorf("row %d: mark %d, want %d", i, got, want)
			}
		}
		c.dirty(id(10), id(11), id(12), id(20))
	}},
	{"a full debt replaces a stamp debt of its range and not the other way round", func(c *held) {
		c.start().settled()
		left, right := store.Range{To: id(5), Kind: store.Stamp}, store.Range{From: id(5), Kind: store.Full}
		b := c.batch()
		b.Objects[0].Owe = []store.Range{left, right}
		c.apply(b)
		same(c, "owed", c.object("Contact").Owed, []store.Range{left, right})
		b = c.batch()
		b.Objects[0].Owe = []store.Range{left}
		c.apply(b)
		same(c, "a stamp debt twice", c.object("Contact").Owed, []store.Range{left, right})
		left.Kind, right.Kind = store.Full, store.Stamp
		b = c.batch()
		b.Objects[0].Owe = []store.Range{left, right}
		c.apply(b)
		left.Kind, right.Kind = store.Full, store.Full
		same(c, "owed again", c.object("Contact").Owed, []store.Range{left, right})
	}},
	{"a full read pays both debts, a stamp read only its own", func(c *held) {
		c.start().settled()
		full, stamp, other := store.Range{To: id(1), Kind: store.Full}, store.Range{From: id(1), To: id(2), Kind: store.Stamp}, store.Range{From: id(2), Kind: store.Full}
		b := c.batch()
		b.Objects[0].Owe = []store.Range{full, stamp, other}
		c.apply(b)
		b = c.batch()
		b.Objects[0].Paid = []store.Range{{To: id(1), Kind: store.Stamp}, {From: id(1), To: id(2), Kind: store.Full}, {From: id(3), Kind: store.Full}}
		c.apply(b)
		same(c, "owed", c.object("Contact").Owed, []store.Range{full, other})
	}},
	{"what is owed and paid in one batch is paid", func(c *held) {
		c.start().settled()
		b := c.batch()
		half := store.Range{From: id(5), Kind: store.Full}
		b.Objects[0].Owe, b.Objects[0].Paid = []store.Range{store.Whole(store.Full), half}, []store.Range{store.Whole(store.Full)}
		c.apply(b)
		same(c, "owed", c.object("Contact").Owed, []store.Range{half})
	}},
	{"a floor is the batch's number", func(c *held) {
		b := c.start().batch()
		b.Objects[0].Floor = true
		c.apply(b)
		c.apply(c.batch())
		if o := c.object("Contact"); o.Floor != o.N-1 {
			c.Errorf("floor %d, n %d", o.Floor, o.N)
		}
	}},
	{"a read is kept until it ends, also by a new process", func(c *held) {
		b := c.start().batch()
		read, other := store.Read{ID: 1 << 62, Range: store.Range{From: id(1), To: id(2), Kind: store.Stamp}}, store.Read{ID: 7, Range: store.Whole(store.Full)}
		b.Objects[0].Begin = []store.Read{read, other}
		c.apply(b)
		read.N0, other.N0 = c.n("Contact"), c.n("Contact")
		same(c, "begun", c.object("Contact").Reads, []store.Read{other, read})
		read.Job, read.Done = "750Dp0000000001IAA", 10_040
		read.Pages = []store.Page{{Locator: "", Rows: 10_000, Whole: true}, {Locator: "MTAwMDA", Rows: 40}}
		b = c.batch()
		b.Objects[0].Update = []store.Read{read}
		c.apply(b)
		c.reopen()
		same(c, "gone on", c.state.Objects["Contact"].Reads, []store.Read{other, read})
		b = c.batch()
		b.Objects[0].End = []int64{7}
		c.apply(b)
		same(c, "ended", c.object("Contact").Reads, []store.Read{read})
		b = c.batch()
		b.Objects[0].Update = []store.Read{other}
		c.conflict(b)
	}},
	{"up to when changes went unseen is kept", func(c *held) {
		c.start()
		for _, step := range []struct{ set, want int64 }{{store.Lost, store.Lost}, {0, store.Lost}, {1_700_000_000, 1_700_000_000}, {store.Found, 0}} {
			b := c.batch()
			b.Objects[0].Unseen = step.set
			c.apply(b)
			c.reopen()
			if got := c.state.Objects["Contact"].Unseen; got != step.want {
				c.Errorf("after %d it is %d, want %d", step.set, got, step.want)
			}
		}
	}},
	{"the newest event is kept", func(c *held) {
		c.start()
		for _, step := range []struct{ set, want int64 }{{1_700_000_000, 1_700_000_000}, {0, 1_700_000_000}, {1_699_999_999, 1_700_000_000}, {1_700_000_001, 1_700_000_001}} {
			b := c.batch()
			b.Objects[0].Heard = step.set
			c.apply(b)
			c.reopen()
			if contact, other := c.state.Objects["Contact"].Heard, c.state.Objects["Case"].Heard; contact != step.want || other != 0 {
				c.Errorf("after %d it is %d, want %d, and %d of another object", step.set, contact, step.want, other)
			}
		}
	}},
	{"how far an object was polled, and when it was read, is kept", func(c *held) {
		b := c.start().batch()
		b.Objects[0].Caught, b.Objects[0].Refreshed = 1_700_000_000, 1_700_000_001
		c.apply(b)
		b = c.batch()
		b.Objects[0].Reconciled, b.Objects[0].Lost, b.Objects[0].LostSince = 1_700_000_002, 17, 1_700_000_003
		c.apply(b)
		b = c.batch()
		b.Objects[0].Lost = 1 // of no time
		c.apply(b)
		if o := c.object("Contact"); o.Lost != 17 || o.LostSince != 1_700_000_003 {
			c.Errorf("lost %d since %d", o.Lost, o.LostSince)
		}
		if o := c.object("Contact"); o.Caught != 1_700_000_000 || o.Refreshed != 1_700_000_001 || o.Reconciled != 1_700_000_002 {
			c.Errorf("got %d, %d, %d", o.Caught, o.Refreshed, o.Reconciled)
		}
		if o := c.object("Case"); o.Caught+o.Refreshed+o.Reconciled != 0 {
			c.Errorf("another object: %+v", o)
		}
	}},
}

// dirty checks which rows are dirty, in order.
func (c *held) dirty(want ...string) {
	c.Helper()
	got, err := c.db.Dirty(c.Context(), "Contact", math.MaxInt64, 100)
	if err != nil {
		c.Fatal(err)
	}
	same(c, "dirty", got, want)
}

// rewrite gives rows the Seq they are held with.
func rewrite(c *held, rows ...store.Row) []store.Row {
	for i := range rows {
		rows[i].Seq = c.load(rows[i].ID)[0].Seq
	}
	return rows
}
