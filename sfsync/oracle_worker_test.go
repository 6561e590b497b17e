package sfsync_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// worker is what keeps the copy: the engine in this process, started again
// whenever a fault ends its run, as a service manager would, or a process of
// its own that is killed.
type worker struct {
	*rig
	store   *fragile
	cancel  context.CancelFunc
	ended   chan struct{}
	process *victim // or nil, and then all of the above is set
}

// start starts the copy, if it does not run, and crash ends it.
func (t *trial) start() string {
	if t.worker != nil {
		return ""
	}
	if t.killing != nil {
		t.worker = t.spawned()
		return "a process started"
	}
	t.worker = t.begun()
	return "started"
}

// begun starts the engine over the databases of the trial.
func (t *trial) begun() *worker {
	r := openAs(t, t.org, t.getenv, t.dir, t.policy.text())
	w := &worker{rig: r, store: newFragile(r.rows, &t.journal, t.slowness), ended: make(chan struct{})}
	w.store.naive = slices.Contains(t.off, "absence is suspicion")
	var err error
	r.sync, err = sfsync.New(sfsync.Config{Org: r.client, Policy: r.policy, Store: w.store, Vault: r.vault,
		MaxLoss: 1, ReconcileEvery: -1, // comparing mends what was lost
		Logger: slog.New(slog.NewTextHandler(&t.journal, nil))})
	t.must(err)
	r.sync.Hasten(haste)
	r.sync.AlarmUsually()
	r.sync.Disable(t.off...)
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go w.run(ctx)
	t.Cleanup(w.stop)
	return w
}

func (w *worker) run(ctx context.Context) {
	defer close(w.ended)
	for ctx.Err() == nil {
		if err := w.sync.Run(ctx); err != nil {
			w.store.journal.add("a run ended: %v", err)
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
	w.failAfter(commits, late)
	w.died()
}

func (w *worker) failAfter(commits int64, late bool) {
	w.store.late.Store(late)
	w.store.left.Store(commits)
}

func (w *worker) died() {
	select {
	case <-w.store.dead:
	case <-time.After(100 * time.Millisecond): // it has nothing to do
	}
	w.stop()
}

func (t *trial) getenv(name string) string { return byCredentials(t.org)(name) }

// byCredentials has a copy sign in by client credentials: the org's clock is not
// that of an assertion.
func byCredentials(org *salesforcetest.Org) func(string) string {
	return func(name string) string {
		switch name {
		case "SFSYNC_JWT_KEY_FILE":
			return ""
		case "SFSYNC_LOGIN_URL":
			return org.InstanceURL()
		}
		return org.Getenv(name)
	}
}

// spawned starts a process that kills itself at one of its writes, if nobody
// kills it before.
func (t *trial) spawned() *worker {
	o := orders{Nth: 1 + t.random.IntN(40), When: pick(t.random, dieBefore, dieDuring, dieAfter), In: time.Duration(t.random.IntN(3000)) * time.Microsecond,
		Policy: t.policy.text(), Haste: haste, Off: t.off}
	var settings []string
	for _, name := range []string{"SFSYNC_JWT_KEY_FILE", "SFSYNC_LOGIN_URL", "SFSYNC_CLIENT_SECRET"} {
		settings = append(settings, name+"="+t.getenv(name))
	}
	return &worker{process: t.killing.spawn(o, settings...)}
}

func (t *trial) crash() string {
	if t.worker == nil {
		return ""
	}
	w := t.worker
	t.worker = nil
	commits, late, orderly := int64(1+t.random.IntN(5)), t.random.IntN(2) == 0, t.random.IntN(3) == 0
	switch {
	case w.process != nil:
		_ = w.process.Process.Kill()
		<-w.process.ended
		return w.process.ProcessState.String() + "; "
	case orderly:
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

// survive ends the last process, and holds the ledger and the positions against
// the journal that all of them kept.
func (t *trial) survive() {
	if t.killing == nil {
		return
	}
	t.note("%s", t.crash())
	k := t.killing
	t.killing = nil
	if t.policy.version == 1 && k.batches() > 0 {
		r := openAs(t, t.org, t.getenv, t.dir, t.policy.text())
		k.verify(r)
		t.must(r.close())
	}
}
