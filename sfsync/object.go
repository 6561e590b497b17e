package sfsync

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// object is one object of the policy while a session runs. Its numbers are
// those that will hold once every batch in the queue has committed: batches
// commit in the order they were queued or the session ends, so the next batch
// can be made while the last one is being written.
type object struct {
	name    string // stable: what rows, seals and links know it by
	api     string // its name in the org
	table   *minimize.Table
	columns []minimize.Column
	schema  store.Table
	topic   *topic // nil for an object that is polled

	tracked   map[string]bool // the objects whose moves the rows follow, by stable name
	followers []*object       // whose rows take a person from this one's records
	family    []*object       // these and itself, in the order of locking
	renames   bool            // the rows keep the name of accounts that may be persons

	ready    chan struct{} // closed when reads may begin: the position is durable
	wake     chan struct{} // a batch has committed: dirty rows may be owed; holds one token
	indebted chan struct{} // the same, for ranges
	doubt    chan struct{} // the org is to be looked at now; holds one token

	// Of the topic's goroutine: the newest schema of its events, and since when,
	// in unix seconds, older ones may come; 0: they have come.
	newest *minimize.EventProjection
	behind int64

	// mu is held from loading rows to queueing the batch made of them.
	mu       sync.Mutex
	digests  digests // of the batch that is being made
	holds    map[string][]crypto.Entry
	n, floor int64
	forgot   int64 // gone marks with a Seq up to it are dropped
	owed     []store.Range
	reads    []store.Read
	open     map[int64]int64 // id of a read begun -> its n0
	caught   int64

	reconciled, refreshed int64 // as in store.Object

	asked     chan inquiry  // by those who want a comparison
	backfills chan backfill // asked for; holds one
	comparing sync.Mutex    // held during a comparison
	count     *count        // of one that is not over, or nil

	keepsPlain bool // what is plain of a forgotten person's records stays

	rows            int64 // held, about
	lost, lostSince int64 // as in store.Object

	moves  atomic.Int64 // how often rows became dirty because owners moved
	stray  atomic.Bool  // links of records may have moved that no row has followed
	held   *hold        // why the object pauses, or nil
	unseen int64        // see store.Object

	dirty     map[string]*dirty // what is known of dirty rows besides the store
	rest      time.Time         // no row is read again before
	fruitless int               // how often in a row none could be read
	void      void              // reads of ranges that paid nothing
	heard     int64             // second of the newest event, or when there was a new position
	silent    bool              // changes came without events since
	// unreadable counts the rows that cannot be read.
	unreadable atomic.Int64

	// queued is what batches not yet committed do to rows. Its lock is its own,
	// because commits clear it while a maker waits for room in the queue.
	queued struct {
		sync.Mutex
		rows  map[string]store.Row
		seen  map[string]seen
		marks []mark // in the order of their Seq
	}
	applied atomic.Int64 // the N of the last batch that has committed
}

// seen is that a queued batch says a read of stamps found a row as it is.
type seen struct{ n, read int64 }

// mark is what a part of the queue does to rows that it does not name: the
// store will make dirty those that it covers.
type mark struct {
	n      int64 // the Seq that those rows will have
	covers func(store.Row) bool
}

func newObject(table *minimize.Table, schema store.Table, state store.Object) *object {
	o := &object{
		name: schema.Object, api: table.Object(), table: table, columns: table.Columns(), schema: schema,
		renames: named(table), ready: make(chan struct{}), wake: make(chan struct{}, 1), indebted: make(chan struct{}, 1), doubt: make(chan struct{}, 1),
		n: state.N, floor: state.Floor, owed: state.Owed, caught: state.Caught, unseen: state.Unseen,
		reconciled: state.Reconciled, refreshed: state.Refreshed, asked: make(chan inquiry), backfills: make(chan backfill, 1),
		heard: state.Heard, rows: state.Rows, lost: state.Lost, lostSince: state.LostSince,
		open: map[int64]int64{}, dirty: map[string]*dirty{}, tracked: map[string]bool{},
	}
	o.stray.Store(true) // a process before this one may have left some
	o.queued.rows, o.queued.seen = map[string]store.Row{}, map[string]seen{}
	for _, r := range state.Reads {
		o.reads = append(o.reads, r)
		o.open[r.ID] = r.N0
	}
	return o
}

// load returns the records with these ids as the queued batches will leave
// them. The caller holds mu.
func (o *object) load(ctx context.Context, s store.Store, ids []string) (map[string]*record, error) {
	for {
		records, missing, marks := o.overlay(ids)
		rows, err := s.Load(ctx, o.name, missing)
		if err != nil {
			return nil, err
		}
		for i, row := range rows {
			r := records[missing[i]]
			row.ID, row.Seen = missing[i], cmp.Or(r.row.Seen, row.Seen)
			r.row = row
		}
		o.queued.Lock()
		// The end of a read has the store forget what it saw: of rows loaded
		// about then nothing tells whether that was before.
		same := len(o.queued.marks) == len(marks)
		o.queued.Unlock()
		if same {
			o.mark(records, marks)
			return records, nil
		}
	}
}

// overlay returns what the queue says of the records, which of them it leaves
// to the store, and what it does to rows that it does not name.
func (o *object) overlay(ids []string) (records map[string]*record, missing []string, marks []mark) {
	records, missing = make(map[string]*record, len(ids)), make([]string, 0, len(ids))
	o.queued.Lock()
	defer o.queued.Unlock()
	for _, id := range ids {
		row, ok := o.queued.rows[id]
		if !ok {
			row.Seen, missing = o.queued.seen[id].read, append(missing, id)
		}
		records[id] = &record{row: row}
	}
	return records, missing, slices.Clone(o.queued.marks)
}

// mark has the rows be as the marks will leave them, and drops those that will
// be forgotten.
func (o *object) mark(records map[string]*record, marks []mark) {
	for _, r := range records {
		for _, m := range marks {
			if r.row.Mark.Exists() && r.row.Seq <= m.n && m.covers(r.row) {
				r.row.Dirty, r.row.Seq = true, m.n
			}
		}
		if r.row.Mark == store.Gone && !r.row.Dirty && r.row.Seq <= o.forgot {
			r.row = store.Row{ID: r.row.ID}
		}
	}
}

// forgettable is the Seq up to which gone marks may go: no open read began
// before. The caller holds mu.
func (o *object) forgettable(disabled rule) int64 {
	if disabled&goneMark != 0 {
		return o.n + 1
	}
	least := o.n
	for _, n0 := range o.open {
		least = min(least, n0)
	}
	return least
}

// enter remembers what a queued batch does until committed takes it out.
func (o *object) enter(b *store.ObjectBatch) {
	o.queued.Lock()
	defer o.queued.Unlock()
	for _, row := range b.Rows {
		row.Cells, row.Patch, row.Seq = nil, false, o.n
		o.queued.rows[row.ID] = row
	}
	if len(b.Moved) > 0 {
		o.queued.marks = append(o.queued.marks, mark{o.n, owned(b.Moved)})
		o.moves.Add(1)
	}
	for _, id := range b.Seen.IDs {
		o.queued.seen[id] = seen{o.n, b.Seen.Read}
	}
	if a := b.Absent; a != nil {
		o.queued.marks = append(o.queued.marks, mark{o.n, func(row store.Row) bool {
			return row.Seq <= a.N0 && (row.Seen == 0 || row.Seen != a.Read) && a.Range.Contains(row.ID)
		}})
	}
}

func (o *object) committed(b *store.ObjectBatch) {
	o.queued.Lock()
	for _, row := range b.Rows {
		if o.queued.rows[row.ID].Seq == b.N+1 {
			delete(o.queued.rows, row.ID)
		}
	}
	for _, id := range b.Seen.IDs {
		if o.queued.seen[id].n == b.N+1 {
			delete(o.queued.seen, id)
		}
	}
	o.queued.marks = slices.DeleteFunc(o.queued.marks, func(m mark) bool { return m.n == b.N+1 })
	o.queued.Unlock()
	o.applied.Store(b.N + 1)
	o.rouse()
}

// rouse lets the workers look for debts once more.
func (o *object) rouse() {
	for _, worker := range []chan struct{}{o.wake, o.indebted} {
		select {
		case worker <- struct{}{}:
		default:
		}
	}
}
