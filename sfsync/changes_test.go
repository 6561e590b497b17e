package sfsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// next returns the first batch of a new iteration that has a row of the
// object with the operation, acknowledging those before it.
func (r *rig) next(op store.Op, use func(*sfsync.Batch)) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	for batch, err := range r.sync.Changes(ctx) {
		r.must(err)
		for _, row := range batch.Rows() {
			if row.Op == op {
				use(batch)
				return
			}
		}
		r.must(batch.Ack(ctx))
	}
	r.Fatalf("no %s came", op)
}

func TestUnackedComesAgain(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), contactPolicy)
	org.Insert("Contact", map[string]any{"LastName": "first"})
	r.until("the first copy", r.equal)
	id := org.Insert("Contact", map[string]any{"LastName": "second", "Email": "b@example.com"})

	var before, after []byte
	for _, text := range []*[]byte{&before, &after} {
		r.next(store.OpCreate, func(b *sfsync.Batch) {
			var err error
			*text, err = json.Marshal(b)
			r.must(err)
		})
		if r.row("Contact", id).Mark != store.Absent {
			t.Fatal("a batch that was not acknowledged was applied")
		}
	}
	for _, want := range []string{`"object":"Contact"`, `"id":"` + id + `"`, `"op":"create"`, `"sealed":`, `"transaction":`, `"commit":`} {
		if !strings.Contains(string(after), want) {
			t.Errorf("the batch as JSON has no %s: %s", want, after)
		}
	}
	if strings.Contains(string(after), "b@example.com") {
		t.Error("a personal value is in the batch")
	}
	r.next(store.OpCreate, func(b *sfsync.Batch) { r.must(b.Ack(t.Context())) })
	r.until("the acknowledged batch", r.equal)
}

func TestAckInOrder(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), contactPolicy)
	org.Insert("Contact", map[string]any{"LastName": "first"})
	r.until("the first copy", r.equal)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var batches []*sfsync.Batch
	org.Insert("Contact", map[string]any{"LastName": "one"})
	for batch, err := range r.sync.Changes(ctx) {
		r.must(err)
		if batches = append(batches, batch); len(batches) == 2 {
			if err := batch.Ack(ctx); !errors.Is(err, fault.Conflict) {
				t.Errorf("the second batch was acknowledged before the first: %v", err)
			}
			r.must(batches[0].Ack(ctx))
			r.must(batches[1].Ack(ctx))
			break
		}
		org.Insert("Contact", map[string]any{"LastName": "two"})
	}
	r.until("both", r.equal)
}

// oneBehind consumes changes and acknowledges each batch when the next has come.
func (r *rig) oneBehind(done func(batches int) bool) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	var last *sfsync.Batch
	n := 0
	for batch, err := range r.sync.Changes(ctx) {
		r.must(err)
		if last != nil {
			r.must(last.Ack(ctx))
		}
		last = batch
		if n++; done(n) {
			return
		}
	}
	r.Fatalf("only %d batches came", n)
}

// meanwhile does something again and again until the returned function is called.
func meanwhile(every time.Duration, work func()) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				work()
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); all.Wait() }
}

// A consumer may be one batch behind: the end of a read waits for it, and
// nothing else of the object does.
func TestAckOneBehind(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 30})
	r := open(t, org, t.TempDir(), contactPolicy)
	stop := meanwhile(20*time.Millisecond, func() { org.Insert("Contact", map[string]any{"LastName": "more"}) })
	r.oneBehind(func(batches int) bool {
		return batches == 20 && !r.sync.Status().Objects["Contact"].Owed || batches > 200
	})
	stop()
	r.until("all of it", r.equal)
}

// While the end of a read of all records waits for a consumer, events come of
// records that it found as they should be, of others that differ, and of some
// that are gone: the batches made ahead of it are right about each.
func TestAckOneBehindRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		read func(r *rig) error
	}{
		{"stamps", func(r *rig) error { _, err := r.sync.Reconcile(r.Context()); return err }},
		{"all fields", func(r *rig) error {
			return r.sync.Backfill(r.Context(), "Contact", sfsync.Backfill{Reason: "a test", MaxRows: 100, Expires: time.Now().Add(time.Hour)})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{Records: 30})
			r := open(t, org, t.TempDir(), contactPolicy)
			r.configure(func(cfg *sfsync.Config) { cfg.ReconcileEvery = -1 })
			r.sync.Hasten(10) // a row is read again a minute after a gap event
			r.copied()
			ids := r.ids("Contact")
			var next, reads atomic.Int64
			events := meanwhile(5*time.Millisecond, func() {
				r.must(org.Gap("Contact", salesforcetest.Update, ids[next.Add(1)%int64(len(ids))]))
			})
			defer events()
			again := func() {
				for i := range 5 {
					org.Silent("Contact", ids[i], map[string]any{"LastName": "silent"})
					r.deleteUnheard(ids[10+i : 11+i])
					if err := c.read(r); err != nil {
						t.Error(err)
					}
					reads.Add(1)
				}
			}
			r.oneBehind(func(batches int) bool {
				if batches == 1 {
					go again()
				}
				return reads.Load() == 5
			})
			events()
			r.until("all of it", r.equal)
		})
	}
}

func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), contactPolicy)
	org.Insert("Contact", map[string]any{"LastName": "first"})
	for batch, err := range r.sync.Changes(t.Context()) {
		r.must(err)
		r.must(batch.Ack(t.Context()))
		if err := r.sync.CatchUp(t.Context()); !errors.Is(err, fault.Conflict) {
			t.Errorf("CatchUp beside Changes: %v", err)
		}
		break
	}
}

// What the stream cannot say is made good by reading.
func TestDebts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		play func(org *salesforcetest.Org, id string) error
	}{
		{"gap", func(org *salesforcetest.Org, id string) error { org.GapNext(""); return nil }},
		{"overflow", func(org *salesforcetest.Org, id string) error { org.OverflowNext(); return nil }},
		{"wildcard", func(org *salesforcetest.Org, id string) error { org.WildcardNext(); return nil }},
		{"undecodable", func(org *salesforcetest.Org, id string) error { org.UndecodableNext(); return nil }},
		{"redelivered", func(org *salesforcetest.Org, id string) error { return org.Redeliver(2) }},
		{"cut", func(org *salesforcetest.Org, id string) error { org.CutStreams(); return nil }},
		{"token expired", func(org *salesforcetest.Org, id string) error { org.ExpireTokens(); return nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{Records: 5})
			r := open(t, org, t.TempDir(), contactPolicy)
			id := org.Insert("Contact", map[string]any{"LastName": "first"})
			stop := r.start()
			defer stop()
			r.await("the first copy", r.equal)
			r.must(c.play(org, id))
			org.Update("Contact", id, map[string]any{"LastName": "changed", "Email": "c@example.com"})
			r.await(c.name, r.equal)
			r.must(stop())
		})
	}
}

// A gap event of any kind names, for several records at once, what nothing else
// tells of.
func TestGapKinds(t *testing.T) {
	t.Parallel()
	lost := func(change func(tx *salesforcetest.Tx, id string) error) func(h *history, ids []string) {
		return func(h *history, ids []string) {
			h.org.LoseNext()
			h.must(h.org.Transaction(func(tx *salesforcetest.Tx) error {
				for _, id := range ids {
					if err := change(tx, id); err != nil {
						return err
					}
				}
				return nil
			}))
		}
	}
	remove := func(tx *salesforcetest.Tx, id string) error { return tx.Delete("Contact", id) }
	restore := func(tx *salesforcetest.Tx, id string) error { return tx.Undelete("Contact", id) }
	rename := func(tx *salesforcetest.Tx, id string) error {
		return tx.Update("Contact", id, map[string]any{"LastName": "in the gap"})
	}
	for _, c := range []struct {
		kind   salesforcetest.Kind
		gone   bool // the records are in the Recycle Bin before
		change func(h *history, ids []string)
	}{
		{salesforcetest.Create, true, lost(restore)}, // as of records that the copy has never had
		{salesforcetest.Update, false, lost(rename)},
		{salesforcetest.Delete, false, lost(remove)},
		{salesforcetest.Undelete, true, lost(restore)},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, salesforcetest.Config{Records: 8}, contactPolicy)
			h.sync.Hasten(10) // a row is read again a minute after a gap event
			ids := h.ids("Contact")[:5]
			if c.gone {
				for _, id := range ids {
					h.org.Delete("Contact", id)
				}
			}
			h.begin()
			c.change(h, ids)
			h.passed()
			if h.equal() {
				t.Fatal("the copy has what no event told: the gap event shows nothing")
			}
			h.must(h.org.Gap("Contact", c.kind, ids...))
			h.await("the gap", h.equal)
		})
	}
}

// A position that Salesforce no longer knows: everything is read again.
func TestExpiredPosition(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 5})
	r := open(t, org, t.TempDir(), contactPolicy)
	gone := org.Insert("Contact", map[string]any{"LastName": "gone"})
	r.until("the first copy", r.equal)
	org.Insert("Contact", map[string]any{"LastName": "in the outage"})
	org.Delete("Contact", gone)
	r.must(org.Expire())
	stop := r.start()
	defer stop()
	r.await("the resync", r.equal)
	org.Insert("Contact", map[string]any{"LastName": "after it"})
	r.await("the stream after it", r.equal)
	r.must(stop())
}

// A commit that fails ends CatchUp with the store's own fault, and a consumer
// that leaves the loop then is not called again.
func TestFailedCommit(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 5})
	r := open(t, org, t.TempDir(), contactPolicy)
	for _, err := range r.sync.Changes(t.Context()) {
		r.must(err)
		r.must(r.rows.Close())
		break
	}
	other := open(t, org, t.TempDir(), contactPolicy)
	for batch, err := range other.sync.Changes(t.Context()) {
		other.must(err)
		other.must(other.rows.Close())
		if err := batch.Ack(t.Context()); err == nil {
			t.Error("a batch was applied to a closed store")
		}
		break
	}
}
