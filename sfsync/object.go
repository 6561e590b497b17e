package sfsync

import (
	"context"
	"slices"
	"sync"

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

	ready    chan struct{} // closed when reads may begin: the position is durable
	wake     chan struct{} // a batch has committed: dirty rows may be owed; holds one token
	indebted chan struct{} // the same, for ranges

	// mu is held from loading rows to queueing the batch made of them.
	mu       sync.Mutex
	n, floor int64
	forgot   int64 // gone marks with a Seq up to it are dropped
	owed     []store.Range
	reads    []store.Read
	open     map[int64]int64 // id of a read begun -> its n0
	beaten   map[string]int  // id -> how often an event won against its re-read
	caught   int64

	// queued is what batches not yet committed do to rows. Its lock is its own,
	// because commits clear it while a maker waits for room in the queue.
	queued struct {
		sync.Mutex
		rows   map[string]store.Row
		absent []absence
	}
}

// absence is the end of a full read in the queue: the store will make each row
// dirty that the read should have returned.
type absence struct {
	store.Absence
	n int64 // the Seq that those rows will have
}

// covers reports whether the store will make the row dirty. The engine reads
// whole objects only, so every row is in the range.
func (a absence) covers(row store.Row) bool {
	return row.Mark != store.Absent && row.Mark != store.Gone && row.Seq <= a.N0
}

func newObject(table *minimize.Table, schema store.Table, state store.Object) *object {
	o := &object{
		name: schema.Object, api: table.Object(), table: table, columns: table.Columns(), schema: schema,
		ready: make(chan struct{}), wake: make(chan struct{}, 1), indebted: make(chan struct{}, 1),
		n: state.N, floor: state.Floor, owed: state.Owed, caught: state.Caught,
		open: map[int64]int64{}, beaten: map[string]int{},
	}
	o.queued.rows = map[string]store.Row{}
	for _, r := range state.Reads {
		o.reads = append(o.reads, r)
		o.open[r.ID] = r.N0
	}
	return o
}

// load returns the records with these ids as the queued batches will leave
// them. The caller holds mu.
func (o *object) load(ctx context.Context, s store.Store, ids []string) (map[string]*record, error) {
	records := make(map[string]*record, len(ids))
	missing := make([]string, 0, len(ids))
	o.queued.Lock()
	for _, id := range ids {
		if row, ok := o.queued.rows[id]; ok {
			records[id] = &record{row: row}
		} else {
			missing = append(missing, id)
		}
	}
	absent := slices.Clone(o.queued.absent)
	o.queued.Unlock()
	rows, err := s.Load(ctx, o.name, missing)
	if err != nil {
		return nil, err
	}
	for i, row := range rows {
		row.ID = missing[i]
		records[row.ID] = &record{row: row}
	}
	for _, r := range records {
		for _, a := range absent {
			if a.covers(r.row) {
				r.row.Dirty, r.row.Seq = true, a.n
			}
		}
		if r.row.Mark == store.Gone && r.row.Seq <= o.forgot {
			r.row = store.Row{ID: r.row.ID}
		}
	}
	return records, nil
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
	if b.Absent != nil {
		o.queued.absent = append(o.queued.absent, absence{*b.Absent, o.n})
	}
}

func (o *object) committed(b *store.ObjectBatch) {
	o.queued.Lock()
	for _, row := range b.Rows {
		if o.queued.rows[row.ID].Seq == b.N+1 {
			delete(o.queued.rows, row.ID)
		}
	}
	o.queued.absent = slices.DeleteFunc(o.queued.absent, func(a absence) bool { return a.n == b.N+1 })
	o.queued.Unlock()
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

// whole reports whether the whole object is owed a full read already.
func (o *object) whole() bool {
	for _, r := range o.owed {
		if r == store.Whole(store.Full) {
			return true
		}
	}
	return false
}
