package sfsync_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// isHeld reports whether nothing but whose it is is kept of a record, and that
// no read of it is owed.
func (r *rig) isHeld(object, id string) bool {
	r.Helper()
	row := r.row(object, id)
	for _, cell := range row.Cells {
		if cell.State != store.Unset {
			return false
		}
	}
	return row.Mark == store.Held && row.Key == 0 && !row.Dirty
}

// heldRecords are the ids of the records that are held.
func (r *rig) heldRecords() (ids []string) {
	r.Helper()
	list, err := r.sync.Held(r.Context())
	r.must(err)
	for _, link := range list {
		ids = append(ids, link.Record)
	}
	return ids
}

// Whoever comes with the address of somebody forgotten is held: by an event, by
// a first copy, by an update. A phone number holds nobody.
func TestHeld(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, findPolicy)
	ada := org.Insert("Contact", map[string]any{"LastName": "Ada", "Email": "ada@example.com", "MobilePhone": "+14155550100"})
	ben := org.Insert("Contact", map[string]any{"LastName": "Ben", "Email": "ben@example.com"})
	stop := r.start()
	r.await("the first copy", r.equal)
	_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: ada}, "request 7")
	r.must(err)

	again := org.Insert("Contact", map[string]any{"LastName": "Ada B.", "Email": " ADA@example.com", "Description": "signed up again"})
	phone := org.Insert("Contact", map[string]any{"LastName": "Household", "MobilePhone": "+14155550100"})
	inquiry := org.Insert("Case", map[string]any{"ContactId": ben, "Status": "New", "Subject": "hers", "SuppliedEmail": "ada@example.com"})
	org.Update("Contact", ben, map[string]any{"Email": "ada@example.com"})
	all := []string{again, ben, inquiry}
	slices.Sort(all)
	await := func(what string) {
		t.Helper()
		r.await(what, func() bool {
			return r.isHeld("Contact", again) && r.isHeld("Contact", ben) && r.isHeld("Case", inquiry) && r.whole("Contact", phone)
		})
		if got := r.heldRecords(); !slices.Equal(got, all) {
			t.Errorf("%s: held are %v, want %v", what, got, all)
		}
		if found := r.places(crypto.EmailIndex, "ada@example.com"); len(found) != 0 {
			t.Errorf("%s: the address is found in %v", what, found)
		}
	}
	await("three to be held")
	org.Update("Contact", again, map[string]any{"Description": "nothing of this is kept"})
	org.Update("Contact", phone, map[string]any{"Description": "after it"})
	r.await("the later update", func() bool { return r.row("Contact", phone).Evented })
	await("an event of something else")

	org.Update("Contact", ben, map[string]any{"Email": "ben@example.com"})
	r.await("another address to let go", func() bool { return r.whole("Contact", ben) })
	org.Update("Contact", ben, map[string]any{"Email": "ada@example.com"})
	await("the address to hold again")
	drift, err := r.sync.Reconcile(t.Context())
	r.must(err)
	if n := drift["Contact"].Total() + drift["Case"].Total(); n != 0 {
		t.Errorf("held records count as drift: %+v", drift)
	}
	await("a reconcile")
	r.must(stop())
	if sums := r.sums(audit.KindHold); sums["Contact//sync"] < 2 || sums["Case//sync"] < 1 {
		t.Errorf("the ledger says of held records %v", sums)
	}
	r.must(r.close())

	r.must(os.RemoveAll(filepath.Join(dir, "data"))) // the keys remember
	r = open(t, org, dir, findPolicy)
	r.must(r.sync.CatchUp(t.Context()))
	await("another first copy")
}

// Forget of a held record makes it stay away; Lift brings it back, and all others
// with its address, but not whoever was forgotten.
func TestHeldSettled(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, findPolicy)
	ada := org.Insert("Contact", map[string]any{"LastName": "Ada", "Email": "ada@example.com"})
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: ada}, "request 7")
	r.must(err)
	var ids [4]string
	for i := range ids[:3] {
		ids[i] = org.Insert("Contact", map[string]any{"LastName": "Ada again", "Email": "ada@example.com"})
	}
	r.await("three to be held", func() bool {
		return r.isHeld("Contact", ids[0]) && r.isHeld("Contact", ids[1]) && r.isHeld("Contact", ids[2])
	})

	_, err = r.sync.Forget(t.Context(), sfsync.Who{Record: ids[0]}, "it is her")
	r.must(err)
	r.await("the confirmed one to be away", func() bool { return r.suppressed("Contact", ids[0], 0) == "" })
	if got := r.heldRecords(); !slices.Equal(got, ids[1:3]) {
		t.Errorf("held are %v, want %v", got, ids[1:3])
	}

	_, err = r.sync.Lift(t.Context(), ids[1], "another woman with her old address")
	r.must(err)
	r.await("the others to be back", func() bool { return r.whole("Contact", ids[1]) && r.whole("Contact", ids[2]) })
	ids[3] = org.Insert("Contact", map[string]any{"LastName": "Late", "Email": "ada@example.com"})
	r.await("a later one not to be held", func() bool { return r.whole("Contact", ids[3]) })
	if got := r.heldRecords(); len(got) != 0 {
		t.Errorf("held are %v after the address was lifted", got)
	}
	for _, id := range []string{ada, ids[0]} {
		if d := r.suppressed("Contact", id, 0); d != "" {
			t.Error("after an address was lifted:", d)
		}
	}
}

// An address that somebody else has is no sign of the forgotten; once the other
// is forgotten too, it is.
func TestSharedAddressHoldsNobody(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), findPolicy)
	var ids [4]string
	insert := func(i int) {
		ids[i] = org.Insert("Contact", map[string]any{"LastName": "N", "Email": "family@example.com"})
	}
	insert(0)
	insert(1)
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	forget := func(i int) {
		t.Helper()
		_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: ids[i]}, "request")
		r.must(err)
	}
	forget(0)
	insert(2)
	r.await("a third with it", func() bool { return r.whole("Contact", ids[2]) })
	forget(1)
	forget(2)
	insert(3)
	r.await("the fourth to be held", func() bool { return r.isHeld("Contact", ids[3]) })
}

// TestSharedAddressDuringReindex: while the index is under two keys, an address
// that another person has, under the one from before, is still shared.
func TestSharedAddressDuringReindex(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), findPolicy)
	family := map[string]any{"LastName": "N", "Email": "family@example.com"}
	first, second := org.Insert("Contact", family), org.Insert("Contact", family)
	r.until("the first copy", r.equal)
	r.must(r.vault.RenewIndex(t.Context(), crypto.EmailIndex))
	org.Update("Contact", first, map[string]any{"Email": "alone@example.com"})
	r.until("another address", r.equal)
	org.Update("Contact", first, family)
	r.until("the address again, under the new key", r.equal)
	_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: first}, "request")
	r.must(err)
	third := org.Insert("Contact", family)
	r.until("a third with it", func() bool {
		return r.whole("Contact", second) && (r.whole("Contact", third) || r.isHeld("Contact", third))
	})
	if r.isHeld("Contact", third) {
		t.Error("a record is held for an address that somebody has who is not forgotten")
	}
}
