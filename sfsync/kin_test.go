package sfsync_test

import (
	"cmp"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

const businessPolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Account:
    purpose: [support]
    person: [Id]
    personal: {Name}
`

// Another record type may make a business of a person: nothing of the account
// stays under the key that it has until a read says whose it is.
func TestRecordTypeEmptiesAnAccount(t *testing.T) {
	t.Parallel()
	h := newHistory(t, salesforcetest.Config{}, businessPolicy)
	h.org.AddField("Account", "RecordTypeId", "string", 18)
	account := h.org.Insert("Account", map[string]any{"Name": "Byron", "RecordTypeId": "012000000000001AAA"})
	h.begin()
	hold := make(chan struct{})
	h.org.Intercept(salesforcetest.Fault{Path: collections, Hold: hold, Times: -1})
	h.org.Update("Account", account, map[string]any{"RecordTypeId": "012000000000002AAA"})
	last := h.org.Insert("Account", map[string]any{"Name": "the last"})
	h.await("the events", func() bool { return h.row("Account", last).Mark == store.Live })
	if row := h.row("Account", account); !row.Stub() || !row.Dirty {
		t.Errorf("the row is dirty %t and has %d persons, want a stub", row.Dirty, len(row.Persons))
	}
	close(hold)
	h.await("the read", h.equal)
	h.must(h.stop())
}

// Records of one Individual are of one person, also those that come to it later:
// the person that they had becomes an alias, so that a forgetting takes both.
func TestIndividualIsOnePerson(t *testing.T) {
	t.Parallel()
	h := newHistory(t, salesforcetest.Config{}, leadPolicy)
	individual := h.org.Insert("Individual", map[string]any{"LastName": "Byron"})
	same := map[string]any{"LastName": "Byron", "Company": "none", "IndividualId": individual}
	lead := h.org.Insert("Lead", same)
	delete(same, "Company")
	contact := h.org.Insert("Contact", same)
	h.begin()
	person, before := h.row("Contact", contact).Persons[0], h.row("Contact", h.id).Persons[0]
	if h.row("Lead", lead).Persons[0] != person {
		t.Error("lead and contact of one Individual are two persons")
	}
	if before == person {
		t.Error("a contact without Individual is of the same person")
	}
	h.org.Update("Contact", h.id, map[string]any{"IndividualId": individual})
	h.settle()
	if h.row("Contact", h.id).Persons[0] != person || h.aliases()[before] != person {
		t.Error("a contact that came to the Individual is still a person of its own")
	}
	if d := h.difference(); d != "" {
		t.Error(d)
	}
}

// An event that the copy's read contains says whose an order was then: what is
// made of the order later is of the customer that it has now.
func TestLateCreationMovesNoPerson(t *testing.T) {
	t.Parallel()
	h := newHistory(t, salesforcetest.Config{}, orderPolicy)
	other := h.org.Insert("Contact", map[string]any{"LastName": "other"})
	account := h.org.Insert("Account", map[string]any{"Name": "a customer"})
	long := time.Now().Add(-time.Hour).Unix()
	h.clock.Store(long)
	order := func(billTo string) string {
		return h.org.Insert("Order", map[string]any{"AccountId": account, "BillToContactId": billTo, "Status": "Draft", "EffectiveDate": "2026-01-02"})
	}
	theirs := order(h.id)
	release := h.org.HoldPublish()
	late := order(h.id)
	for i, change := range []map[string]any{{"BillToContactId": other}, {"Status": "Activated"}} {
		h.clock.Store(long + int64(i) + 1)
		h.org.Update("Order", late, change)
	}
	h.clock.Store(0)
	h.begin()
	release()
	h.await("the last event", func() bool { return h.row("Order", late).Evented })
	for _, of := range []string{late, theirs} {
		h.org.Insert("OrderItem", map[string]any{"OrderId": of, "Quantity": 1, "Description": "a present"})
	}
	h.await("the items", h.equal)
	if d := h.misfiled(); d != "" {
		t.Error(d)
	}
	h.must(h.stop())
}

// Nor does an answer that events have beaten: what took a person from the order
// between that answer and the next one is read again.
func TestLateAnswerMovesNoPerson(t *testing.T) {
	t.Parallel()
	h := newHistory(t, salesforcetest.Config{}, orderPolicy)
	other, order := h.customers()
	moved, theirs := order(h.id), order(h.id)
	held := func(path string) (asked chan struct{}, release func()) {
		asked, let := make(chan struct{}, 100), make(chan struct{})
		h.org.Intercept(salesforcetest.Fault{Path: path, Times: -1, Rewrite: func(body []byte) []byte { asked <- struct{}{}; <-let; return body }})
		release = sync.OnceFunc(func() { close(let) })
		h.Cleanup(release)
		return asked, release
	}
	asked, release := held("/results")
	h.stop = h.start()
	<-asked
	<-asked
	h.org.Update("Order", moved, map[string]any{"BillToContactId": other})
	h.await("a read of the new customer", func() bool { row := h.row("Order", moved); return !row.Stub() && !row.Dirty && len(row.Persons) > 0 })
	asked, second := held(collections)
	release()
	<-asked
	for _, of := range []string{moved, theirs} {
		item := h.org.Insert("OrderItem", map[string]any{"OrderId": of, "Quantity": 1, "Description": "a present"})
		h.await("the item", func() bool { return h.row("OrderItem", item).Mark == store.Live })
	}
	second()
	h.await("the second read", h.equal)
	if d := h.misfiled(); d != "" {
		t.Error(d)
	}
	h.must(h.stop())
}

// Nor does an answer that an overflow made void, of a customer that the order has
// had for a moment: what took that person from the order until the next answer is
// read again, though the order's own row has never said so.
func TestVoidAnswerMovesNoPerson(t *testing.T) {
	t.Parallel()
	h := newHistory(t, salesforcetest.Config{}, orderPolicy)
	other, order := h.customers()
	mine, theirs := order(h.id), order(other)
	h.begin()
	asked, void := h.holdAnswer(http.MethodPost, collections)
	for _, billTo := range []string{other, h.id} {
		h.org.GapNext("")
		h.org.Update("Order", mine, map[string]any{"BillToContactId": billTo})
		<-asked // the first of the two
	}
	_, all := h.holdAnswer(http.MethodGet, "/results")
	h.org.OverflowNext()
	h.org.Update("Order", theirs, map[string]any{"Status": "Activated"})
	later := order(other)
	h.await("the overflow", func() bool { return h.row("Order", later).Mark == store.Live })
	asked, second := h.holdAnswer(http.MethodPost, collections)
	void()
	<-asked
	item := h.org.Insert("OrderItem", map[string]any{"OrderId": mine, "Quantity": 1, "Description": "a present"})
	h.await("the item", func() bool { return h.row("OrderItem", item).Mark == store.Live })
	second()
	all()
	h.await("the item under its own person", func() bool { return wellFiled(h) })
	h.must(h.stop())
}

// One pass is enough, though the order is read when its items have been looked
// through already.
func TestCatchUpFollowsOwners(t *testing.T) {
	t.Parallel()
	h := newHistory(t, salesforcetest.Config{}, orderPolicy)
	orderChangesCustomer(h)
	h.must(h.stop())
	for order, record := range h.org.Records("Order") {
		if record["BillToContactId"] == h.other {
			h.org.Update("Order", order, map[string]any{"BillToContactId": h.id})
		}
	}
	h.org.Intercept(salesforcetest.Fault{Path: "/sobjects/Order/deleted/", Times: -1, Delay: time.Second})
	h.must(h.sync.CatchUp(t.Context()))
	if dirty := h.dirty("OrderItem"); len(dirty) > 0 {
		t.Errorf("the items %v are dirty", dirty)
	}
	if d := cmp.Or(h.difference(), h.misfiled()); d != "" {
		t.Error(d)
	}
}

// customers makes another customer, and what makes orders of one.
func (h *history) customers() (other string, order func(billTo string) string) {
	account := h.org.Insert("Account", map[string]any{"Name": "a customer"})
	return h.org.Insert("Contact", map[string]any{"LastName": "other"}), func(billTo string) string {
		return h.org.Insert("Order", map[string]any{"AccountId": account, "BillToContactId": billTo, "Status": "Draft", "EffectiveDate": "2026-01-02"})
	}
}
