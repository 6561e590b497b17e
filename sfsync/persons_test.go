package sfsync_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/rest"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// misfiled describes a value that lies under the key of a person whom the
// record, as the org has it now, is not about: "" if there is none.
func (r *rig) misfiled() string {
	r.Helper()
	tables := map[string]*minimize.Table{}
	for _, object := range r.policy.ObjectNames() {
		describe, err := rest.New(r.client).Describe(r.Context(), object)
		r.must(err)
		tables[object], err = r.policy.Compile(object, describe)
		r.must(err)
	}
	aliases := r.aliases()
	found := map[crypto.Person]string{} // whose person it is
	for object, table := range tables {
		for row, err := range r.rows.Rows(r.Context(), object) {
			r.must(err)
			if row.Mark != store.Live {
				continue
			}
			for k, person := range row.Persons {
				if other, alias := aliases[person]; alias {
					person = other
				}
				root := r.root(tables, object, row.ID, table.Rules()[k])
				if root == row.ID { // the record's own person, which its first rule finds
					root = r.root(tables, object, row.ID, table.Rules()[0])
				}
				if root == "" {
					continue
				}
				if other, ok := found[person]; ok && other != root {
					return fmt.Sprintf("%s %s lies under one person with records of %s and of %s", object, row.ID, other, root)
				}
				found[person] = root
			}
		}
	}
	return ""
}

// aliases are the persons that have become part of another one.
func (r *rig) aliases() map[crypto.Person]crypto.Person {
	r.Helper()
	aliases := map[crypto.Person]crypto.Person{}
	for _, pair := range r.column(r.keys.Path(), `SELECT CAST(alias || person AS BLOB) FROM alias`) {
		aliases[crypto.Person([]byte(pair[:16]))] = crypto.Person([]byte(pair[16:]))
	}
	return aliases
}

// root is the record that a rule finds in the org to be the person, "" where
// one on the way is deleted: its person is who it was then.
func (r *rig) root(tables map[string]*minimize.Table, object, id string, rule []int) string {
	record := r.org.Record(object, id)
	if record == nil {
		return ""
	}
	for _, i := range rule {
		ref := record[tables[object].References()[i].Name]
		if ref == "" {
			continue
		}
		next := tables[object].ReferenceObject(i, ref)
		if tables[next] == nil {
			return ref
		}
		return r.root(tables, next, ref, tables[next].Rules()[0])
	}
	return id
}

const contactToo = `
  Contact:
    purpose: [support]
    person: [Id]
    personal: {LastName, Email}
`

// contactsMerge: two contacts turn out to be one person.
func contactsMerge(h *history) {
	h.other = h.org.Insert("Contact", map[string]any{"LastName": "the same"})
	h.org.Insert("Case", map[string]any{"ContactId": h.id, "Subject": "mine", "Status": "New"})
	h.org.Insert("Case", map[string]any{"ContactId": h.other, "Subject": "mine too", "Status": "New"})
	h.begin()
	h.persons = h.row("Contact", h.other).Persons
	h.org.Merge("Contact", h.id, h.other)
}

// mergedPersons: the loser's person is the winner's now, so that forgetting
// one takes what lay under either key.
func mergedPersons(h *history) bool {
	winner := h.row("Contact", h.id).Persons[0]
	return wellFiled(h) && h.aliases()[h.persons[0]] == winner
}

const personPolicy = `
version: 1
purposes: {fulfilment: "pack, ship and bill an order"}
objects:
  Account:
    purpose: [fulfilment]
    person: [Id]
    plain: {Industry}
    personal: {Name, Phone}
  Contact:
    purpose: [fulfilment]
    person: [Id]
    personal: {Email}
`

// personIsRenamed: the name of a person account is in its contact's event alone.
func personIsRenamed(h *history) {
	account := h.org.Insert("Account", map[string]any{"FirstName": "Ada", "LastName": "Byron"})
	h.org.Insert("Account", map[string]any{"Name": "Acme"})
	h.begin()
	h.org.Update("Account", account, map[string]any{"LastName": "Lovelace"})
	h.org.Update("Contact", h.org.Record("Account", account)["PersonContactId"], map[string]any{"FirstName": "Augusta"})
}

// The name of a person account is known again whatever becomes of the event of
// its contact, which alone has it, and without a comparison.
func TestRenamedPerson(t *testing.T) {
	t.Parallel()
	polledContact := strings.Replace(personPolicy, "personal: {Email}", "personal: {Email}\n    changes: poll", 1)
	for _, c := range []struct {
		name, policy string
		harm         func(*watched, *store.State) // before the second run
		next         func(*salesforcetest.Org)    // before the renaming
	}{
		{"contact polled", polledContact, nil, nil},
		{"position of contacts useless", personPolicy, (*watched).damage, nil},
		{"event of the contact undecodable", personPolicy, nil, func(org *salesforcetest.Org) { org.UndecodableNext("Contact") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, salesforcetest.Config{PersonAccounts: true, PubSub: salesforcetest.PubSub{ContactNames: true}}, c.policy)
			account := h.org.Insert("Account", map[string]any{"FirstName": "Ada", "LastName": "Byron"})
			h.org.Insert("Account", map[string]any{"Name": "Acme"})
			h.begin()
			h.must(h.stop())
			h.through(sfsync.Config{ReconcileEvery: -1}, c.harm)
			if c.next != nil {
				c.next(h.org)
			}
			h.org.Update("Account", account, map[string]any{"LastName": "Lovelace"})
			h.stop = h.start()
			h.org.Insert("Account", map[string]any{"Name": "the last"})
			h.await("the name", h.equal)
			h.must(h.stop())
		})
	}
}

func TestPersonOfAnAccountIsThatOfItsContact(t *testing.T) {
	t.Parallel()
	h := newHistory(t, salesforcetest.Config{PersonAccounts: true}, personPolicy)
	account := h.org.Insert("Account", map[string]any{"LastName": "Byron", "Phone": "555-0100"})
	h.begin()
	contact := h.org.Record("Account", account)["PersonContactId"]
	if a, c := h.row("Account", account).Persons, h.row("Contact", contact).Persons; !slices.Equal(a, c) {
		t.Error("the account's person is another than its contact's")
	}
}

func TestNameOfPersonAccountsNeedsTheirContacts(t *testing.T) {
	t.Parallel()
	alone, _, _ := strings.Cut(personPolicy, "  Contact:")
	r := open(t, newOrg(t, salesforcetest.Config{PersonAccounts: true}), t.TempDir(), alone)
	if err := r.sync.CatchUp(t.Context()); fault.CodeOf(err) != fault.PolicyInvalid {
		t.Errorf("%v, want policy_invalid", err)
	}
}

const leadPolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Lead:
    purpose: [support]
    person: [Id]
    personal: {LastName, Email}
  Contact:
    purpose: [support]
    person: [Id]
    personal: {LastName, Email}
`

func TestConvertedLeadIsThePersonOfItsContact(t *testing.T) {
	t.Parallel()
	h := newHistory(t, salesforcetest.Config{}, leadPolicy)
	lead := h.org.Insert("Lead", map[string]any{"LastName": "Byron", "Company": "none", "Email": "ada@example.com"})
	h.begin()
	before := h.row("Lead", lead).Persons[0]
	_, contact := h.org.Convert(lead)
	h.settle()
	person := h.row("Contact", contact).Persons[0]
	if h.row("Lead", lead).Persons[0] != person || h.aliases()[before] != person {
		t.Error("the lead is still a person of its own")
	}
	if d := h.difference(); d != "" {
		t.Error(d)
	}
}
