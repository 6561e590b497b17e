package sfsync_test

import (
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

const plainPolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Contact:
    purpose: [support]
    person: [Id]
    personal: {LastName}
  Order:
    purpose: [support]
    person: [BillToContactId]
    on_forget: keep_plain
    plain: {Status, BillToContactId, ShipToContactId, OwnerId}
    personal: {BillingCity}
`

// plain are the plain values that a row has, by column.
func (r *rig) plain(object, id string) map[string]string {
	r.Helper()
	table, err := r.rows.Table(r.Context(), object)
	r.must(err)
	values := map[string]string{}
	for i, cell := range r.row(object, id).Cells {
		if !table.Columns[i].Sealed && cell.State == store.Value {
			values[table.Columns[i].Name] = string(cell.Bytes)
		}
	}
	return values
}

// erased forgets in the databases alone, without the read that follows.
func (r *rig) erased(record string) {
	r.Helper()
	persons, err := r.vault.Persons(r.Context(), crypto.Person{}, record)
	r.must(err)
	r.must(r.rows.Bury(r.Context(), persons, audit.Entry{Time: time.Now(), Kind: audit.KindForget}))
	_, err = r.vault.Forget(r.Context(), persons...)
	r.must(err)
	_, err = r.rows.Erase(r.Context(), persons, []string{"Order"})
	r.must(err)
}

// TestKeptPlainLinksToNobody: of a record about the person stays what is plain,
// without any id of a record that is or may be a person's.
func TestKeptPlainLinksToNobody(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), plainPolicy)
	contact := org.Insert("Contact", map[string]any{"LastName": "Ada"})
	order := org.Insert("Order", map[string]any{"BillToContactId": contact, "ShipToContactId": contact, "Status": "Draft", "EffectiveDate": "2026-01-02"})
	r.until("the first copy", r.equal)
	r.erased(contact)
	for range 2 {
		if got := r.plain("Order", order); got["Status"] != "Draft" || got["OwnerId"] == "" || got["BillToContactId"]+got["ShipToContactId"] != "" {
			t.Errorf("%v stays, dirty %v", got, r.row("Order", order).Dirty)
		}
		r.must(r.sync.CatchUp(t.Context())) // reads it again
	}
}

// TestNothingPlainIsKeptOfThePerson: a record that no reference says to be
// somebody else's is the person.
func TestNothingPlainIsKeptOfThePerson(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), plainPolicy)
	order := org.Insert("Order", map[string]any{"Status": "Draft", "EffectiveDate": "2026-01-02", "BillingCity": "Berlin"})
	r.until("the first copy", r.equal)
	r.erased(order)
	if got := r.plain("Order", order); len(got) > 0 {
		t.Errorf("erased, it keeps %v", got)
	}
	r.must(r.sync.CatchUp(t.Context()))
	if d := r.suppressed("Order", order, 0); d != "" {
		t.Error(d)
	}
}

// TestKeptPlainIsFollowed: what stays of a record goes on being a copy.
func TestKeptPlainIsFollowed(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), plainPolicy)
	contact := org.Insert("Contact", map[string]any{"LastName": "Ada"})
	order := org.Insert("Order", map[string]any{"BillToContactId": contact, "Status": "Draft", "EffectiveDate": "2026-01-02"})
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: contact}, "request 7")
	r.must(err)
	r.await("the person to be away", func() bool { return r.suppressed("Order", order, 2) == "" })
	seq := r.row("Order", order).Seq
	org.Update("Order", order, map[string]any{"BillingCity": "Paris"})
	org.Update("Order", order, map[string]any{"Status": "Activated"})
	r.await("the new status", func() bool { return r.plain("Order", order)["Status"] == "Activated" && !r.row("Order", order).Dirty })
	if now := r.row("Order", order); now.Mark != store.Suppressed || now.Seq <= seq {
		t.Errorf("the row has the mark %d and the Seq %d, before %d", now.Mark, now.Seq, seq)
	}
	r.must(stop())
}
