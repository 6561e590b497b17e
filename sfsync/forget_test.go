package sfsync_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

const forgetPolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Contact:
    purpose: [support]
    person: [Id]
    plain: {LeadSource: {category: user.behavior}}
    personal: {FirstName, LastName, Email, MobilePhone}
  Order:
    purpose: [support]
    person: [BillToContactId]
    on_forget: keep_plain
    plain: {Status, BillToContactId}
    personal: {BillingCity, ShippingStreet: {person: [ShipToContactId]}}
  Case:
    purpose: [support]
    person: [ContactId]
    plain: {Status}
    personal: {Subject}
`

// customer inserts a contact with an order and a case, and returns their ids.
func customer(org *salesforcetest.Org, name string) (contact, order, inquiry string) {
	contact = org.Insert("Contact", map[string]any{"LastName": name, "LeadSource": "Web", "Email": "shared@example.com"})
	order = org.Insert("Order", map[string]any{"BillToContactId": contact, "ShipToContactId": contact, "Status": "Draft", "EffectiveDate": "2026-01-02", "BillingCity": "Berlin"})
	inquiry = org.Insert("Case", map[string]any{"ContactId": contact, "Status": "New", "Subject": "mine"})
	return contact, order, inquiry
}

// suppressed describes what is left of a record that must be empty and not
// owed a read, "" if nothing is. plain is how many plain values may stay.
func (r *rig) suppressed(object, id string, plain int) string {
	r.Helper()
	row := r.row(object, id)
	if row.Mark != store.Suppressed || len(row.Persons) != 0 || row.Key != 0 || row.Owners != nil || row.Dirty {
		return fmt.Sprintf("%s has the mark %d, %d persons, key %d, owners %v, dirty %v", object, row.Mark, len(row.Persons), row.Key, row.Owners, row.Dirty)
	}
	table, err := r.rows.Table(r.Context(), object)
	r.must(err)
	for i, cell := range row.Cells {
		if cell.State == store.Unset {
			continue
		}
		if plain--; table.Columns[i].Sealed || plain < 0 {
			return object + "." + table.Columns[i].Name + " is still there"
		}
	}
	return ""
}

// impersonal checks the rows of an object that were erased and not read again.
func (r *rig) impersonal(object string, plain int) {
	r.Helper()
	for row, err := range r.rows.Rows(r.Context(), object) {
		r.must(err)
		held := 0
		for _, cell := range row.Cells {
			if cell.State != store.Unset {
				held++
			}
		}
		if row.Mark != store.Suppressed || !row.Dirty || len(row.Persons) != 0 || held != plain {
			r.Errorf("%s has the mark %d, %d persons and %d values after the erasure", object, row.Mark, len(row.Persons), held)
		}
	}
}

// away says what is left of the customer, "" if nothing is that may not be.
func (r *rig) away(contact, order, inquiry string) string {
	r.Helper()
	for _, d := range []string{r.suppressed("Contact", contact, 0), r.suppressed("Order", order, 1), r.suppressed("Case", inquiry, 0)} {
		if d != "" {
			return d
		}
	}
	return ""
}

func (r *rig) whole(object, id string) bool {
	row := r.row(object, id)
	return row.Mark == store.Live && len(row.Persons) > 0 && !row.Dirty
}

func TestForget(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, forgetPolicy)
	contact, order, inquiry := customer(org, "Ada")
	other, otherOrder, _ := customer(org, "Grace")
	gift := org.Insert("Order", map[string]any{"BillToContactId": other, "ShipToContactId": contact, "Status": "Draft", "EffectiveDate": "2026-01-02", "ShippingStreet": "Ada's"})
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)

	receipt, err := r.sync.Forget(t.Context(), sfsync.Who{Record: contact}, "request 7")
	r.must(err)
	if receipt.Persons != 1 || receipt.Rows != 4 || receipt.At.IsZero() || !receipt.ResidualUntil.IsZero() {
		t.Errorf("the receipt is %+v", receipt)
	}
	r.await("the person to be away", func() bool { return r.away(contact, order, inquiry) == "" })
	r.await("the other's order to be read again", func() bool { return r.whole("Order", gift) })
	for i, cell := range r.row("Order", gift).Cells {
		if table, _ := r.rows.Table(t.Context(), "Order"); table.Columns[i].Name == "ShippingStreet" && cell.State != store.Unset {
			t.Error("the street of the forgotten person is still in the other's order")
		}
	}
	if !r.whole("Contact", other) || !r.whole("Order", otherOrder) {
		t.Error("the other person, with the same e-mail, is not whole")
	}

	org.Update("Contact", contact, map[string]any{"LastName": "Ada again"})
	org.Update("Order", order, map[string]any{"Status": "Activated"})
	later := org.Insert("Case", map[string]any{"ContactId": contact, "Status": "New", "Subject": "again"})
	marker := org.Insert("Contact", map[string]any{"LastName": "later"})
	r.await("what came after", func() bool { return r.whole("Contact", marker) && r.suppressed("Case", later, 0) == "" })
	r.await("the person to be away after events", func() bool { return r.away(contact, order, inquiry) == "" })
	again, err := r.sync.Forget(t.Context(), sfsync.Who{Record: contact}, "again")
	if err != nil || again.Persons != 0 || again.At.IsZero() {
		t.Errorf("forgotten twice: %+v, %v", again, err)
	}
	if _, err := r.sync.Forget(t.Context(), sfsync.Who{Record: "003000000000099"}, "nobody"); !errors.Is(err, fault.NotFound) {
		t.Error("nobody was forgotten:", err)
	}
	r.must(stop())
}

// Ten copies into new rows databases, over the keys that forgot.
func TestForgottenStayAway(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, forgetPolicy)
	contact, order, inquiry := customer(org, "Ada")
	other, _, _ := customer(org, "Grace")
	r.until("the first copy", r.equal)
	_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: contact}, "request 7")
	r.must(err)
	for range 10 {
		r.must(r.close())
		r.must(os.RemoveAll(filepath.Join(dir, "data")))
		r = open(t, org, dir, forgetPolicy)
		r.must(r.sync.CatchUp(t.Context()))
		if d := r.away(contact, order, inquiry); d != "" {
			t.Fatal(d)
		}
		if !r.whole("Contact", other) {
			t.Fatal("the other person is not whole")
		}
	}
}

// A process that ended after any step is gone on with by the next session.
func TestForgetResumed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		play func(r *rig, persons []crypto.Person) error
	}{
		{"buried", func(r *rig, persons []crypto.Person) error { return nil }},
		{"keys destroyed", func(r *rig, persons []crypto.Person) error {
			_, err := r.vault.Forget(r.Context(), persons...)
			return err
		}},
		{"rows erased", func(r *rig, persons []crypto.Person) error {
			_, err := r.vault.Forget(r.Context(), persons...)
			r.must(err)
			_, err = r.rows.Erase(r.Context(), persons, []string{"Order"})
			r.must(err)
			r.impersonal("Order", 1)
			r.impersonal("Contact", 0)
			return r.rows.Bury(r.Context(), persons, audit.Entry{Time: time.Now(), Kind: audit.KindForget})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
			r := open(t, org, dir, forgetPolicy)
			contact, order, inquiry := customer(org, "Ada")
			r.until("the first copy", r.equal)
			persons, err := r.vault.Persons(t.Context(), crypto.Person{}, contact)
			r.must(err)
			r.must(r.rows.Bury(t.Context(), persons, audit.Entry{Time: time.Now(), Kind: audit.KindForget}))
			r.must(c.play(r, persons))
			r.must(r.close())
			r = open(t, org, dir, forgetPolicy)
			r.must(r.sync.CatchUp(t.Context()))
			if d := r.away(contact, order, inquiry); d != "" {
				t.Error(d)
			}
			if _, left, err := r.rows.Buried(t.Context()); err != nil || len(left) != 0 {
				t.Errorf("%d persons are not done with: %v", len(left), err)
			}
			if left, err := r.vault.Persons(t.Context(), crypto.Person{}, contact); err != nil || len(left) != 0 {
				t.Errorf("the keys still know %d persons: %v", len(left), err)
			}
		})
	}
}

func TestForgetIsAChange(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), forgetPolicy)
	contact, _, _ := customer(org, "Ada")
	r.until("the first copy", r.equal)
	_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: contact}, "request 7")
	r.must(err)
	r.next(store.OpForget, func(b *sfsync.Batch) {
		for _, row := range b.Rows() {
			for _, cell := range row.Cells {
				if cell.State != store.Unset && row.ID == contact {
					t.Error("the change has a value")
				}
			}
		}
		r.must(b.Ack(t.Context()))
	})
}

// Pairs that share an e-mail and a phone are two persons: the one who stays is
// whole, and found by both.
func TestForgetOneOfAPair(t *testing.T) {
	t.Parallel()
	pairs := 100
	if long() {
		pairs = 1000
	}
	if testing.Short() {
		pairs = 20
	}
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), strings.Replace(forgetPolicy, "Email, MobilePhone", "Email: {find: email}, MobilePhone: {find: phone}", 1))
	ids := make([]string, 2*pairs)
	for i := range ids {
		ids[i] = org.Insert("Contact", map[string]any{"LastName": "pair", "Email": fmt.Sprintf("%d@example.com", i/2), "MobilePhone": fmt.Sprintf("+4930%07d", i/2)})
	}
	r.until("the first copy", r.equal)
	for i := 0; i < len(ids); i += 2 {
		_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: ids[i]}, "request")
		r.must(err)
	}
	r.must(r.sync.CatchUp(t.Context()))
	opener, err := r.vault.Opener(anyone{})
	r.must(err)
	table, err := r.rows.Table(t.Context(), "Contact")
	r.must(err)
	org.Update("Contact", ids[1], map[string]any{"LastName": "still followed"})
	r.must(r.sync.CatchUp(t.Context()))
	want := maps.Collect(org.Records("Contact"))
	for i, id := range ids {
		if i%2 == 0 {
			if d := r.suppressed("Contact", id, 0); d != "" {
				t.Fatal(d)
			}
		} else if d := r.differs(opener, table, r.row("Contact", id), want[id]); !r.whole("Contact", id) || d != "" {
			t.Fatalf("the other of pair %d is not whole: %s", i/2, d)
		}
		for field, kind := range map[string]crypto.IndexType{"Email": crypto.EmailIndex, "MobilePhone": crypto.PhoneIndex} {
			if got := r.places(kind, want[id][field]); !slices.Equal(got, []string{"Contact." + field + " of " + ids[i|1]}) {
				t.Fatalf("by %s of pair %d is found %q, want the other alone", field, i/2, got)
			}
		}
	}
}

func TestReceipt(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, c := range []struct {
		name string
		h    sfsync.Horizon
		want time.Duration // 0: unknown
	}{
		{"nothing said", sfsync.Horizon{}, 0},
		{"consumers not said", sfsync.Horizon{KeyBackups: day, RowBackups: sfsync.None}, 0},
		{"the longest", sfsync.Horizon{KeyBackups: day, RowBackups: 7 * day, Consumers: 3 * day}, 7 * day},
		{"no copies: the age of keys in memory", sfsync.Horizon{KeyBackups: sfsync.None, RowBackups: sfsync.None, Consumers: sfsync.None}, time.Minute},
	} {
		now := time.Now()
		want := time.Time{}
		if c.want != 0 {
			want = now.Add(c.want)
		}
		if got := c.h.After(now, time.Minute); !got.Equal(want) {
			t.Errorf("%s: %v, want %v", c.name, got, want)
		}
	}
}
