package sfsync_test

import (
	"errors"
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
