package sfsync_test

import (
	"testing"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// TestRenew: every row of the person comes under the new key, and nobody else's.
func TestRenew(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, forgetPolicy)
	contact, order, inquiry := customer(org, "Ada")
	other, otherOrder, _ := customer(org, "Grace")
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	mine := [][2]string{{"Contact", contact}, {"Order", order}, {"Case", inquiry}}
	before := r.row("Contact", contact).Key
	untouched := r.row("Contact", other)

	rows, err := r.sync.Renew(t.Context(), sfsync.Who{Record: order}, "a laptop was lost")
	r.must(err)
	if rows != 3 {
		t.Errorf("%d rows are read again, want 3", rows)
	}
	r.await("the rows under the new key", func() bool {
		key := r.row("Contact", contact).Key
		for _, at := range mine {
			if row := r.row(at[0], at[1]); row.Dirty || row.Key != key || row.Key == before {
				return false
			}
		}
		return true
	})
	if d := r.difference(); d != "" {
		t.Error(d)
	}
	if now := r.row("Contact", other); now.Key != untouched.Key || now.Seq != untouched.Seq || r.row("Order", otherOrder).Dirty {
		t.Error("another person's row was read too")
	}

	_, err = r.sync.Renew(t.Context(), sfsync.Who{Record: "003000000000099"}, "nobody")
	if fault.CodeOf(err) != fault.NotFound {
		t.Errorf("renewing nobody: %v, want %s", err, fault.NotFound)
	}
	if _, err = r.sync.Renew(t.Context(), sfsync.Who{Record: contact}, ""); fault.CodeOf(err) != fault.ConfigInvalid {
		t.Errorf("without a reason: %v, want %s", err, fault.ConfigInvalid)
	}
}

// TestRenewBesideBatch: what was sealed under the key from before does not
// commit after the renewal, not even in rows that are new.
func TestRenewBesideBatch(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), forgetPolicy)
	contact, _, _ := customer(org, "Ada")
	r.until("the first copy", r.equal)
	before := r.row("Contact", contact).Key
	later := org.Insert("Case", map[string]any{"ContactId": contact, "Status": "New", "Subject": "new"})
	r.next(store.OpCreate, func(b *sfsync.Batch) {
		_, err := r.sync.Renew(t.Context(), sfsync.Who{Record: contact}, "a laptop was lost")
		r.must(err)
		if err := b.Ack(t.Context()); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("a batch made before the renewal: %v, want %s", err, fault.Conflict)
		}
	})
	r.until("the rows under the new key", r.equal)
	if key := r.row("Case", later).Key; key == before {
		t.Error("the new row is under the key from before")
	}
}
