package sfsync_test

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

func (s doomedStore) Bury(ctx context.Context, persons []crypto.Person, entry audit.Entry) error {
	defer s.call("Bury")()
	return s.Store.Bury(ctx, persons, entry)
}

func (s doomedStore) Erase(ctx context.Context, persons []crypto.Person, plain []string) (int64, error) {
	defer s.call("Erase")()
	return s.Store.Erase(ctx, persons, plain)
}

func (s doomedStore) Lift(ctx context.Context, persons []crypto.Person, entry audit.Entry) (int64, error) {
	defer s.call("Owe")()
	return s.Store.Lift(ctx, persons, entry)
}

func (s doomedStore) Enter(ctx context.Context, entries []crypto.ForgetEntry) error {
	defer s.call("Enter")()
	return s.Store.Enter(ctx, entries)
}

// A process that is killed at any step of a forgetting leaves no live row that
// does not open once the next session has begun, and no key of the person once
// the person is buried.
func TestForgetKilled(t *testing.T) {
	k := newStepwise(t, func(d *doomed, getenv func(string) string) error {
		s, err := sfsync.New(d.config(t, getenv, forgetPolicy))
		noError(t, err)
		_, err = s.Forget(t.Context(), sfsync.Who{Record: d.Who}, "request 7")
		return err
	})
	org, from := k.org, orders{Dir: t.TempDir()}
	r := open(t, org, from.Dir, forgetPolicy)
	contact, order, inquiry := customer(org, "Ada")
	other, otherOrder, otherInquiry := customer(org, "Grace")
	r.until("the first copy", r.equal)
	r.must(r.close())

	from.Who = contact
	k.each(from, k.rehearse(from, "Bury", "Forget", "Erase", "Enter"), func(t *testing.T, o orders) {
		r := open(t, org, o.Dir, forgetPolicy)
		r.must(r.sync.CatchUp(t.Context()))
		all, left, err := r.rows.Buried(t.Context())
		r.must(err)
		if len(left) != 0 {
			t.Error("the next session did not finish it")
		}
		if d := cmp.Or(r.unlike("Contact", other), r.unlike("Order", otherOrder), r.unlike("Case", otherInquiry)); d != "" {
			t.Error("of the other person:", d)
		}
		if len(all) == 0 { // nothing had begun: the copy is as it was
			if o.Call != "Bury" || o.When == dieAfter || !r.equal() {
				t.Errorf("the forgetting is lost: %s", r.difference())
			}
			return
		}
		if d := r.away(contact, order, inquiry); d != "" {
			t.Error(d)
		}
		if keyed, err := r.vault.Keyed(t.Context(), all); err != nil || len(keyed) != 0 {
			t.Errorf("%d forgotten persons have keys: %v", len(keyed), err)
		}
	})
}

// A process that is killed at any step of a lifting leaves the person away, or
// the next session brings back what the org has; nobody else comes with them.
func TestLiftKilled(t *testing.T) {
	k := newStepwise(t, func(d *doomed, getenv func(string) string) error {
		s, err := sfsync.New(d.config(t, getenv, forgetPolicy))
		noError(t, err)
		_, err = s.Lift(t.Context(), d.Who, "a mistake")
		return err
	})
	org, from := k.org, orders{Dir: t.TempDir()}
	r := open(t, org, from.Dir, forgetPolicy)
	contact, order, inquiry := customer(org, "Ada")
	other, otherOrder, otherInquiry := customer(org, "Grace")
	r.until("the first copy", r.equal)
	for _, id := range []string{contact, other} {
		_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: id}, "request 7")
		r.must(err)
	}
	r.must(r.sync.CatchUp(t.Context()))
	r.must(r.close())

	from.Who = contact
	k.each(from, k.rehearse(from, "Lift", "Owe", "Enter"), func(t *testing.T, o orders) {
		r := open(t, org, o.Dir, forgetPolicy)
		buried, err := r.vault.Buried(t.Context(), crypto.Person{}, contact)
		r.must(err)
		if buried { // nothing had begun
			if o.Call != "Lift" || o.When == dieAfter {
				t.Error("the lifting is lost")
			}
			_, err := r.sync.Lift(t.Context(), contact, "a mistake")
			r.must(err)
		}
		stop := r.start() // not CatchUp, which reads what changed lately, owed or not
		defer stop()
		r.await("the person to be back", func() bool {
			return cmp.Or(r.unlike("Contact", contact), r.unlike("Order", order), r.unlike("Case", inquiry)) == ""
		})
		r.must(stop())
		if d := r.away(other, otherOrder, otherInquiry); d != "" {
			t.Error("of the other person:", d)
		}
	})
}

// unlike describes how the row of a record is not what the org has, "" if it is.
func (r *rig) unlike(object, id string) string {
	r.Helper()
	if !r.whole(object, id) {
		return object + " " + id + " is not whole"
	}
	opener, err := r.vault.Opener(anyone{})
	r.must(err)
	table, err := r.rows.Table(r.Context(), object)
	r.must(err)
	return r.differs(opener, table, r.row(object, id), r.org.Record(object, id))
}

// Keys that are put back from a backup are destroyed before anything is sealed.
func TestForgottenKeysPutBack(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, forgetPolicy)
	contact, order, inquiry := customer(org, "Ada")
	r.until("the first copy", r.equal)
	row := r.row("Contact", contact)
	r.must(r.close())
	backup, err := os.ReadFile(filepath.Join(dir, "keys", "keys.db"))
	r.must(err)
	r = open(t, org, dir, forgetPolicy)
	_, err = r.sync.Forget(t.Context(), sfsync.Who{Person: row.Persons[0]}, "request 7")
	r.must(err)
	r.must(r.close())
	r.must(os.WriteFile(filepath.Join(dir, "keys", "keys.db"), backup, 0o600))
	r = open(t, org, dir, forgetPolicy)
	if keyed, err := r.vault.Keyed(t.Context(), row.Persons); err != nil || len(keyed) != 1 {
		t.Fatalf("the backup has no key: %v", err)
	}
	r.must(r.sync.CatchUp(t.Context()))
	if d := r.away(contact, order, inquiry); d != "" {
		t.Error(d)
	}
	opener, err := r.vault.Opener(anyone{})
	r.must(err)
	table, err := r.rows.Table(t.Context(), "Contact")
	r.must(err)
	for i, cell := range row.Cells {
		if table.Columns[i].Sealed && cell.State == store.Value {
			if _, err := reveal(opener, table, row, i); fault.CodeOf(err) != fault.Forgotten {
				t.Errorf("an old sealed value: %v", err)
			}
		}
	}
}
