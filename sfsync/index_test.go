package sfsync_test

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// places returns where a value is found, as "Object.Field of id", sorted.
func (r *rig) places(t crypto.IndexType, value string) []string {
	r.Helper()
	opener, err := r.vault.Opener(anyone{})
	r.must(err)
	found, err := opener.Find(r.Context(), crypto.NewSearch(t, value))
	r.must(err)
	var list []string
	for _, e := range found {
		list = append(list, fmt.Sprintf("%s.%s of %s", e.Place.Object, e.Place.Field, e.Place.Record))
	}
	slices.Sort(list)
	return list
}

// entries counts the index entries in the keys database.
func (r *rig) entries(dir string) (n int) {
	r.Helper()
	return len(r.column(filepath.Join(dir, "keys", "keys.db"), `SELECT digest FROM index_entry`))
}

// standing are the places where the values of fields stand in the org, by type and
// value, sorted.
func (r *rig) standing(fields map[string]crypto.IndexType) map[crypto.IndexType]map[string][]string {
	list := map[crypto.IndexType]map[string][]string{}
	for name, kind := range fields {
		if list[kind] == nil {
			list[kind] = map[string][]string{}
		}
		object, field, _ := strings.Cut(name, ".")
		for id, record := range r.org.Records(object) {
			if value := record[field]; value != "" {
				list[kind][value] = append(list[kind][value], name+" of "+id)
				slices.Sort(list[kind][value])
			}
		}
	}
	return list
}

// misplaced describes the first difference between the index and the org, ""
// if there is none: each value is found where it stands and nowhere else, and
// nothing else is in the index.
func (r *rig) misplaced(dir string, fields map[string]crypto.IndexType) string {
	r.Helper()
	total := 0
	for kind, values := range r.standing(fields) {
		for value, places := range values {
			if got := r.places(kind, value); !slices.Equal(got, places) {
				return fmt.Sprintf("%s %q is found in %q, want %q", kind, value, got, places)
			}
			total += len(places)
		}
	}
	if n := r.entries(dir); n != total {
		return fmt.Sprintf("%d entries in the index for %d values", n, total)
	}
	return ""
}

// unfound describes a value that is not found where it stands, "" if there is none.
func (r *rig) unfound(fields map[string]crypto.IndexType) string {
	r.Helper()
	for kind, values := range r.standing(fields) {
		for value, places := range values {
			got := r.places(kind, value)
			for _, place := range places {
				if !slices.Contains(got, place) {
					return fmt.Sprintf("%s %q is found in %q, want %q among them", kind, value, got, place)
				}
			}
		}
	}
	return ""
}

const findPolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Contact:
    purpose: [support]
    person: [Id]
    plain: {LeadSource: {category: user.behavior}}
    personal: {LastName: {find: exact}, Email: {find: email}, MobilePhone: {find: phone}, Description}
  Case:
    purpose: [support]
    person: [ContactId]
    plain: {Status}
    personal: {Subject, SuppliedEmail: {find: email, conceal: true}}
`

var findFields = map[string]crypto.IndexType{"Contact.LastName": crypto.ExactIndex, "Contact.Email": crypto.EmailIndex,
	"Contact.MobilePhone": crypto.PhoneIndex, "Case.SuppliedEmail": crypto.EmailIndex}

// The index follows reads, events, nulls, deletions and changes of a person.
func TestIndexFollowsRows(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, findPolicy)
	var contacts, cases []string
	for n := range 40 {
		contacts = append(contacts, org.Insert("Contact", map[string]any{"LastName": fmt.Sprintf("N%d", n),
			"Email": fmt.Sprintf("c%d@example.com", n/2), "MobilePhone": fmt.Sprintf("+1415555%04d", n/2)}))
		cases = append(cases, org.Insert("Case", map[string]any{"ContactId": contacts[n], "Status": "New", "SuppliedEmail": fmt.Sprintf("c%d@example.com", n)}))
	}
	stop := r.start()
	same := func() bool { return r.equal() && r.misplaced(dir, findFields) == "" }
	await := func(what string) {
		t.Helper()
		r.await(what, r.equal)
		r.await(what+", in the index", func() bool { return r.misplaced(dir, findFields) == "" })
	}
	await("the first copy")
	for n := range contacts {
		switch n % 5 {
		case 0: // there and back
			org.Update("Contact", contacts[n], map[string]any{"Email": "other@example.com"})
			org.Update("Contact", contacts[n], map[string]any{"Email": "third@example.com", "Description": "x"})
			org.Update("Contact", contacts[n], map[string]any{"Email": fmt.Sprintf("c%d@example.com", n/2)})
		case 1:
			org.Update("Contact", contacts[n], map[string]any{"Email": "new@example.com", "MobilePhone": nil})
		case 2:
			org.Update("Case", cases[n], map[string]any{"ContactId": contacts[n+1], "SuppliedEmail": nil})
		case 3:
			org.Delete("Case", cases[n])
		case 4:
			org.Update("Contact", contacts[n], map[string]any{"Description": "says nothing about what is findable"})
		}
	}
	await("the changes")
	r.must(stop())
	org.Update("Contact", contacts[0], map[string]any{"Email": "meanwhile@example.com"})
	r.must(r.close())
	r = open(t, org, dir, findPolicy)
	stop = r.start()
	r.await("what happened meanwhile", same)
	r.must(stop())
}

// A field that was renamed is found under the name it had first.
func TestIndexRenamed(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, findPolicy)
	org.AddField("Contact", "Work_Email__c", "string", 80)
	ada := org.Insert("Contact", map[string]any{"LastName": "Ada", "Email": "ada@example.com", "Work_Email__c": "ada@example.com"})
	stop := r.start()
	r.await("the first copy", r.equal)
	r.must(stop())
	before := r.cells("Contact.Email")
	r.must(r.close())
	renamed := strings.Replace(findPolicy, "Email: {find: email}", "Work_Email__c: {find: email, category: user.contact.email, was: [Email]}", 1)
	r = open(t, org, dir, strings.Replace(renamed, "version: 1", "version: 2", 1))
	stop = r.start()
	defer stop()
	found := func(value string) func() bool {
		return func() bool {
			return slices.Equal(r.places(crypto.EmailIndex, value), []string{"Contact.Email of " + ada})
		}
	}
	r.await("the second start", found("ada@example.com"))
	if text := r.opened("Contact", ada, "Email"); text != "ada@example.com" || !slices.EqualFunc(r.cells("Contact.Email"), before, bytes.Equal) {
		t.Errorf("after the rename it opens as %q, or was written anew", text)
	}
	org.Update("Contact", ada, map[string]any{"Work_Email__c": "new@example.com"})
	r.await("the change", found("new@example.com"))
	r.await("the end of the old value", func() bool { return len(r.places(crypto.EmailIndex, "ada@example.com")) == 0 })
}

// What a later policy does not make findable leaves the index.
func TestIndexGivenUp(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, findPolicy)
	org.Insert("Contact", map[string]any{"LastName": "Ada", "Email": "ada@example.com", "MobilePhone": "+14155550100"})
	stop := r.start()
	r.await("the first copy", r.equal)
	r.must(stop())
	r.must(r.close())
	later := strings.NewReplacer("version: 1", "version: 2", "LastName: {find: exact}, Email: {find: email}", "LastName, Email").Replace(findPolicy)
	r = open(t, org, dir, later)
	stop = r.start()
	defer stop()
	r.await("the second start", func() bool { return r.entries(dir) == 1 && len(r.places(crypto.PhoneIndex, "+14155550100")) == 1 })
}

// What a later policy makes findable, or in another way, is found once its records
// were read again, which nobody has to ask for.
func TestIndexTakenUp(t *testing.T) {
	t.Parallel()
	var ago atomic.Int64 // records that are old enough to be read once
	ago.Store(int64(time.Hour))
	org := newOrg(t, salesforcetest.Config{Now: func() time.Time { return time.Now().Add(-time.Duration(ago.Load())) }})
	org.Insert("Contact", map[string]any{"LastName": "Ada", "Email": "ada@example.com", "MobilePhone": "+14155550100"})
	ago.Store(0)
	dir := t.TempDir()
	without := strings.NewReplacer("LastName: {find: exact}, Email: {find: email}", "LastName, Email").Replace(findPolicy)
	r := open(t, org, dir, without)
	r.must(r.sync.CatchUp(t.Context()))
	r.must(r.close())
	fields := maps.Clone(findFields)
	for i, policy := range []string{strings.Replace(findPolicy, "MobilePhone: {find: phone}", "MobilePhone: {find: exact}", 1), findPolicy} {
		fields["Contact.MobilePhone"] = []crypto.IndexType{crypto.ExactIndex, crypto.PhoneIndex}[i]
		r = open(t, org, dir, strings.Replace(policy, "version: 1", fmt.Sprint("version: ", i+2), 1))
		r.must(r.sync.CatchUp(t.Context()))
		if d := r.misplaced(dir, fields); d != "" {
			t.Errorf("policy %d: %s", i+2, d)
		}
		r.must(r.close())
	}
}

// TestReindex: everything is found under the new key before the old one goes,
// beside a run and without one.
func TestReindex(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, findPolicy)
	for n := range 30 {
		id := org.Insert("Contact", map[string]any{"LastName": fmt.Sprintf("N%d", n), "Email": fmt.Sprintf("c%d@example.com", n)})
		org.Insert("Case", map[string]any{"ContactId": id, "Status": "New", "SuppliedEmail": fmt.Sprintf("c%d@example.com", n)})
	}
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	for _, beside := range []bool{true, false} {
		if !beside {
			r.must(stop())
		}
		r.must(r.vault.RenewIndex(t.Context(), crypto.EmailIndex)) // as if it was given up at once
		if err := r.vault.DropIndex(t.Context(), crypto.EmailIndex); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("beside a run %v, dropping before the reads: %v, want %s", beside, err, fault.Conflict)
		}
		r.must(r.sync.Reindex(t.Context(), minimize.FindEmail, "a disk was lost"))
		r.must(r.vault.DropIndex(t.Context(), crypto.EmailIndex))
		if d := r.misplaced(dir, findFields); d != "" {
			t.Errorf("beside a run %v: %s", beside, d)
		}
	}
	recorded := r.ledger(audit.KindReindex)
	if len(recorded) != 4 || recorded[0].Reason != "a disk was lost" || !slices.Equal(recorded[0].Fields, []string{"email"}) {
		t.Errorf("in the ledger are %+v, want 2 reads of each object", recorded)
	}
	for by, reason := range map[minimize.Find]string{minimize.FindEmail: "", minimize.FindNone: "reason"} {
		if err := r.sync.Reindex(t.Context(), by, reason); fault.CodeOf(err) != fault.ConfigInvalid {
			t.Errorf("by %q with the reason %q: %v", by, reason, err)
		}
	}
}

// Whoever is forgotten is not found; who shares a value with them is.
func TestIndexForgets(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, findPolicy)
	ada := org.Insert("Contact", map[string]any{"LastName": "Ada", "Email": "family@example.com", "MobilePhone": "+14155550100"})
	ben := org.Insert("Contact", map[string]any{"LastName": "Ben", "Email": "family@example.com", "MobilePhone": "+1 415 555 0100"})
	org.Insert("Case", map[string]any{"ContactId": ada, "Status": "New", "SuppliedEmail": "family@example.com"})
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	if got := len(r.places(crypto.EmailIndex, "Family@example.com")) + len(r.places(crypto.PhoneIndex, "+14155550100")); got != 5 {
		t.Errorf("before, %d places are found", got)
	}
	_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: ada}, "request 7")
	r.must(err)
	org.Update("Contact", ada, map[string]any{"Email": "ada@example.com"})
	marker := org.Insert("Contact", map[string]any{"LastName": "Marker"})
	r.await("the change of the forgotten", func() bool { return r.whole("Contact", marker) })
	for kind, value := range map[crypto.IndexType]string{crypto.EmailIndex: "family@example.com", crypto.PhoneIndex: "+14155550100"} {
		if got := r.places(kind, value); len(got) != 1 || !strings.HasSuffix(got[0], ben) {
			t.Errorf("after, the %s is found in %q", kind, got)
		}
	}
	if got := r.places(crypto.EmailIndex, "ada@example.com"); len(got) != 0 {
		t.Errorf("the forgotten is found in %q", got)
	}
	if n := r.entries(dir); n != 4 {
		t.Errorf("%d entries are left, want three of Ben and one of the marker", n)
	}
}

// opened opens one field of a record, by its stable name.
func (r *rig) opened(object, id, field string) string {
	r.Helper()
	opener, err := r.vault.Opener(anyone{})
	r.must(err)
	table, err := r.rows.Table(r.Context(), object)
	r.must(err)
	text, err := reveal(opener, table, r.row(object, id), slices.IndexFunc(table.Columns, func(c store.Column) bool { return c.Name == field }))
	r.must(err)
	return text
}
