package sfsync_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// giftPolicy has a field with a person of its own, whose records it does not keep.
const giftPolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Order:
    purpose: [support]
    person: [BillToContactId]
    plain: {Status}
    personal: {BillingCity, ShippingStreet: {person: [ShipToContactId]}}
`

// gift inserts an order of one contact that goes to another.
func gift(org *salesforcetest.Org) (receiver, order string) {
	giver := org.Insert("Contact", map[string]any{"LastName": "Grace"})
	receiver = org.Insert("Contact", map[string]any{"LastName": "Ada"})
	return receiver, org.Insert("Order", map[string]any{"BillToContactId": giver, "ShipToContactId": receiver, "Status": "Draft",
		"EffectiveDate": "2026-01-02", "BillingCity": "Berlin", "ShippingStreet": "Ada's"})
}

// street is the state of the cell that has a person of its own.
func (r *rig) street(order string) store.CellState {
	r.Helper()
	table, err := r.rows.Table(r.Context(), "Order")
	r.must(err)
	for i, cell := range r.row("Order", order).Cells {
		if table.Columns[i].Name == "ShippingStreet" {
			return cell.State
		}
	}
	return store.Unset
}

// TestForgetField: a field of somebody forgotten in another's row is gone, for
// consumers too; the row is kept up to date by events, and a lift brings it back.
func TestForgetField(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), giftPolicy)
	receiver, order := gift(org)
	r.until("the first copy", r.equal)
	_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: receiver}, "request 7")
	r.must(err)
	r.next(store.OpRead, func(b *sfsync.Batch) {
		text, err := json.Marshal(b)
		r.must(err)
		if !strings.Contains(string(text), `"ShippingStreet":null`) {
			t.Errorf("consumers are not told that the field is gone: %s", text)
		}
		r.must(b.Ack(t.Context()))
	})
	if !r.whole("Order", order) || r.street(order) != store.Unset {
		t.Fatal("the row of the other is not whole, or the field is still there")
	}

	before := r.row("Order", order)
	org.Update("Order", order, map[string]any{"Status": "Activated", "ShippingStreet": "Ada's other"})
	changed := func() bool { return r.row("Order", order).Seq > before.Seq }
	r.until("the update", changed)
	if now := r.row("Order", order); !r.whole("Order", order) || !now.Evented || now.Base != before.Base || r.street(order) != store.Unset {
		t.Errorf("the event was not applied to the row as it is: dirty %v, evented %v", now.Dirty, now.Evented)
	}

	_, err = r.sync.Lift(t.Context(), receiver, "a mistake")
	r.must(err)
	r.until("the field to be back", r.equal)
}
