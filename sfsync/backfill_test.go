package sfsync_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

func authorised() sfsync.Backfill {
	return sfsync.Backfill{Reason: "formulas were corrected", MaxRows: 100, Expires: time.Now().Add(time.Hour)}
}

// reasons are those of the backfills in the ledger.
func (r *rig) reasons() (list []string) {
	r.Helper()
	for e, err := range r.rows.Entries(r.Context(), 0) {
		r.must(err)
		if e.Entry.Kind == audit.KindBackfill {
			list = append(list, e.Entry.Reason)
		}
	}
	return list
}

// Without reason, bound or time to come nothing is asked of the org.
func TestBackfillIsAuthorised(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 5})
	r := open(t, org, t.TempDir(), contactPolicy)
	asked := false
	org.Intercept(salesforcetest.Fault{Match: func(*http.Request) bool { asked = true; return false }})
	for name, change := range map[string]func(*sfsync.Backfill){
		"no reason": func(b *sfsync.Backfill) { b.Reason = " " },
		"no bound":  func(b *sfsync.Backfill) { b.MaxRows = 0 },
		"no end":    func(b *sfsync.Backfill) { b.Expires = time.Time{} },
		"has ended": func(b *sfsync.Backfill) { b.Expires = time.Now() },
		"no object": nil,
	} {
		object, b := "Contact", authorised()
		if change == nil {
			object = "Account"
		} else {
			change(&b)
		}
		if err := r.sync.Backfill(t.Context(), object, b); !errors.Is(err, fault.BackfillRefused) || asked {
			t.Errorf("%s: %v; asked the org: %v", name, err, asked)
		}
	}
}

// A change without event or stamp is found by a backfill alone, in a run or
// without one, and the ledger says why all was read before it was.
func TestBackfill(t *testing.T) {
	t.Parallel()
	for _, beside := range []string{"beside a run", "alone"} {
		t.Run(beside, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{Records: 20})
			r := open(t, org, t.TempDir(), contactPolicy)
			id := org.Insert("Contact", map[string]any{"LastName": "first"})
			stop := r.start()
			defer stop()
			r.await("the first copy", func() bool { return r.equal() && r.sync.Status().Ready(time.Hour) })
			if beside == "alone" {
				r.must(stop())
			}
			org.SilentUnstamped("Contact", id, map[string]any{"LastName": "silently"})
			var before []string
			org.Intercept(salesforcetest.Fault{Method: http.MethodPost, Path: "/jobs/query", Match: func(*http.Request) bool {
				before = r.reasons()
				return false
			}})
			r.must(r.sync.Backfill(t.Context(), "Contact", authorised()))
			if d := r.difference(); d != "" {
				t.Error(d)
			}
			if len(before) != 1 || before[0] != "formulas were corrected" {
				t.Errorf("before the read the ledger said %q", before)
			}
			r.must(stop())
		})
	}
}

// More records than MaxRows are not read, whether the org's estimate or only
// the job tells, and a read whose time is over stops. Nothing is owed by it.
func TestBackfillStops(t *testing.T) {
	t.Parallel()
	few := salesforcetest.Fault{Path: "/limits/recordCount", Times: -1, Status: 200, Body: `{"sObjects":[{"count":1,"name":"Contact"}]}`}
	for _, c := range []struct {
		name   string
		fault  salesforcetest.Fault
		change func(*sfsync.Backfill)
		code   fault.Code
	}{
		{"by the estimate", salesforcetest.Fault{Path: "/never"}, func(b *sfsync.Backfill) { b.MaxRows = 10 }, fault.BackfillRefused},
		{"by the job", few, func(b *sfsync.Backfill) { b.MaxRows = 10 }, fault.BackfillRefused},
		{"in time", salesforcetest.Fault{Path: "/jobs/query/", Times: -1, Rewrite: func(body []byte) []byte {
			return []byte(strings.Replace(string(body), `"JobComplete"`, `"InProgress"`, 1))
		}}, func(b *sfsync.Backfill) { b.Expires = time.Now().Add(2 * time.Second) }, fault.BackfillRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{Records: 20})
			r := open(t, org, t.TempDir(), contactPolicy)
			stop := r.start()
			defer stop()
			r.await("the first copy", r.equal)
			var results atomic.Int64
			org.Intercept(salesforcetest.Fault{Path: "/results", Match: func(*http.Request) bool { results.Add(1); return false }})
			disarm := org.Intercept(c.fault)
			b := authorised()
			c.change(&b)
			if err := r.sync.Backfill(t.Context(), "Contact", b); !errors.Is(err, c.code) {
				t.Errorf("it ended with %v, want %s", err, c.code)
			}
			if n := results.Load(); n != 0 {
				t.Errorf("%d pages were asked for", n)
			}
			disarm()
			org.Insert("Contact", map[string]any{"LastName": "afterwards"})
			r.await("the run goes on", r.equal)
			if r.sync.Status().Objects["Contact"].Owed {
				t.Error("a read is owed")
			}
			r.must(stop())
		})
	}
}

// A caller who gives up gets the fault of that, and the run goes on.
func TestBackfillGivenUp(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 20})
	r := open(t, org, t.TempDir(), contactPolicy)
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	ctx, cancel := context.WithCancel(t.Context())
	org.Intercept(salesforcetest.Fault{Path: "/results", Match: func(*http.Request) bool { cancel(); return false }})
	if err := r.sync.Backfill(ctx, "Contact", authorised()); !errors.Is(err, fault.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	org.Insert("Contact", map[string]any{"LastName": "afterwards"})
	r.await("the run goes on", r.equal)
	r.must(stop())
}
