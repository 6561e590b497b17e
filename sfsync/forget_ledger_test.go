package sfsync_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// sums are the counts of a kind of entry by object, reason and actor.
func (r *rig) sums(kind audit.Kind) map[string]int {
	r.Helper()
	sums := map[string]int{}
	for _, e := range r.ledger(kind) {
		sums[e.Object+"/"+e.Reason+"/"+e.Actor] += e.Count
	}
	return sums
}

// keptAway checks that the ledger says of each object that records stay away. How
// often depends on how often they came.
func (r *rig) keptAway(objects ...string) {
	r.Helper()
	for _, object := range objects {
		if sums := r.sums(audit.KindForget); sums[object+"//sync"] == 0 {
			r.Errorf("the ledger does not say that records of %s stay away: %v", object, sums)
		}
	}
}

// TestForgetLedger: the ledger says who was asked to forget, lift and renew how
// many and why, and of every object how many records stay away; it names nobody.
func TestForgetLedger(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, forgetPolicy)
	contact, order, inquiry := customer(org, "Ada")
	r.until("the first copy", r.equal)
	person := r.row("Contact", contact).Persons[0]
	_, err := r.sync.Renew(t.Context(), sfsync.Who{Record: contact}, "a laptop was lost")
	r.must(err)
	r.until("the rows under the new key", r.equal)
	_, err = r.sync.Forget(t.Context(), sfsync.Who{Record: contact}, "request 7")
	r.must(err)
	away := func() bool { return r.away(contact, order, inquiry) == "" }
	r.until("the person to be away", away)
	org.Insert("Case", map[string]any{"ContactId": contact, "Status": "New", "Subject": "again"})
	r.must(r.sync.CatchUp(t.Context()))
	if d := cmp.Diff(map[string]int{"/a laptop was lost/sync": 1}, r.sums(audit.KindRenew)); d != "" {
		t.Error(d)
	}
	if n := r.sums(audit.KindForget)["/request 7/sync"]; n != 1 {
		t.Errorf("%d persons were forgotten for the request", n)
	}
	r.keptAway("Contact", "Order", "Case")
	r.must(r.close())

	r.must(os.RemoveAll(filepath.Join(dir, "data"))) // another copy says so too
	r = open(t, org, dir, forgetPolicy)
	r.must(r.sync.CatchUp(t.Context()))
	r.keptAway("Contact", "Order", "Case")
	_, err = r.sync.Lift(t.Context(), contact, "a mistake")
	r.must(err)
	if d := cmp.Diff(map[string]int{"/a mistake/sync": 1}, r.sums(audit.KindLift)); d != "" {
		t.Error(d)
	}
	for e, err := range r.rows.Entries(t.Context(), 0) {
		r.must(err)
		for _, name := range []string{contact, order, inquiry, person.String(), "Ada"} {
			if strings.Contains(string(e.Entry.Canonical()), name) {
				t.Errorf("the entry %s names the person", e.Entry.Kind)
			}
		}
	}
}

// TestReceiptOfHorizon: the receipt of a forgetting rests on the Horizon that the
// Sync was made with, and is of now, also of a repetition.
func TestReceiptOfHorizon(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), forgetPolicy)
	contact, _, _ := customer(org, "Ada")
	r.until("the first copy", r.equal)
	const week = 7 * 24 * time.Hour
	s, err := sfsync.New(sfsync.Config{Org: r.client, Policy: r.policy, Store: r.rows, Vault: r.vault,
		Horizon: sfsync.Horizon{KeyBackups: sfsync.None, RowBackups: week, Consumers: time.Hour}})
	r.must(err)
	for _, persons := range []int{1, 0} {
		before := time.Now()
		receipt, err := s.Forget(t.Context(), sfsync.Who{Record: contact}, "request 7")
		r.must(err)
		until, after := receipt.ResidualUntil, time.Now()
		if receipt.Persons != persons || until.Before(before.Add(week)) || until.After(after.Add(week)) {
			t.Errorf("%d persons, residual until %v; want %d, a week from now", receipt.Persons, until, persons)
		}
	}
}
