package sfsync_test

import (
	"testing"

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
