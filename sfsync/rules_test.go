package sfsync_test

import (
	"cmp"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Each history is one that a client without the named rule gets wrong: it is
// played twice, and the copy must equal the org with the rule and must not
// without it.
func TestRules(t *testing.T) {
	t.Parallel()
	for _, h := range []struct {
		rule    string
		without []string // other rules off in both plays, to isolate this one
		policy  string
		cfg     salesforcetest.Config
		play    func(h *history)
		right   func(h *history) bool // nil: the copy equals the org
	}{
		{rule: "read loses to event", policy: contactPolicy, play: readMeetsUpdate},
		{rule: "dirty applies events", policy: contactPolicy, play: readMeetsUpdate},
		{rule: "read clears dirty", policy: contactPolicy, play: updateOfDirty},
		{rule: "gone mark", policy: contactPolicy, play: readMeetsDelete},
		{rule: "delta without row", policy: contactPolicy, play: deltaForUnknown},
		{rule: "person change", policy: casePolicy, play: caseChangesContact, right: sameAsNewContact},
		{rule: "follow moves", policy: orderPolicy, play: orderChangesCustomer, right: wellFiled},
		{rule: "alias merged", policy: casePolicy + contactToo, play: contactsMerge, right: mergedPersons},
		{rule: "rename accounts", policy: personPolicy, play: personIsRenamed, right: wellFiled,
			cfg: salesforcetest.Config{PersonAccounts: true, PubSub: salesforcetest.PubSub{ContactNames: true}}},
		{rule: "hidden is not null", policy: contactPolicy, play: hiddenUpdate},
		{rule: "floor voids reads", policy: contactPolicy, play: overflowDuringRead},
		{rule: "young stamp", policy: contactPolicy, play: stampAheadOfCommit},
		{rule: "skip strictly older", without: []string{"young stamp"}, policy: contactPolicy, play: twoChangesInASecond},
		{rule: "position trails", policy: enriched, play: siblings},
		{rule: "gap repeats", policy: contactPolicy, play: readOlderThanGap},
		{rule: "position first", policy: contactPolicy, play: changeBeforePosition,
			cfg: salesforcetest.Config{PubSub: salesforcetest.PubSub{KeepAlive: 100 * time.Millisecond, FirstResponse: 10 * time.Second}}},
	} {
		t.Run(h.rule, func(t *testing.T) {
			t.Parallel()
			right := h.right
			if right == nil {
				right = func(h *history) bool { return h.equal() }
			}
			with := newHistory(t, h.cfg, h.policy, h.without...)
			h.play(with)
			with.settle()
			if !right(with) {
				t.Errorf("with the rule: %s", with.difference())
			}
			without := newHistory(t, h.cfg, h.policy, append(h.without, h.rule)...)
			h.play(without)
			without.settle()
			if right(without) {
				t.Error("without the rule nothing is lost: the history does not show what the rule is for")
			}
		})
	}
}

// history is a running copy and the record that the play is about.
type history struct {
	*rig
	bus   salesforcetest.PubSub // how it was set at first
	clock atomic.Int64          // of the org, unix seconds; 0: the real one
	stop  func() error
	id    string
	other string
	off   []string // rules

	persons []crypto.Person
}

func newHistory(t *testing.T, cfg salesforcetest.Config, policy string, off ...string) *history {
	h := &history{off: off}
	cfg.Now = func() time.Time {
		if at := h.clock.Load(); at != 0 {
			return time.Unix(at, 0)
		}
		return time.Now()
	}
	cfg.PubSub.KeepAlive = cmp.Or(cfg.PubSub.KeepAlive, 100*time.Millisecond)
	h.bus = cfg.PubSub
	org := newOrg(t, cfg)
	h.rig = open(t, org, t.TempDir(), policy)
	h.sync.Disable(off...)
	h.id = org.Insert("Contact", map[string]any{"LastName": "first", "Email": "a@example.com"})
	return h
}

// begin runs the copy until the first copy is complete.
func (h *history) begin() {
	h.stop = h.start()
	h.Cleanup(func() { h.stop() })
	h.await("the first copy", h.equal)
}

// settle waits until the stream has been applied and no debt is left: a new
// record has been read, no row is dirty and no read of all is owed.
func (h *history) settle() {
	h.Helper()
	h.await("a position", func() bool {
		for _, topic := range h.sync.Status().Topics {
			if topic.AsOf.IsZero() {
				return false
			}
		}
		return true
	})
	object := h.policy.ObjectNames()[0]
	fields := map[string]any{"LastName": "sentinel"}
	if object == "Case" {
		fields = map[string]any{"Subject": "sentinel", "Status": "New"}
	}
	if object == "Account" {
		fields = map[string]any{"Name": "sentinel"}
	}
	if object == "Order" {
		account := h.org.Insert("Account", map[string]any{"Name": "sentinel"})
		fields = map[string]any{"AccountId": account, "Status": "Draft", "EffectiveDate": "2026-01-02"}
	}
	h.org.GapNext("") // so that it comes by the one worker that re-reads
	sentinel := h.org.Insert(object, fields)
	h.await("quiet", func() bool {
		for _, o := range h.sync.Status().Objects {
			if o.Owed {
				return false
			}
		}
		row := h.row(object, sentinel)
		for _, object := range h.policy.ObjectNames() {
			if len(h.dirty(object)) > 0 {
				return false
			}
		}
		return row.Mark == store.Live && !row.Stub()
	})
	if err := h.stop(); err != nil {
		h.Fatal(err)
	}
}

// holdAnswer keeps back the answer to the next call of a path, computed before,
// until the returned function lets it go. asked is closed once it is held.
func (h *history) holdAnswer(method, path string) (asked chan struct{}, release func()) {
	asked, let := make(chan struct{}), make(chan struct{})
	h.org.Intercept(salesforcetest.Fault{Method: method, Path: path, Rewrite: func(body []byte) []byte {
		close(asked)
		<-let
		return body
	}})
	var once sync.Once
	release = func() { once.Do(func() { close(let) }) }
	h.Cleanup(release)
	return asked, release
}

const collections = "/composite/sobjects/"

// dirtyThenHold makes the record dirty by a gap event and holds the answer of
// its re-read, which has the values before the play's own change.
func (h *history) dirtyThenHold() (release func()) {
	asked, release := h.holdAnswer(http.MethodPost, collections)
	h.org.GapNext("")
	h.org.Update("Contact", h.id, map[string]any{"LastName": "second"})
	<-asked
	return release
}

func readMeetsUpdate(h *history) {
	h.begin()
	release := h.dirtyThenHold()
	h.org.Update("Contact", h.id, map[string]any{"Email": "b@example.com"})
	h.passed()
	release()
}

// updateOfDirty: an event comes of a record that an earlier one has made dirty,
// before any read of it has begun: both wait while the copy is stopped.
func updateOfDirty(h *history) {
	h.begin()
	h.must(h.stop())
	h.org.GapNext("")
	h.org.Update("Contact", h.id, map[string]any{"LastName": "in the gap"})
	h.org.Update("Contact", h.id, map[string]any{"Email": "b@example.com"})
	h.stop = h.start()
}

func readMeetsDelete(h *history) {
	h.begin()
	release := h.dirtyThenHold()
	h.org.Delete("Contact", h.id)
	h.passed()
	release()
}

// passed waits until the events published so far have been applied: a later
// insert has come through.
func (h *history) passed() {
	h.Helper()
	later := h.org.Insert("Contact", map[string]any{"LastName": "later"})
	h.await("the event", func() bool { return h.row("Contact", later).Mark == store.Live })
}

func deltaForUnknown(h *history) {
	h.begin()
	h.org.LoseNext()
	lost := h.org.Insert("Contact", map[string]any{"LastName": "unseen"})
	h.org.Update("Contact", lost, map[string]any{"Email": "seen@example.com"})
}

func caseChangesContact(h *history) {
	h.other = h.org.Insert("Contact", map[string]any{"LastName": "other"})
	h.id = h.org.Insert("Case", map[string]any{"ContactId": h.id, "Subject": "mine", "Status": "New"})
	h.begin()
	h.org.Update("Case", h.id, map[string]any{"ContactId": h.other, "Subject": "theirs"})
	h.other = h.org.Insert("Case", map[string]any{"ContactId": h.other, "Subject": "second", "Status": "New"})
}

// sameAsNewContact: both cases of the contact are sealed for one person.
func sameAsNewContact(h *history) bool {
	return h.equal() && slices.Equal(h.row("Case", h.id).Persons, h.row("Case", h.other).Persons)
}

const orderPolicy = `
version: 1
purposes: {fulfilment: "pack, ship and bill an order"}
objects:
  Order:
    purpose: [fulfilment]
    person: [BillToContactId, AccountId]
    plain: {Status}
    personal: {BillingCity}
  OrderItem:
    purpose: [fulfilment]
    person: [OrderId]
    plain: {Quantity}
    personal: {Description}
`

// orderChangesCustomer: an order becomes another customer's, and its item with
// it, of which no event tells.
func orderChangesCustomer(h *history) {
	h.other = h.org.Insert("Contact", map[string]any{"LastName": "other"})
	account := h.org.Insert("Account", map[string]any{"Name": "a customer"})
	order := func(billTo string) string {
		return h.org.Insert("Order", map[string]any{"AccountId": account, "BillToContactId": billTo, "Status": "Draft", "EffectiveDate": "2026-01-02"})
	}
	item := func(order string) {
		h.org.Insert("OrderItem", map[string]any{"OrderId": order, "Quantity": 1, "Description": "a present"})
	}
	mine, theirs := order(h.id), order(h.other)
	item(mine)
	item(theirs)
	item(order(h.id))
	h.begin()
	h.org.Update("Order", mine, map[string]any{"BillToContactId": h.other})
}

// wellFiled: nothing lies under the key of somebody whom it is not about.
func wellFiled(h *history) bool { return h.equal() && h.misfiled() == "" }

func hiddenUpdate(h *history) {
	h.begin()
	hold := make(chan struct{})
	h.org.Intercept(salesforcetest.Fault{Path: collections, Hold: hold})
	h.org.HideField("Contact", "Email")
	h.org.Update("Contact", h.id, map[string]any{"Email": "hidden@example.com"})
	h.passed()
	h.org.ShowField("Contact", "Email")
	close(hold)
}

func overflowDuringRead(h *history) {
	asked, release := h.holdAnswer(http.MethodGet, "/results")
	h.stop = h.start()
	h.Cleanup(func() { h.stop() })
	<-asked
	h.org.OverflowNext()
	h.org.Update("Contact", h.id, map[string]any{"LastName": "in the overflow"})
	h.passed()
	release()
}

// stampAheadOfCommit: the stamp of a change is taken by a clock ahead of the
// one that dates commits, so a later change commits before the stamp.
func stampAheadOfCommit(h *history) {
	h.begin()
	h.org.SetCommitLag(-30 * time.Second)
	h.org.GapNext("")
	h.org.Update("Contact", h.id, map[string]any{"LastName": "read again"})
	h.await("the re-read", h.equal)
	h.org.SetCommitLag(0)
	h.org.Update("Contact", h.id, map[string]any{"LastName": "committed before the stamp"})
}

// twoChangesInASecond: the second of two changes in one second comes after a
// read that saw the first.
func twoChangesInASecond(h *history) {
	h.begin()
	h.clock.Store(time.Now().Unix() + 5)
	h.org.GapNext("")
	h.org.Update("Contact", h.id, map[string]any{"LastName": "read again"})
	h.await("the re-read", h.equal)
	h.org.Update("Contact", h.id, map[string]any{"LastName": "in the same second"})
	h.passed()
	h.clock.Store(0)
}

// changeBeforePosition: a change after the read of all records and before the
// topic's first response, which brings the position.
func changeBeforePosition(h *history) {
	h.stop = h.start()
	h.Cleanup(func() { h.stop() })
	// With the rule the read waits for the position; without it the read is
	// over long before the topic's first response.
	for deadline := time.Now().Add(8 * time.Second); !h.equal() && time.Now().Before(deadline); runtime.Gosched() {
	}
	h.org.Update("Contact", h.id, map[string]any{"LastName": "before the position"})
}
