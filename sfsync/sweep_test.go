package sfsync_test

import (
	"context"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// leave puts an entry of a contact's e-mail, as a process does that dies before
// the row commits, or before it prunes.
func (r *rig) leave(id, email string) {
	r.Helper()
	b, err := r.vault.Sealer().Begin(r.Context())
	r.must(err)
	subjects, err := b.Subjects(r.Context(), []crypto.Want{{Record: crypto.Link{Object: "Contact", Record: id}}})
	r.must(err)
	_, err = r.vault.Index(r.Context(), b.Entries(nil, subjects[0], crypto.Field{Object: "Contact", Record: id, Name: "Email"}, crypto.EmailIndex, []byte(email)))
	r.must(err)
}

// What a process that died left in the index goes with the next reconcile, where
// there is no row; nothing else does.
func TestReconcileSweepsIndex(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, findPolicy)
	ada := org.Insert("Contact", map[string]any{"LastName": "Ada", "Email": "ada@example.com"})
	ben := org.Insert("Contact", map[string]any{"LastName": "Ben", "Email": "ben@example.com"})
	org.Insert("Case", map[string]any{"ContactId": ada, "Status": "New", "SuppliedEmail": "ada@example.com"})
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	org.Delete("Contact", ben)
	r.await("the deletion", func() bool { return r.equal() && r.misplaced(dir, findFields) == "" })
	r.leave(ben, "ben@example.com")
	r.leave("003000000000099AAA", "nobody@example.com")
	if r.misplaced(dir, findFields) == "" {
		t.Fatal("nothing was left to be swept")
	}
	for _, beside := range []bool{true, false} {
		if !beside {
			r.leave(ben, "ben@example.com")
			r.must(stop())
		}
		_, err := r.sync.Reconcile(t.Context())
		r.must(err)
		if d := r.misplaced(dir, findFields); d != "" {
			t.Errorf("beside a run %v: %s", beside, d)
		}
	}
}

// Entries of a batch that is on its way are not swept out, though its rows are not
// there yet.
func TestSweepWaitsForBatches(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, findPolicy)
	org.Insert("Contact", map[string]any{"LastName": "Ada", "Email": "ada@example.com"})
	stop := r.start()
	r.await("the first copy", func() bool { return r.equal() && r.sync.Status().Ready(time.Hour) }) // no read is to be paid
	r.must(stop())
	org.Insert("Contact", map[string]any{"LastName": "Ben", "Email": "ben@example.com"})
	swept := false
	for batch, err := range r.sync.Changes(t.Context()) {
		r.must(err)
		if !swept { // the entries of the batch are stored, its rows are not
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			if err := r.sync.Sweep(ctx, "Contact"); fault.CodeOf(err) != fault.Canceled && fault.CodeOf(err) != fault.Timeout {
				t.Errorf("the sweep did not wait for the batch: %v", err)
			}
			cancel()
			swept = true
		}
		r.must(batch.Ack(t.Context()))
		if r.equal() {
			break
		}
	}
	if d := r.misplaced(dir, findFields); d != "" {
		t.Error(d)
	}
}
