package sfsync_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// worker is a copy under way in this process, started again whenever a fault
// ends its run, as a service manager would.
type worker struct {
	*rig
	store  *fragile
	cancel context.CancelFunc
	ended  chan struct{}

	mu     sync.Mutex
	faults []string // that ended runs
}

// begun starts a worker over the databases of the trial.
func (t *trial) begun() *worker {
	r := openAs(t, t.org, t.getenv, t.dir, t.policy.text())
	w := &worker{rig: r, store: &fragile{Store: r.rows, journal: &t.journal, dead: make(chan struct{}), news: make(chan struct{}, 1), had: map[string]bool{}, came: map[string]bool{}, slow: t.slowness}, ended: make(chan struct{})}
	var err error
	r.sync, err = sfsync.New(sfsync.Config{Org: r.client, Policy: r.policy, Store: w.store, Vault: r.vault, Logger: t.logger})
	t.must(err)
	r.sync.Hasten(haste)
	r.sync.Disable(t.off...)
	w.store.naive = slices.Contains(t.off, "absence is suspicion")
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go w.run(ctx)
	t.Cleanup(w.stop)
	return w
}

// getenv has the copy sign in by client credentials: the org's clock is not
// that of an assertion.
func (t *trial) getenv(name string) string {
	switch name {
	case "SFSYNC_JWT_KEY_FILE":
		return ""
	case "SFSYNC_LOGIN_URL":
		return t.org.InstanceURL()
	}
	return t.org.Getenv(name)
}

func (w *worker) run(ctx context.Context) {
	defer close(w.ended)
	for ctx.Err() == nil {
		if err := w.sync.Run(ctx); err != nil {
			w.store.journal.add("a run ended: %v", err)
			w.mu.Lock()
			w.faults = append(w.faults, err.Error())
			w.mu.Unlock()
		}
		select {
		case <-ctx.Done():
		case <-w.store.dead:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stop ends it in order.
func (w *worker) stop() {
	w.cancel()
	<-w.ended
	_ = w.rig.close()
}

// die ends it in the middle of its work: after some more commits, of which the
// last may be durable without the engine knowing.
func (w *worker) die(commits int64, late bool) {
	w.store.late.Store(late)
	w.store.left.Store(commits)
	select {
	case <-w.store.dead:
	case <-time.After(100 * time.Millisecond): // it has nothing to do
	}
	w.stop()
}

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

	naive bool // takes what the read of a range does not have as deleted

	mu   sync.Mutex
	had  map[string]bool // ids that the reads of a naive one returned
	came map[string]bool // records waited for -> an event of it has been applied
}

func (f *fragile) awaits(id string, came bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.came[id] = came
}

func (f *fragile) streamed(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.came[id]
}

func (f *fragile) committed(b *store.Batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range b.Objects {
		for _, row := range o.Rows {
			if _, awaited := f.came[row.ID]; awaited && b.Topic != "" {
				f.came[row.ID] = true
			}
		}
	}
}

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
		f.journal.applied(b)
	}
	select {
	case f.news <- struct{}{}:
	default:
	}
	if last {
		close(f.dead)
		return errDead
	}
	return nil
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

var errDead = fault.New(fault.StoreFailed, "test.Apply", "the process has died here")

// start starts the copy, if it does not run, and crash ends it.
func (t *trial) start() string {
	if t.worker == nil {
		t.worker = t.begun()
	}
	return "started"
}

func (t *trial) crash() string {
	if t.worker == nil {
		return ""
	}
	w := t.worker
	t.worker = nil
	commits, late := int64(1+t.random.IntN(5)), t.random.IntN(2) == 0
	if t.random.IntN(3) == 0 {
		w.stop()
		return "stopped; "
	}
	w.die(commits, late)
	return fmt.Sprintf("died at commit %d, durable %t; ", commits, late)
}

// slow makes commits take a while from the next start on.
func (t *trial) slow() string {
	t.slowness = time.Duration(t.random.IntN(20)) * time.Millisecond
	return t.slowness.String()
}
