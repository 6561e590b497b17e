package sfsync_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// within gives the rig a Sync with a budget, whose waits last a thousandth.
func (r *rig) within(b sfsync.Budget) {
	r.Helper()
	var err error
	r.sync, err = sfsync.New(sfsync.Config{Org: r.client, Policy: r.policy, Store: r.rows, Vault: r.vault, Budget: b})
	r.must(err)
	r.sync.Hasten(1000)
}

// calls counts the calls that reach the org, looks at its limits apart.
type calls struct{ looks, others atomic.Int64 }

func countCalls(org *salesforcetest.Org) *calls {
	c := &calls{}
	org.Intercept(salesforcetest.Fault{Path: "/services/data/", Match: func(r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/limits") {
			c.looks.Add(1)
		} else {
			c.others.Add(1)
		}
		return false
	}})
	return c
}

// looked waits until the org's limits were looked at n more times.
func (r *rig) looked(c *calls, n int64) {
	r.Helper()
	until := c.looks.Load() + n
	r.await("looks at the limits", func() bool { return c.looks.Load() >= until })
}

// waiting waits until an object or topic waits for the code to end.
func (r *rig) waiting(name string, code fault.Code) {
	r.Helper()
	r.await(name+" waits", func() bool {
		w := r.sync.Status().Waiting[name]
		return w.Code == code && time.Until(w.Until) < 20*time.Second
	})
}

// faults checks that the ledger has a fault, of the reason and code.
func (r *rig) faults(reason string, code fault.Code) {
	r.Helper()
	for e, err := range r.rows.Entries(r.Context(), 0) {
		r.must(err)
		if e.Entry.Kind == audit.KindFault && e.Entry.Reason == reason && e.Entry.Code == string(code) {
			return
		}
	}
	r.Errorf("the ledger has no %s (%s)", code, reason)
}

// At the share, or when the org refuses, no call is made but the look at the
// limits; events go on; and when calls are left again, so do the reads.
func TestCallsBudget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		budget sfsync.Budget
		used   int // of 1000
	}{
		{"share of the caller", sfsync.Budget{Calls: 0.5}, 500},
		{"usual share", sfsync.Budget{}, 800},
		{"whole allocation", sfsync.Budget{Calls: 1}, 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{Records: 5, APICalls: 1000})
			r := open(t, org, t.TempDir(), contactPolicy)
			r.within(c.budget)
			id := org.Insert("Contact", map[string]any{"LastName": "first"})
			stop := r.start()
			defer stop()
			r.await("the first copy", r.equal)

			count := countCalls(org)
			org.SetAPICalls(c.used, 1000)
			for _, name := range []string{"whose answer tells of the limit", "read again"} {
				org.GapNext("")
				org.Update("Contact", id, map[string]any{"LastName": name})
				r.await("a re-read", func() bool { return r.equal() || r.sync.Status().Waiting["Contact"].Code != "" })
			}
			r.waiting("Contact", fault.LimitExceeded)
			r.looked(count, 1) // a call may have been under way until now
			others := count.others.Load()
			second := org.Insert("Contact", map[string]any{"LastName": "streamed"})
			r.await("the stream", func() bool { return !r.row("Contact", second).Stub() })
			r.looked(count, 3)
			if n := count.others.Load(); n != others {
				t.Errorf("%d calls were made at the limit", n-others)
			}
			s := r.sync.Status()
			if s.Ready(time.Hour) || s.CallsLeft > int64(1000-c.used) {
				t.Errorf("ready %v with %d calls left", s.Ready(time.Hour), s.CallsLeft)
			}

			r.faults("API calls", fault.LimitExceeded)

			org.SetAPICalls(10, 1000)
			r.await("the re-read", r.equal)
			r.await("no more waiting", func() bool { return r.sync.Status().Ready(time.Hour) })
			r.must(stop())
		})
	}
}

// An org whose calls are used up is waited for, also before the first session.
func TestCallsBudgetAtStart(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 5, APICalls: 1000})
	org.SetAPICalls(1000, 1000)
	r := open(t, org, t.TempDir(), contactPolicy)
	r.within(sfsync.Budget{})
	count := countCalls(org)
	stop := r.start()
	defer stop()
	r.waiting("", fault.LimitExceeded)
	r.looked(count, 3)
	if n := count.others.Load(); n > count.looks.Load() {
		t.Errorf("%d calls beside %d looks", n, count.looks.Load())
	}
	org.SetAPICalls(10, 1000)
	r.await("the first copy", r.equal)
	r.must(stop())
}

// closed waits until no stream is open, and returns how many there were.
func (r *rig) closed() int {
	r.Helper()
	var ever int
	r.await("no stream is open", func() bool {
		var open int
		open, ever = r.org.Streams()
		return open == 0
	})
	return ever
}

// quietStreams is a complete copy whose streams bring nothing but events.
func quietStreams(t *testing.T) *rig {
	t.Helper()
	r := open(t, newOrg(t, salesforcetest.Config{Records: 5}), t.TempDir(), shopPolicy)
	r.until("the first copy", r.equal)
	r.closed()
	r.org.SetPubSub(salesforcetest.PubSub{KeepAlive: time.Hour, FirstResponse: time.Hour})
	return r
}

// At the share every stream is closed, also those of topics without events, and
// opened again when the allocation has refilled.
func TestDeliveriesBudget(t *testing.T) {
	t.Parallel()
	const contacts, cases = "/data/ContactChangeEvent", "/data/CaseChangeEvent"
	r := quietStreams(t)
	org := r.org
	count := countCalls(org)
	org.SetDeliveries(0, 40)
	r.within(sfsync.Budget{Deliveries: 0.5})
	stop := r.start()
	defer stop()
	r.await("all streams", func() bool { open, _ := org.Streams(); return open == 4 })

	for range 20 {
		org.Insert("Contact", map[string]any{"LastName": "delivered"})
	}
	ever := r.closed()
	r.waiting(contacts, fault.LimitExceeded)
	r.waiting(cases, fault.LimitExceeded)
	org.Insert("Contact", map[string]any{"LastName": "kept for later"})
	r.looked(count, 3)
	if _, now := org.Streams(); now != ever {
		t.Errorf("%d streams were opened at the limit", now-ever)
	}
	if s := r.sync.Status(); s.Ready(time.Hour) || s.DeliveriesLeft != 20 {
		t.Errorf("ready %v with %d deliveries left", s.Ready(time.Hour), s.DeliveriesLeft)
	}

	r.faults("event deliveries", fault.LimitExceeded)

	org.SetDeliveries(5, 40)
	r.await("the stream goes on", r.equal)
	r.must(stop())
}

// The org's own refusal of one stream closes all, whatever the limits say, and
// none is opened before the next look.
func TestDeliveriesRefused(t *testing.T) {
	t.Parallel()
	r := quietStreams(t)
	org := r.org
	r.within(sfsync.Budget{Deliveries: 1})
	stop := r.start()
	defer stop()
	r.await("all streams", func() bool { open, _ := org.Streams(); return open == 4 })

	hold := make(chan struct{}) // the next look
	org.Intercept(salesforcetest.Fault{Path: "/limits", Hold: hold})
	org.FailSubscribe("subscription.limit.exceeded", codes.ResourceExhausted, "You have exceeded the event delivery limit for your org.")
	org.FailStreams("service.unavailable", codes.Internal, "The service is unavailable.")
	r.closed()
	org.Insert("Contact", map[string]any{"LastName": "kept for later"})
	close(hold)
	r.await("the stream goes on", r.equal)
	r.must(stop())
}

// A run ends within one page of its rows or bytes, and the next goes on.
func TestRunBudget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		records int
		budget  sfsync.Budget
		page    int // rows written in a run at most
	}{
		{"rows", 3500, sfsync.Budget{Rows: 1000}, 1000},
		{"bytes", 11_000, sfsync.Budget{Bytes: 500_000}, 10_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, newOrg(t, salesforcetest.Config{Records: c.records}), t.TempDir(), contactPolicy)
			runs := 0
			for ; ; runs++ {
				r.within(c.budget)
				err := r.sync.CatchUp(t.Context())
				if err == nil {
					break
				}
				applied := r.sync.Status().Applied
				if !errors.Is(err, fault.BudgetSpent) || applied > int64(c.page) || runs > 10 {
					t.Fatalf("run %d wrote %d rows: %v", runs, applied, err)
				}
			}
			if d := r.difference(); d != "" || runs < c.records/c.page {
				t.Errorf("after %d runs: %s", runs, d)
			}
		})
	}
}

// Run ends too, rather than wait for what only its caller can change.
func TestRunBudgetEndsRun(t *testing.T) {
	t.Parallel()
	r := open(t, newOrg(t, salesforcetest.Config{Records: 1500}), t.TempDir(), contactPolicy)
	r.within(sfsync.Budget{Rows: 1})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.sync.Run(ctx); !errors.Is(err, fault.BudgetSpent) {
		t.Errorf("the run ended with %v", err)
	}
	r.faults("", fault.BudgetSpent)
}

func TestBudgetIsChecked(t *testing.T) {
	t.Parallel()
	r := open(t, newOrg(t, salesforcetest.Config{}), t.TempDir(), contactPolicy)
	for _, b := range []sfsync.Budget{{Calls: 1.5}, {Calls: -0.1}, {Deliveries: 80}, {Rows: -1}, {Bytes: -1}} {
		if _, err := sfsync.New(sfsync.Config{Org: r.client, Policy: r.policy, Store: r.rows, Vault: r.vault, Budget: b}); !errors.Is(err, fault.ConfigInvalid) {
			t.Errorf("%+v is accepted: %v", b, err)
		}
	}
}
