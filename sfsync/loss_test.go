package sfsync_test

import (
	"bytes"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Records that are gone as Salesforce said are no loss, however many, also when
// the run that was told ended before it could read them again.
func TestExplainedLoss(t *testing.T) {
	t.Parallel()
	reconcile := func(r *rig) { _, err := r.sync.Reconcile(r.Context()); r.must(err) }
	run := func(r *rig) {
		stop := r.start()
		defer stop()
		r.await("the run", r.equal)
		r.must(stop())
	}
	for _, c := range []struct {
		name string
		told func(r *rig, ids []string)
		then func(r *rig)
	}{
		{"by a gap event, then Run", (*rig).gone, run},
		{"by a gap event, then a comparison", (*rig).gone, reconcile},
		{"by a gap event, found by the repeated read", (*rig).goneLate, func(*rig) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, newOrg(t, salesforcetest.Config{Records: 100}), t.TempDir(), contactPolicy)
			r.copied()
			c.told(r, r.ids("Contact")[:40])
			r.configure(func(*sfsync.Config) {})
			c.then(r)
			if d := r.difference(); d != "" {
				t.Error(d)
			}
		})
	}
}

// The list of deletes says so of a polled object: to a pass that can read no
// record, and the next one, which Salesforce tells of other deletes only.
func TestListedLoss(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(h *history) error
	}{
		{"CatchUp", func(h *history) error { return h.sync.CatchUp(h.Context()) }},
		{"Reconcile", func(h *history) error { _, err := h.sync.Reconcile(h.Context()); return err }},
	} {
		t.Run(c.name, func(t *testing.T) {
			polled(t, salesforcetest.Config{Records: 100}, func(h *history) {
				h.pass()
				ids := h.ids("Contact")[:40]
				for _, id := range ids {
					h.org.Delete("Contact", id)
				}
				time.Sleep(2 * time.Minute)
				disarm := h.failReads()
				if err := h.sync.CatchUp(h.Context()); !errors.Is(err, fault.Unavailable) || len(h.dirty("Contact")) != len(ids) {
					t.Fatalf("CatchUp: %v; %d rows are dirty", err, len(h.dirty("Contact")))
				}
				disarm()
				time.Sleep(time.Hour)
				h.configure(func(*sfsync.Config) {})
				h.must(c.then(h))
				if d := h.difference(); d != "" {
					t.Error(d)
				}
			})
		})
	}
}

// deleteUnheard deletes contacts without an event.
func (r *rig) deleteUnheard(ids []string) {
	r.org.LoseNext()
	r.must(r.org.Transaction(func(tx *salesforcetest.Tx) error {
		for _, id := range ids {
			if err := tx.Delete("Contact", id); err != nil {
				return err
			}
		}
		return nil
	}))
}

// failReads lets no record be read by id until the returned function is called.
func (r *rig) failReads() (disarm func()) {
	return r.org.Intercept(salesforcetest.Fault{Path: collections, Times: -1, Status: 503, Code: "SERVER_UNAVAILABLE"})
}

// gone has one gap event tell of deletions, and ends the run before any of the
// records could be read, with the position behind the event.
func (r *rig) gone(ids []string) {
	defer r.failReads()()
	stop := r.start()
	defer stop()
	r.await("the run", func() bool { return r.sync.Status().Ready(time.Hour) })
	r.deleteUnheard(ids)
	r.must(r.org.Gap("Contact", salesforcetest.Delete, ids...))
	r.await("the gap event", func() bool { return len(r.dirty("Contact")) == len(ids) })
	later := r.org.Insert("Contact", map[string]any{"LastName": "later"})
	r.await("an event behind it", func() bool { return r.row("Contact", later).Mark == store.Live })
	r.must(stop())
}

// goneLate has records deleted only after they were read once for a gap event.
func (r *rig) goneLate(ids []string) {
	r.configure(func(*sfsync.Config) {})
	stop := r.start()
	defer stop()
	r.await("the run", func() bool { return r.sync.Status().Ready(time.Hour) })
	read := make(chan struct{})
	r.org.Intercept(salesforcetest.Fault{Path: collections, Rewrite: func(body []byte) []byte { close(read); return body }})
	r.must(r.org.Gap("Contact", salesforcetest.Delete, ids...))
	<-read
	r.deleteUnheard(ids)
	r.await("the repeated read", r.equal)
	r.must(stop())
}

// blind hides so many contacts from the user, with View All Records.
func (r *rig) blind(hidden int) {
	list := r.ids("Contact")[:hidden]
	r.org.SetViewAll("Contact", false)
	r.org.SetSharing("Contact", func(id string) bool { return !slices.Contains(list, id) })
}

// blindLater makes every contact differ from its row, and hides some of them
// from the user once a comparison has seen them.
func (r *rig) blindLater(from, to int) {
	ids := r.ids("Contact")
	for _, id := range ids {
		r.org.Silent("Contact", id, map[string]any{"LastName": "silent"})
	}
	r.org.Intercept(salesforcetest.Fault{Path: "/results", Rewrite: func(body []byte) []byte {
		r.org.SetViewAll("Contact", false)
		r.org.SetSharing("Contact", func(id string) bool { return !slices.Contains(ids[from:to], id) })
		return body
	}})
}

func (r *rig) live(object string) (n int) {
	for row, err := range r.rows.Rows(r.Context(), object) {
		r.must(err)
		if row.Mark == store.Live {
			n++
		}
	}
	return n
}

// What the user no longer sees is not gone, however little it is, whoever asks.
func TestHiddenIsNotGone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		read func(r *rig) error
	}{
		{"Reconcile", func(r *rig) error { _, err := r.sync.Reconcile(r.Context()); return err }},
		{"CatchUp", func(r *rig) error { return r.sync.CatchUp(r.Context()) }},
		{"Backfill", func(r *rig) error {
			return r.sync.Backfill(r.Context(), "Contact", sfsync.Backfill{Reason: "a test", MaxRows: 1000, Expires: time.Now().Add(time.Hour)})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, newOrg(t, salesforcetest.Config{Records: 100}), t.TempDir(), contactPolicy)
			r.copied()
			r.configure(func(cfg *sfsync.Config) { cfg.ReconcileEvery = time.Nanosecond })
			r.blind(15)
			if err := c.read(r); !errors.Is(err, fault.Denied) {
				t.Errorf("got %v, want %s", err, fault.Denied)
			}
			if n := r.live("Contact"); n != 100 {
				t.Errorf("%d rows are left of 100", n)
			}
			r.org.SetViewAll("Contact", true)
			r.must(c.read(r))
			if d := r.difference(); d != "" {
				t.Error(d)
			}
		})
	}
}

// A user who no longer sees records must not empty the copy. Once all is
// visible again, the next run goes on; and what is really gone goes if the
// caller says so.
func TestLossRefused(t *testing.T) {
	t.Parallel()
	reconcile := func(r *rig) error { _, err := r.sync.Reconcile(r.Context()); return err }
	for _, c := range []struct {
		name    string
		policy  string
		records int
		play    func(r *rig) error
	}{
		{"by a comparison", contactPolicy, 0, func(r *rig) error { r.blind(90); return reconcile(r) }},
		{"by a full read", contactPolicy, 0, func(r *rig) error {
			disarm := r.org.Intercept(salesforcetest.Fault{Path: "/jobs/query", Times: -1, Status: 503, Code: "SERVER_UNAVAILABLE"})
			stop := r.start()
			r.org.OverflowNext()
			r.org.Update("Contact", r.ids("Contact")[0], map[string]any{"LastName": "overflow"})
			r.await("the debt", func() bool { return r.sync.Status().Objects["Contact"].Owed })
			r.must(stop())
			disarm()
			r.blind(90)
			return r.sync.CatchUp(r.Context())
		}},
		{"one by one", polledPolicy, 0, func(r *rig) error { r.blindLater(0, 90); return reconcile(r) }},
		{"one by one, over two calls", polledPolicy, 1000, func(r *rig) error { r.blindLater(430, 580); return reconcile(r) }},
		{"little by little, over restarts", polledPolicy, 0, func(r *rig) error {
			var log bytes.Buffer
			r.configure(func(cfg *sfsync.Config) { cfg.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			r.blind(15)
			r.must(reconcile(r))
			if !strings.Contains(log.String(), "did not list as deleted") {
				r.Error("the log does not say so")
			}
			if n := r.live("Contact"); n != 85 {
				r.Errorf("%d rows are left of 85", n)
			}
			r.configure(func(*sfsync.Config) {})
			r.blind(30)
			return reconcile(r)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{Records: max(100, c.records)})
			r := open(t, org, t.TempDir(), c.policy)
			r.copied()
			if err := c.play(r); !errors.Is(err, fault.LossRefused) {
				t.Errorf("got %v, want %s", err, fault.LossRefused)
			}
			if n, all := r.live("Contact"), org.Count("Contact"); n < all*85/100 {
				t.Errorf("%d of %d rows are left", n, all)
			}
			org.SetViewAll("Contact", true)
			r.must(reconcile(r)) // and does not go on with the answer that was refused
			if d := r.difference(); d != "" {
				t.Error(d)
			}
			r.deleteUnheard(r.ids("Contact")[40:])
			r.configure(func(cfg *sfsync.Config) { cfg.MaxLoss = 1 })
			r.must(reconcile(r))
			if n := r.live("Contact"); n != 40 {
				t.Errorf("with MaxLoss 1 %d rows are left, want 40", n)
			}
		})
	}
}

func TestMaxLoss(t *testing.T) {
	t.Parallel()
	r := open(t, newOrg(t, salesforcetest.Config{}), t.TempDir(), contactPolicy)
	for _, share := range []float64{-0.1, 1.1, math.NaN()} {
		if _, err := sfsync.New(sfsync.Config{Org: r.client, Policy: r.policy, Store: r.rows, Vault: r.vault, MaxLoss: share}); !errors.Is(err, fault.ConfigInvalid) {
			t.Errorf("%v: %v", share, err)
		}
	}
}
