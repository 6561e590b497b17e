package sfsync_test

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

const polledPolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Contact:
    purpose: [support]
    person: [Id]
    changes: poll
    plain: {LeadSource: {category: user.behavior}}
    personal: {FirstName, LastName, Email, Description}
`

// configure makes the rig's Sync anew with another configuration.
func (r *rig) configure(change func(*sfsync.Config)) {
	r.Helper()
	cfg := sfsync.Config{Org: r.client, Policy: r.policy, Store: r.rows, Vault: r.vault}
	change(&cfg)
	var err error
	r.sync, err = sfsync.New(cfg)
	r.must(err)
	r.sync.Hasten(10)
}

func (r *rig) ids(object string) []string {
	return slices.Sorted(maps.Keys(maps.Collect(r.org.Records(object))))
}

// unheard changes the org in ways that no event tells of, and returns the drift
// that this is, as far as Contact goes.
func (r *rig) unheard() map[string]sfsync.Drift {
	ids := r.ids("Contact")
	r.org.Silent("Contact", ids[0], map[string]any{"LastName": "silent"})
	r.org.Silent("Contact", ids[1], map[string]any{"Email": nil})
	r.org.LoseNext()
	r.org.Insert("Contact", map[string]any{"LastName": "unheard"})
	for _, id := range ids[2:5] {
		r.org.LoseNext()
		r.org.Delete("Contact", id)
	}
	r.org.Purge("Contact", ids[2])
	return map[string]sfsync.Drift{"Contact": {Missing: 1, Stale: 2, Gone: 3}}
}

// What no event tells of is found by a reconcile and by nothing else, with a
// run under way and without one, and counted by object.
func TestReconcile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, policy string
		beside       bool
	}{
		{"in a session of its own", contactPolicy, false},
		{"beside Run", contactPolicy, true},
		{"of a polled object", polledPolicy, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{Records: 30})
			r := open(t, org, t.TempDir(), c.policy)
			r.copied()
			evented := r.ids("Contact")[7]
			stop := r.start()
			defer stop()
			org.Update("Contact", evented, map[string]any{"LastName": "heard"})
			if c.policy == contactPolicy {
				r.await("an event", r.equal)
			}
			if !c.beside {
				r.must(stop())
			}
			want := r.unheard()
			org.Silent("Contact", evented, map[string]any{"LastName": "and not heard"})
			org.Intercept(salesforcetest.Fault{Path: collections, Times: -1, Delay: 300 * time.Millisecond}) // is waited for
			if c.policy == polledPolicy {
				want["Contact"] = sfsync.Drift{Missing: 1, Stale: 3, Gone: 3}
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			drift, err := r.sync.Reconcile(ctx)
			r.must(err)
			if !maps.Equal(drift, want) {
				t.Errorf("drift %v, want %v", drift, want)
			}
			if d := r.difference(); d != "" {
				t.Error(d)
			}
			if got := r.sync.Status().Objects["Contact"]; got.Drift != want["Contact"] || time.Since(got.Reconciled) > time.Minute {
				t.Errorf("Status says %v at %v", got.Drift, got.Reconciled)
			}
			drift, err = r.sync.Reconcile(ctx)
			r.must(err)
			if drift["Contact"] != (sfsync.Drift{}) {
				t.Errorf("the second time: %v", drift)
			}
			r.must(stop())
			if got := r.ledger(audit.KindReconcile); len(got) != 2 || got[0].Count != want["Contact"].Total() || got[0].Object != "Contact" || got[1].Count != 0 {
				t.Errorf("ledger: %+v", got)
			}
		})
	}
}

// An update of fields that are not kept moves the stamp all the same. It was
// heard, so it is no drift; and it costs one write of the row, not one a time.
func TestHeardIsNoDrift(t *testing.T) {
	t.Parallel()
	h := newHistory(t, salesforcetest.Config{Records: 30}, contactPolicy)
	h.begin()
	ids := h.ids("Contact")
	other := func(value string) {
		for _, id := range ids[:5] {
			h.org.Update("Contact", id, map[string]any{"Phone": value})
		}
		h.passed()
	}
	other("555-0101")
	first := h.row("Contact", ids[0]).Seq
	other("555-0102")
	if now := h.row("Contact", ids[0]).Seq; now != first || len(h.dirty("Contact")) > 0 {
		t.Errorf("the second update wrote the row: %d, then %d; dirty: %v", first, now, h.dirty("Contact"))
	}
	h.org.Silent("Contact", ids[9], map[string]any{"LastName": "silent"})
	h.org.Silent("Contact", ids[0], map[string]any{"LastName": "under the heard one"})
	for _, want := range []sfsync.Drift{{Stale: 1}, {}} {
		drift, err := h.sync.Reconcile(t.Context())
		h.must(err)
		if drift["Contact"] != want || !h.equal() {
			t.Errorf("drift %v, want %v; %s", drift["Contact"], want, h.difference())
		}
	}
}

// A value that changes without a stamp is found where the policy asks for a
// full read, when that is due, and drift is counted all the same.
func TestFullRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, setting string
		away          time.Duration
		want          bool
	}{
		{"not asked for", "", 40 * 24 * time.Hour, false},
		{"not due", "full_read: {days: 60}", 40 * 24 * time.Hour, false},
		{"due", "full_read: {days: 30}", 40 * 24 * time.Hour, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{Records: 30})
			r := open(t, org, t.TempDir(), strings.Replace(contactPolicy, "person: [Id]", "person: [Id]\n    "+c.setting, 1))
			_, err := r.sync.Reconcile(t.Context())
			r.must(err)
			r.through(sfsync.Config{}, func(_ *watched, state *store.State) {
				o := state.Objects["Contact"]
				o.Refreshed -= int64(c.away / time.Second)
				state.Objects["Contact"] = o
			})
			org.SilentUnstamped("Contact", r.ids("Contact")[9], map[string]any{"LastName": "without a stamp"})
			want := r.unheard()
			drift, err := r.sync.Reconcile(t.Context())
			r.must(err)
			if !maps.Equal(drift, want) {
				t.Errorf("drift %v, want %v", drift, want)
			}
			if found := r.equal(); found != c.want {
				t.Errorf("it was found: %v, want %v", found, c.want)
			}
		})
	}
}

// ledger lists the entries of a kind.
func (r *rig) ledger(kind audit.Kind) (list []audit.Entry) {
	r.Helper()
	for e, err := range r.rows.Entries(r.Context(), 0) {
		r.must(err)
		if e.Entry.Kind == kind {
			list = append(list, e.Entry)
		}
	}
	return list
}

// A reconcile is made when it is due, by Run and by CatchUp, and not before.
func TestReconcileDue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		late  time.Duration // the org's clock
		every time.Duration
		want  bool
		pass  func(r *rig)
	}{
		{"Run, due", 0, time.Second, true, func(r *rig) {
			stop := r.start()
			r.await("a reconcile", func() bool { return len(r.ledger(audit.KindReconcile)) > 0 })
			r.must(stop())
		}},
		{"CatchUp, due", 0, time.Nanosecond, true, func(r *rig) { r.must(r.sync.CatchUp(r.Context())) }},
		{"CatchUp, daily", 0, 0, false, func(r *rig) { r.must(r.sync.CatchUp(r.Context())) }},
		{"CatchUp, daily, of an org whose clock is late", 10 * 24 * time.Hour, 0, false, func(r *rig) { r.must(r.sync.CatchUp(r.Context())) }},
		{"CatchUp, never", 0, -1, false, func(r *rig) { r.must(r.sync.CatchUp(r.Context())) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{Records: 30, Now: func() time.Time { return time.Now().Add(-c.late) }})
			r := openAs(t, org, byCredentials(org), t.TempDir(), contactPolicy)
			purged := org.Insert("Contact", map[string]any{"LastName": "to be purged"})
			r.copied()
			r.must(r.sync.CatchUp(t.Context()))
			org.LoseNext()
			org.Delete("Contact", purged)
			org.Purge("Contact", purged)
			org.Intercept(salesforcetest.Fault{Path: "/deleted/", Times: -1, Rewrite: noDeletes})
			r.configure(func(cfg *sfsync.Config) { cfg.ReconcileEvery = c.every })
			c.pass(r)
			if found := r.row("Contact", purged).Mark != store.Live; found != c.want {
				t.Errorf("the purged record was found: %v, want %v", found, c.want)
			}
			if got := len(r.ledger(audit.KindReconcile)) > 0; got != c.want {
				t.Errorf("a reconcile is in the ledger: %v, want %v", got, c.want)
			}
		})
	}
}

var deletedRecords = regexp.MustCompile(`"deletedRecords":\[[^\]]*\]`)

// noDeletes takes the records out of a list of deletes.
func noDeletes(body []byte) []byte {
	return deletedRecords.ReplaceAll(body, []byte(`"deletedRecords":[]`))
}

// A reconcile goes on over jobs that fail and over the end of the run that it
// was called beside.
func TestReconcileGoesOn(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 30})
	r := open(t, org, t.TempDir(), contactPolicy)
	r.configure(func(*sfsync.Config) {})
	r.copied()
	stop := r.start()
	defer stop()
	r.await("the run", func() bool { return r.sync.Status().Ready(time.Hour) })
	want := r.unheard()
	org.FailJobs(1)
	asked, let := make(chan struct{}), make(chan struct{})
	org.Intercept(salesforcetest.Fault{Path: "/results", Rewrite: func(body []byte) []byte { close(asked); <-let; return body }})
	go func() {
		<-asked
		r.must(stop())
		close(let)
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	drift, err := r.sync.Reconcile(ctx)
	r.must(err)
	if !maps.Equal(drift, want) || !r.equal() {
		t.Errorf("drift %v, want %v; %s", drift, want, r.difference())
	}
}

// Gap events that come on and on keep rows of one object dirty for good. The
// others are compared all the same, and so is it.
func TestReconcileBusy(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 30})
	r := open(t, org, t.TempDir(), contactPolicy+caseToo)
	r.configure(func(cfg *sfsync.Config) { cfg.ReconcileEvery = time.Second })
	r.sync.Hasten(5) // a row is read again a minute after a gap event
	ids := r.ids("Contact")
	stop := r.start()
	defer stop()
	r.await("the run", func() bool { return r.sync.Status().Ready(time.Hour) })
	quiet := make(chan struct{})
	var flow sync.WaitGroup
	flow.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
				r.must(org.Gap("Contact", salesforcetest.Update, ids[i%3]))
			case <-quiet:
				return
			}
		}
	})
	defer flow.Wait()
	defer close(quiet)
	r.await("rows that are dirty", func() bool { return len(r.dirty("Contact")) == 3 })
	compared := func(object string) (n int) {
		for _, e := range r.ledger(audit.KindReconcile) {
			if e.Object == object {
				n++
			}
		}
		return n
	}
	again := func(object string) {
		before := compared(object)
		r.await("two comparisons of "+object, func() bool { return compared(object) >= before+2 })
	}
	hold := make(chan struct{})
	org.Intercept(salesforcetest.Fault{Path: collections + "Contact", Hold: hold})
	again("Case") // though no contact can be read
	close(hold)
	again("Contact")
	org.Silent("Contact", ids[7], map[string]any{"LastName": "silent"})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := r.sync.Reconcile(ctx); err != nil || r.row("Contact", ids[7]).Dirty {
		t.Errorf("Reconcile: %v; the record is owed: %v", err, r.row("Contact", ids[7]).Dirty)
	}
}

const caseToo = `
  Case:
    purpose: [support]
    person: [ContactId]
    plain: {Status}
    personal: {Subject}
`

// A caller who gives up leaves the run alone.
func TestReconcileGivenUp(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 30})
	r := open(t, org, t.TempDir(), contactPolicy)
	r.copied()
	stop := r.start()
	defer stop()
	r.await("the run", func() bool { return r.sync.Status().Ready(time.Hour) })
	asked, let := make(chan struct{}), make(chan struct{})
	org.Intercept(salesforcetest.Fault{Path: "/jobs/query", Rewrite: func(body []byte) []byte { close(asked); <-let; return body }})
	r.unheard()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := r.sync.Reconcile(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Reconcile: %v", err)
	}
	if !r.sync.Status().Ready(time.Hour) {
		t.Error("a reconcile under way makes the copy unready")
	}
	close(let)
	r.await("what was owed", r.equal)
	r.must(stop())
}
