package salesforcetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Churn goes on changing records as a shop's day does, until ctx ends: half of
// the transactions change a contact, the others place and ship orders, open
// and close cases, bring new customers and delete a case now and then. It
// returns nil when ctx ends.
func (o *Org) Churn(ctx context.Context, perSecond int) error {
	if perSecond < 1 {
		return errors.New("salesforcetest: Churn needs at least one change a second")
	}
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	r := rand.New(rand.NewPCG(o.cfg.Seed, uint64(o.now().UnixNano())))
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := o.Transaction(func(tx *Tx) error { return o.turn(tx, r) }); err != nil && !locked(err) {
			return err
		}
	}
}

// locked reports a record that another transaction holds or deleted first:
// that happens on a busy day.
func locked(err error) bool {
	var e *refusal
	return errors.As(err, &e) && (e.code == "UNABLE_TO_LOCK_ROW" || e.code == "ENTITY_IS_DELETED" || e.code == "NOT_FOUND")
}

// turn does one of the things that happen.
func (o *Org) turn(tx *Tx, r *rand.Rand) error {
	contact, fields := o.any(r, "Contact")
	p := o.person(o.Count("Contact") + r.IntN(1<<30))
	switch n := r.IntN(100); {
	case n < 50 && contact != "":
		return tx.Update("Contact", contact, pickOne(r, []map[string]any{{"MobilePhone": p.mobile}, {"Loyalty_Tier__c": "Gold"},
			{"MailingStreet": p.street, "MailingCity": p.city}, {"HasOptedOutOfEmail": r.IntN(2) == 0}, {"Phone": nil}}))
	case n < 65 && contact != "":
		return o.place(tx, p, fields["AccountId"], contact)
	case n < 75:
		if order, _ := o.any(r, "Order"); order != "" {
			return tx.Update("Order", order, map[string]any{"Status": "Activated"})
		}
	case n < 85 && contact != "":
		_, err := tx.Insert("Case", p.ticket(fields["AccountId"], contact))
		return err
	case n < 92:
		if id, _ := o.any(r, "Case"); id != "" {
			return tx.Update("Case", id, map[string]any{"Status": "Closed"})
		}
	case n < 94:
		if id, _ := o.any(r, "Case"); id != "" {
			return tx.Delete("Case", id)
		}
	}
	account, err := tx.Insert("Account", o.known("Account", p.account()))
	if err != nil {
		return err
	}
	_, err = tx.Insert("Contact", o.known("Contact", p.contact(account)))
	return err
}

// known leaves out the fields that the org's object does not have.
func (o *Org) known(object string, fields map[string]any) map[string]any {
	for name := range fields {
		if obj := o.object(object); obj == nil || obj.field(name) == nil {
			delete(fields, name)
		}
	}
	return fields
}

func (o *Org) place(tx *Tx, p *person, account, contact string) error {
	order, err := tx.Insert("Order", o.known("Order", p.order(account, contact, o.now())))
	if err != nil {
		return err
	}
	product, _ := o.any(p.random, "Product2")
	_, err = tx.Insert("OrderItem", map[string]any{"OrderId": order, "Product2Id": product, "Quantity": 1 + p.random.IntN(3),
		"UnitPrice": cents(199 + p.random.IntN(9000))})
	return err
}

// any picks a live record, "" if it finds none.
func (o *Org) any(r *rand.Rand, object string) (string, map[string]string) {
	obj := o.object(object)
	if obj == nil {
		return "", nil
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	rows := o.rows(obj)
	for range 20 {
		if len(rows) == 0 {
			break
		}
		if found := rows[r.IntN(len(rows))]; found != nil && found.deleted == 0 {
			return recordID(obj.KeyPrefix, found.serial), found.fields(obj)
		}
	}
	return "", nil
}
