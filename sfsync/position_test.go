package sfsync_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/sfsync/sfsync-go/internal/bubble"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

const contactTopic = "/data/ContactChangeEvent"

// watched is a store that shows what a run began with, and may harm it.
type watched struct {
	*sqlite.Store
	testing.TB
	harm  func(w *watched, state *store.State)
	began store.State
}

func (w *watched) Prepare(ctx context.Context, schema store.Schema) (store.State, error) {
	state, err := w.Store.Prepare(ctx, schema)
	if err == nil {
		w.began = state
		w.harm(w, &state)
	}
	return state, err
}

// damage overwrites the stored position.
func (w *watched) damage(state *store.State) {
	at := state.Topics[contactTopic]
	b := store.Batch{Epoch: state.Epoch, Policy: 1, Topic: contactTopic, From: at.Position, Next: "damaged", AsOf: at.AsOf, Instance: at.Instance}
	if err := w.Apply(w.Context(), &b); err != nil {
		w.Fatal(err)
	}
	at.Position = b.Next
	state.Topics[contactTopic] = at
}

// through makes the rig's Sync use a store that is watched.
func (r *rig) through(cfg sfsync.Config, harm func(w *watched, state *store.State)) *watched {
	if harm == nil {
		harm = func(*watched, *store.State) {}
	}
	w := &watched{Store: r.rows, TB: r.TB, harm: harm}
	cfg.Org, cfg.Policy, cfg.Store, cfg.Vault = r.client, r.policy, w, r.vault
	var err error
	r.sync, err = sfsync.New(cfg)
	r.must(err)
	return w
}

// A position that cannot be gone on from is replaced, and what happened in the
// outage is found, though no event tells it; or, if the caller chose so, the run
// ends and nothing has moved.
func TestUselessPosition(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		away func(org *salesforcetest.Org) error
		harm func(w *watched, state *store.State)
	}{
		{"expired", (*salesforcetest.Org).Expire, nil},
		{"of an earlier stream", (*salesforcetest.Org).ResetReplay, nil},
		{"taken on another instance for a new one", func(org *salesforcetest.Org) error { org.SetInstance("TST2"); return org.ReuseReplay() }, nil},
		{"taken on another instance, when the org does not answer", func(org *salesforcetest.Org) error {
			org.Intercept(salesforcetest.Fault{Path: "/composite", Match: names("InstanceName"), Times: 8, Refuse: salesforcetest.Busy})
			org.SetInstance("TST2")
			return org.ReuseReplay()
		}, nil},
		{"taken on another instance, when the new one does not take streams", func(org *salesforcetest.Org) error {
			org.FailSubscribe("service.unavailable", codes.Internal, "The service is unavailable.")
			org.SetInstance("TST2")
			return org.ReuseReplay()
		}, nil},
		{"damaged", nil, (*watched).damage},
		{"on another instance", func(org *salesforcetest.Org) error { org.SetInstance("TST2"); return nil }, nil},
		{"moved 72 hours ago", nil, func(_ *watched, state *store.State) {
			at := state.Topics[contactTopic]
			at.AsOf -= 72 * 60 * 60
			state.Topics[contactTopic] = at
		}},
	} {
		for _, fail := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, to fail %t", c.name, fail), func(t *testing.T) {
				t.Parallel()
				org := newOrg(t, salesforcetest.Config{Records: 5})
				r := open(t, org, t.TempDir(), contactPolicy)
				ids := []string{}
				for n := range 4 {
					ids = append(ids, org.Insert("Contact", map[string]any{"LastName": fmt.Sprint("before ", n)}))
				}
				r.copied()
				outage(org, ids)
				if c.away != nil {
					r.must(c.away(org))
				}
				if fail {
					r.refuses(c.harm)
					return
				}
				var log lines
				r.through(sfsync.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, c.harm)
				stop := r.start()
				defer stop()
				r.await("all of the outage", r.equal)
				if !log.contain("the position is useless") {
					t.Error("the log does not say so")
				}
				org.Insert("Contact", map[string]any{"LastName": "after it"})
				r.await("the stream after it", r.equal)
				r.must(stop())
				if next := r.resumes(); len(next.Objects["Contact"].Owed) > 0 {
					t.Error("the next run finds a debt")
				}
			})
		}
	}
}

// An org that moves while the stream is open, and takes the old ids for its own.
func TestMovesUnderWay(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 5})
	r := open(t, org, t.TempDir(), contactPolicy)
	id := org.Insert("Contact", map[string]any{"LastName": "before"})
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	org.LoseNext()
	org.Update("Contact", id, map[string]any{"LastName": "lost in the move"})
	org.SetInstance("TST2")
	r.must(org.ReuseReplay())
	r.await("the change", r.equal)
	r.must(stop())
}

// A user who may not see the instance has the stream all the same.
func TestInstanceNotShown(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"INSUFFICIENT_ACCESS", "INVALID_TYPE", "INVALID_FIELD"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{Records: 5})
			org.Intercept(salesforcetest.Fault{Path: "/composite", Match: names("InstanceName"), Times: -1, Status: http.StatusBadRequest, Code: code})
			r := open(t, org, t.TempDir(), contactPolicy)
			stop := r.start()
			defer stop()
			r.await("the first copy", r.equal)
			_, before := org.Streams()
			org.CutStreams()
			r.await("another stream", func() bool { open, ever := org.Streams(); return open == 1 && ever > before })
			org.Insert("Contact", map[string]any{"LastName": "after the cut"})
			r.await("the change", r.equal)
			r.must(stop())
		})
	}
}

// A service that refuses every position, also new ones, is asked less and less
// often, and the status says so.
func TestPositionsRefused(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 5})
	r := open(t, org, t.TempDir(), contactPolicy)
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	_, before := org.Streams()
	org.SetPubSub(salesforcetest.PubSub{KeepAlive: 100 * time.Millisecond, RefuseReplay: true})
	org.CutStreams()
	waits, last := map[time.Time]bool{}, time.Time{}
	r.await("four waits", func() bool {
		now, status := time.Now(), r.sync.Status()
		if w, ok := status.Waiting[contactTopic]; ok && w.Code == fault.ReplayInvalid {
			waits[w.Until], last = true, w.Until
		}
		// A try counts as a wait for as long as that, half a second at least.
		if now.Before(last.Add(400*time.Millisecond)) && status.Ready(time.Hour) {
			t.Fatalf("while positions are refused: %+v", status)
		}
		return len(waits) == 4
	})
	if _, ever := org.Streams(); ever-before > 2*len(waits)+2 { // one for the position that is refused, one for another
		t.Errorf("%d streams in %d tries", ever-before, len(waits))
	}
	org.LoseNext()
	org.Insert("Contact", map[string]any{"LastName": "unheard"})
	org.SetPubSub(salesforcetest.PubSub{KeepAlive: 100 * time.Millisecond})
	r.await("the copy", func() bool { return r.equal() && r.sync.Status().Ready(time.Hour) })
	r.must(stop())
}

// resumes returns what another run begins with.
func (r *rig) resumes() store.State {
	r.Helper()
	w := r.through(sfsync.Config{}, nil)
	stop := r.start()
	defer stop()
	r.await("another run", func() bool { return r.sync.Status().Phase == "running" })
	r.must(stop())
	return w.began
}

// outage is what happens while nobody listens. Of some of it there never was an
// event.
func outage(org *salesforcetest.Org, ids []string) {
	org.Insert("Contact", map[string]any{"LastName": "in the outage"})
	org.LoseNext()
	org.Update("Contact", ids[0], map[string]any{"LastName": "unheard"})
	org.Update("Contact", ids[1], map[string]any{"Email": "heard@example.com"})
	org.Delete("Contact", ids[2])
	org.Delete("Contact", ids[3])
	org.Purge("Contact", ids[3])
}

// refuses runs a Sync that is to fail, and checks that the position stays.
func (r *rig) refuses(harm func(*watched, *store.State)) {
	r.Helper()
	w := r.through(sfsync.Config{FailOnExpired: true}, harm)
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	for range 2 {
		before := w.began.Topics[contactTopic]
		if err := r.sync.Run(ctx); fault.CodeOf(err) != fault.ReplayInvalid {
			r.Fatalf("it ended with %v", err)
		}
		if now := w.began.Topics[contactTopic]; harm == nil && before.Position != "" && now != before {
			r.Errorf("the position moved from %v to %v", before, now)
		}
		if len(w.began.Objects["Contact"].Owed) > 0 {
			r.Error("something is owed")
		}
	}
}

// Keepalives move the position of an idle topic, and their time with it; or
// that alone, if they repeat its id.
func TestKeepaliveMovesPosition(t *testing.T) {
	t.Parallel()
	for _, still := range []bool{false, true} {
		t.Run(fmt.Sprintf("still %t", still), func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{Records: 1, PubSub: salesforcetest.PubSub{KeepAlive: 100 * time.Millisecond, StillKeepAlive: still}})
			r := open(t, org, t.TempDir(), contactPolicy)
			r.copied()
			w := r.through(sfsync.Config{}, func(_ *watched, state *store.State) {
				at := state.Topics[contactTopic]
				at.AsOf -= 60
				state.Topics[contactTopic] = at
			})
			stop := r.start()
			defer stop()
			r.await("a keepalive", func() bool { return time.Since(r.sync.Status().Topics[contactTopic].AsOf) < 30*time.Second })
			r.must(stop())
			before, next := w.began.Topics[contactTopic], r.resumes().Topics[contactTopic]
			if (next.Position == before.Position) != still || next.AsOf <= before.AsOf {
				t.Errorf("after keepalives the next run begins with %v, after %v", next, before)
			}
		})
	}
}

// A new position is as of now, also if it has the id of the one it replaces.
func TestNewPositionWithOldID(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 1, PubSub: salesforcetest.PubSub{KeepAlive: time.Hour, StillKeepAlive: true}})
	r := open(t, org, t.TempDir(), contactPolicy)
	r.copied()
	w := r.through(sfsync.Config{}, func(_ *watched, state *store.State) {
		at := state.Topics[contactTopic]
		at.AsOf -= 72 * 60 * 60
		state.Topics[contactTopic] = at
	})
	stop := r.start()
	defer stop()
	r.await("a new position", func() bool { return !r.sync.Status().Topics[contactTopic].AsOf.IsZero() })
	r.must(stop())
	if next, before := r.resumes().Topics[contactTopic], w.began.Topics[contactTopic]; next.Position != before.Position || next.AsOf <= before.AsOf {
		t.Errorf("the next run begins with %v, after %v", next, before)
	}
}

// A topic that stays idle for four days, with keepalives that repeat its id, is
// read no second time when its stream is opened again, also by a run that is to
// fail then.
func TestIdleDays(t *testing.T) {
	bubble.Allow(t)
	for _, still := range []bool{false, true} {
		t.Run(fmt.Sprintf("still %t", still), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { idleDays(t, still) })
		})
	}
}

func idleDays(t *testing.T, still bool) {
	net := &network{}
	org := newOrg(t, salesforcetest.Config{Listen: net.listen, PubSub: salesforcetest.PubSub{KeepAlive: 270 * time.Second, StillKeepAlive: still, Retention: 30 * 24 * time.Hour}})
	r := open(t, org, t.TempDir(), contactPolicy)
	net.use(r.client)
	org.Insert("Contact", map[string]any{"LastName": "first"})
	r.through(sfsync.Config{FailOnExpired: true, ReconcileEvery: -1}, nil)
	stop := r.start()
	defer stop()
	time.Sleep(4 * 24 * time.Hour)
	if !r.sync.Status().Ready(5 * time.Minute) {
		t.Errorf("after four idle days: %+v", r.sync.Status())
	}
	var jobs atomic.Int64
	org.Intercept(salesforcetest.Fault{Path: "/jobs/query", Match: func(*http.Request) bool { jobs.Add(1); return false }})
	org.CutStreams()
	time.Sleep(10 * time.Minute)
	r.must(stop())
	stop = r.start()
	defer stop()
	time.Sleep(10 * time.Minute)
	r.must(stop())
	if n := jobs.Load(); n > 0 || !r.equal() {
		t.Errorf("%d calls for reads of everything; the copy is the org: %t", n, r.equal())
	}
}
