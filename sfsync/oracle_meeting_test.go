package sfsync_test

import (
	"slices"
	"sync"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// meetings are changes at the worst moment: while an answer is under way that
// was computed before them.
var meetings = []step{
	{"update meets re-read", 2, func(t *trial) string { return t.meetsReread((*salesforcetest.Tx).Update) }},
	{"delete meets re-read", 2, func(t *trial) string {
		return t.meetsReread(func(tx *salesforcetest.Tx, object, id string, _ map[string]any) error { return tx.Delete(object, id) })
	}},
	{"refused re-read", 2, (*trial).refusedReread},
	{"overflow meets read", 2, (*trial).overflowMeetsRead},
	{"insert meets read", 2, (*trial).insertMeetsRead},
	{"change of person", 2, (*trial).changeOfPerson},
	{"person renamed", 1, func(t *trial) string { return t.write((*trial).rename) }},
	{"update of unknown", 2, (*trial).updateOfUnknown},
	{"update after gap", 2, (*trial).updateAfterGap},
}

// during makes the copy ask for something, and lets something happen when the
// answer has been computed and has not come.
func (t *trial) during(path string, ask func(), happen func()) {
	asked, release, once := make(chan struct{}), make(chan struct{}), sync.Once{}
	disarm := t.org.Intercept(salesforcetest.Fault{Path: path, Rewrite: func(body []byte) []byte {
		once.Do(func() { close(asked) })
		<-release
		return body
	}})
	defer disarm()
	defer close(release)
	ask()
	select {
	case <-asked:
	case <-time.After(time.Second): // something else is wrong
	}
	happen()
}

// followed picks a record of an object that is followed by events, and values
// for it of which the policy keeps some; "" if there is none or if another
// transaction might hold it.
func (t *trial) followed() (object, id string, values map[string]any) {
	for range 20 {
		object = t.object()
		values = t.values(object, false)
		if object != t.policy.polled && len(t.open) == 0 && slices.ContainsFunc(stock, func(f stocked) bool {
			_, drawn := values[f.name]
			return drawn && f.object == object && t.policy.names(f)
		}) {
			return object, t.any(object), values
		}
	}
	return object, "", nil
}

func (t *trial) meetsReread(change func(*salesforcetest.Tx, string, string, map[string]any) error) string {
	object, id, values := t.followed()
	if id == "" {
		return ""
	}
	t.ready()
	t.during(collections, func() { t.must(t.org.Gap(object, salesforcetest.Update, id)) }, func() {
		t.hears(id, func() {
			t.write(func(t *trial, tx *salesforcetest.Tx) string { return done(id, change(tx, object, id, values)) })
		})
	})
	if t.org.Record(object, id) == nil {
		t.deleted[object] = append(t.deleted[object], id)
	}
	return object + " " + id
}

// refusedReread refuses the one call that reads a record by its id.
func (t *trial) refusedReread() string {
	object, id, _ := t.followed()
	if id == "" {
		return ""
	}
	t.ready()
	did := t.arm(salesforcetest.Fault{Path: collections, Status: 403, Code: "REQUEST_LIMIT_EXCEEDED"})
	t.must(t.org.Gap(object, salesforcetest.Update, id))
	t.commits(100 * time.Millisecond)
	return did + id
}

// overflowMeetsRead loses a change while a read is under way that has passed
// its record.
func (t *trial) overflowMeetsRead() string {
	object, id, values := t.followed()
	if id == "" {
		return ""
	}
	t.ready()
	t.during("/results", func() { t.lose(object, id, t.values(object, false)) }, func() {
		t.lose(object, id, values)
		t.commits(100 * time.Millisecond)
		t.commits(100 * time.Millisecond)
	})
	return object + " " + id
}

// lose makes a change of which an overflow takes the place.
func (t *trial) lose(object, id string, values map[string]any) {
	t.org.OverflowNext()
	t.set(object, id, values)
}

// set changes a record, unless the org refuses that.
func (t *trial) set(object, id string, values map[string]any) {
	t.write(func(t *trial, tx *salesforcetest.Tx) string { return done(id, tx.Update(object, id, values)) })
}

// insertMeetsRead adds a record that a read under way cannot have.
func (t *trial) insertMeetsRead() string {
	object, id, _ := t.followed()
	if id == "" {
		return ""
	}
	t.ready()
	added := ""
	t.during("/results", func() { t.lose(object, id, t.values(object, false)) }, func() {
		added = t.put(object)
		t.until(func() bool { return added == "" || t.worker.store.streamed(added) })
	})
	return object + " " + added
}

// put adds a record; "" if the org refuses it.
func (t *trial) put(object string) (id string) {
	t.write(func(t *trial, tx *salesforcetest.Tx) (did string) {
		id, _ = tx.Insert(object, t.values(object, true))
		return id
	})
	t.came(object)
	return id
}

// changeOfPerson gives a record to another person.
func (t *trial) changeOfPerson() string {
	object, reference := "Case", "ContactId"
	if _, listed := t.policy.persons[object]; !listed {
		object, reference = "Order", "BillToContactId"
	}
	if _, listed := t.policy.persons[object]; !listed {
		return ""
	}
	id, person := t.any(object), t.any("Contact")
	if id == "" || person == "" || len(t.open) > 0 {
		return ""
	}
	t.ready()
	t.set(object, id, map[string]any{reference: person})
	return object + " " + id
}

// updateOfUnknown changes a record of which the copy knows nothing: that it
// came is in no event.
func (t *trial) updateOfUnknown() string {
	object, id, values := t.followed()
	if id == "" || object == "OrderItem" { // which may have no order to come with
		return ""
	}
	t.org.LoseNext()
	if id = t.put(object); id == "" {
		return ""
	}
	t.set(object, id, values)
	return object + " " + id
}

// updateAfterGap changes a record that is dirty, and other fields of it than
// the event that was lost.
func (t *trial) updateAfterGap() string {
	object, id, values := t.followed()
	lost := t.values(object, true)
	if id == "" {
		return ""
	}
	for _, f := range stock {
		if f.fixed {
			delete(lost, f.name)
		}
	}
	t.ready()
	disarm := t.org.Intercept(salesforcetest.Fault{Path: collections, Status: 503, Times: -1})
	defer disarm()
	t.org.GapNext("")
	t.set(object, id, lost)
	t.commits(100 * time.Millisecond)
	t.hears(id, func() { t.set(object, id, values) })
	return object + " " + id
}
