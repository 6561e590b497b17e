package sfsync_test

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// fragile is a store that fails for good after some commits, as for a process
// that dies there.
type fragile struct {
	*sqlite.Store
	journal *journal
	left    atomic.Int64 // commits until it fails; below 0: never
	late    atomic.Bool  // that commit is made
	slow    time.Duration
	dead    chan struct{}
	news    chan struct{} // a commit has been made; holds one token
	naive   bool          // takes what the read of a range does not have as deleted

	mu   sync.Mutex
	had  map[string]bool // ids that the reads of a naive one returned
	came map[string]bool // records of which an event has been applied
}

func newFragile(s *sqlite.Store, j *journal, slow time.Duration) *fragile {
	return &fragile{Store: s, journal: j, slow: slow, dead: make(chan struct{}), news: make(chan struct{}, 1),
		had: map[string]bool{}, came: map[string]bool{}}
}

var errDead = fault.New(fault.StoreFailed, "test.Apply", "the process has died here")

func (f *fragile) Apply(ctx context.Context, b *store.Batch) error {
	select {
	case <-f.dead:
		return errDead
	case <-time.After(f.slow):
	}
	if f.naive {
		f.mistake(ctx, b)
	}
	last := f.left.Add(-1) == 0
	if !last || f.late.Load() {
		if err := f.Store.Apply(ctx, b); err != nil {
			return err
		}
		f.committed(b)
	}
	if last {
		close(f.dead)
		return errDead
	}
	return nil
}

func (f *fragile) committed(b *store.Batch) {
	f.journal.applied(b)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range b.Objects {
		for _, row := range o.Rows {
			if b.Topic != "" {
				f.came[row.ID] = true
			}
		}
	}
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// hear says whether an event of a record counts as applied, until one is, and
// streamed whether it does.
func (f *fragile) hear(id string, came bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.came[id] = came
}

func (f *fragile) streamed(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.came[id]
}

// mistake deletes the rows that the read of a range did not return.
func (f *fragile) mistake(ctx context.Context, b *store.Batch) {
	for i := range b.Objects {
		o := &b.Objects[i]
		if len(o.Begin) > 0 {
			f.had = map[string]bool{}
		}
		for _, row := range o.Rows {
			if b.Topic == "" {
				f.had[o.Object+row.ID] = true
			}
		}
		if o.Absent == nil {
			continue
		}
		o.Absent = nil
		for row := range f.Rows(ctx, o.Object) {
			if !f.had[o.Object+row.ID] && row.ID != "" && row.Mark == store.Live {
				o.Rows = append(o.Rows, store.Row{ID: row.ID, Mark: store.Gone, Seq: row.Seq, Op: store.OpDelete})
			}
		}
	}
}
