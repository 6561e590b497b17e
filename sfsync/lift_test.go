package sfsync_test

import (
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// TestLift: who is lifted comes back as the org has them, under a new key; who
// is not stays away, also in a copy made anew.
func TestLift(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, forgetPolicy)
	contact, order, inquiry := customer(org, "Ada")
	other, otherOrder, otherInquiry := customer(org, "Grace")
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	person := r.row("Contact", contact).Persons[0]
	for _, id := range []string{contact, other} {
		_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: id}, "request 7")
		r.must(err)
	}
	later := org.Insert("Case", map[string]any{"ContactId": contact, "Status": "New", "Subject": "while away"})
	r.await("both to be away", func() bool {
		return r.away(contact, order, inquiry) == "" && r.away(other, otherOrder, otherInquiry) == "" && r.suppressed("Case", later, 0) == ""
	})

	rows, err := r.sync.Lift(t.Context(), order, "the wrong customer was named")
	r.must(err)
	if rows != 7 {
		t.Errorf("%d rows are read again, want 7", rows)
	}
	r.await("the person to be back", func() bool {
		return r.whole("Contact", contact) && r.whole("Order", order) && r.whole("Case", inquiry) && r.whole("Case", later)
	})
	if r.row("Contact", contact).Persons[0] == person {
		t.Error("the person is who it was, whose key was destroyed")
	}
	r.await("the other to be away", func() bool { return r.away(other, otherOrder, otherInquiry) == "" })
	r.must(stop())
	r.must(r.close())

	r = open(t, org, dir, forgetPolicy) // and stays so
	r.must(r.sync.CatchUp(t.Context()))
	if d := r.away(other, otherOrder, otherInquiry); d != "" || !r.whole("Contact", contact) {
		t.Error("after another start:", d)
	}
	for record, code := range map[string]fault.Code{contact: fault.NotFound, "003": fault.ConfigInvalid} {
		if _, err := r.sync.Lift(t.Context(), record, "again"); fault.CodeOf(err) != code {
			t.Errorf("lifting %v, want %s", err, code)
		}
	}
}

// TestLiftResumed: a process that ended half way is gone on with by a repetition.
func TestLiftResumed(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, forgetPolicy)
	contact, _, _ := customer(org, "Ada")
	r.until("the first copy", r.equal)
	_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: contact}, "request 7")
	r.must(err)
	r.must(r.sync.CatchUp(t.Context()))
	_, err = r.vault.Lift(t.Context(), contact) // and no more
	r.must(err)
	r.must(r.close())
	r = open(t, org, dir, forgetPolicy)
	_, err = r.sync.Lift(t.Context(), contact, "a mistake")
	r.must(err)
	r.must(r.sync.CatchUp(t.Context()))
	if !r.whole("Contact", contact) {
		t.Error("the person is not back")
	}
}

// TestLiftBesideBatch: what was made before a lift does not commit after it, so
// that it cannot undo the debt.
func TestLiftBesideBatch(t *testing.T) {
	t.Parallel()
	for name, later := range map[string]bool{"a read of what was erased": false, "a record that came since": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{})
			r := open(t, org, t.TempDir(), forgetPolicy)
			contact, order, inquiry := customer(org, "Ada")
			r.until("the first copy", r.equal)
			_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: contact}, "request 7")
			r.must(err)
			if later {
				r.until("the person to be away", func() bool { return r.away(contact, order, inquiry) == "" })
				org.Insert("Case", map[string]any{"ContactId": contact, "Status": "New", "Subject": "while away"})
			}
			r.next(store.OpForget, func(b *sfsync.Batch) {
				_, err := r.sync.Lift(t.Context(), contact, "a mistake")
				r.must(err)
				if err := b.Ack(t.Context()); fault.CodeOf(err) != fault.Conflict {
					t.Errorf("a batch made before the lift: %v, want %s", err, fault.Conflict)
				}
			})
			r.until("the person to be back", r.equal)
		})
	}
}

// TestForgetAgainAfterCrash: whoever got no receipt asks again and gets one.
func TestForgetAgainAfterCrash(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, forgetPolicy)
	contact, order, inquiry := customer(org, "Ada")
	r.until("the first copy", r.equal)
	persons, err := r.vault.Persons(t.Context(), crypto.Person{}, contact)
	r.must(err)
	r.must(r.rows.Bury(t.Context(), persons, audit.Entry{Time: time.Now(), Kind: audit.KindForget}))
	_, err = r.vault.Forget(t.Context(), persons...)
	r.must(err)
	receipt, err := r.sync.Forget(t.Context(), sfsync.Who{Record: contact}, "request 7")
	r.must(err)
	if receipt.At.IsZero() {
		t.Error("the receipt has no time")
	}
	if _, left, err := r.rows.Buried(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("%d persons are not done with: %v", len(left), err)
	}
	r.must(r.sync.CatchUp(t.Context()))
	if d := r.away(contact, order, inquiry); d != "" {
		t.Error(d)
	}
}

// TestForgetElsewhere: what another process began and did not finish, a run that
// is under way finishes within a minute.
func TestForgetElsewhere(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), forgetPolicy)
	r.sync.Hasten(600)
	contact, order, inquiry := customer(org, "Ada")
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	persons, err := r.vault.Persons(t.Context(), crypto.Person{}, contact)
	r.must(err)
	r.must(r.rows.Bury(t.Context(), persons, audit.Entry{Time: time.Now(), Kind: audit.KindForget}))
	r.await("the person to be away", func() bool { return r.away(contact, order, inquiry) == "" })
	r.must(stop())
}
