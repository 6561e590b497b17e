package sfsync_test

import (
	"testing"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
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
