package sfsync_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// startPolicy is what each change of policy starts from.
const startPolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Contact:
    purpose: [support]
    person: [Id]
    plain: {Department, LeadSource}
    personal: {LastName, Email}
  Case:
    purpose: [support]
    person: [ContactId]
    plain: {Status, Origin}
    personal: {Subject}
`

// TestPolicyChange changes the policy of a copy: Plan says before what will
// happen, the copy then is what the new policy says, and nothing of what it no
// longer names is left in any file.
func TestPolicyChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change *strings.Replacer
		plan   []store.ObjectPlan
		gone   string // "Object.Field" of which no byte may be left
	}{
		{"widened", strings.NewReplacer("LastName, Email", "FirstName, LastName, Email, Description", "plain: {Status,", "plain: {Priority, Status,"),
			[]store.ObjectPlan{{Object: "Case", Add: []string{"Priority"}, Rows: 2}, {Object: "Contact", Add: []string{"Description", "FirstName"}, Rows: 2}}, ""},
		{"narrowed by a plain field", strings.NewReplacer("Department, ", ""),
			[]store.ObjectPlan{{Object: "Contact", Remove: []string{"Department"}, Rows: 2}}, "Contact.Department"},
		{"narrowed by a personal field", strings.NewReplacer("LastName, Email", "LastName"),
			[]store.ObjectPlan{{Object: "Contact", Remove: []string{"Email"}, Rows: 2}}, "Contact.Email"},
		{"plain to personal", strings.NewReplacer("plain: {Department, LeadSource}", "plain: {LeadSource}", "{LastName, Email}", "{LastName, Email, Department}"),
			[]store.ObjectPlan{{Object: "Contact", Add: []string{"Department"}, Remove: []string{"Department"}, Rows: 2}}, "Contact.Department"},
		{"personal to plain", strings.NewReplacer("plain: {Department, LeadSource}", "plain: {Department, LeadSource, Email}", "{LastName, Email}", "{LastName}"),
			[]store.ObjectPlan{{Object: "Contact", Add: []string{"Email"}, Remove: []string{"Email"}, Rows: 2}}, "Contact.Email"},
		{"swapped", strings.NewReplacer("LastName, Email", "LastName, Phone"),
			[]store.ObjectPlan{{Object: "Contact", Add: []string{"Phone"}, Remove: []string{"Email"}, Rows: 2}}, "Contact.Email"},
		{"other persons", strings.NewReplacer("person: [ContactId]", "person: [Id]"),
			[]store.ObjectPlan{{Object: "Case", Rebuild: true, Rows: 2}}, "Case.Subject"},
		{"object added", strings.NewReplacer("  Case:", "  Lead: {purpose: [support], person: [Id], personal: {LastName, Company}}\n  Case:"),
			[]store.ObjectPlan{{Object: "Lead", Create: true}}, ""},
		{"object removed", strings.NewReplacer(startPolicy[strings.Index(startPolicy, "  Case:"):], ""),
			[]store.ObjectPlan{{Object: "Case", Drop: true, Rows: 2}}, "Case.Origin"},
		{"only the version", strings.NewReplacer(), nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			org, dir := peopledOrg(t), t.TempDir()
			r := open(t, org, dir, startPolicy)
			r.runUntilEqual("the first copy")
			var bytes [][]byte
			if c.gone != "" {
				bytes = r.cells(c.gone)
				if len(filesWith(t, dir, bytes[0])) == 0 {
					t.Fatal("the bytes that must go are not in the files to begin with")
				}
			}
			r.must(r.close())
			org.Insert("Contact", map[string]any{"LastName": "meanwhile", "Email": "meanwhile@example.com"})

			next := c.change.Replace(strings.Replace(startPolicy, "version: 1", "version: 2", 1))
			r = open(t, org, dir, next)
			r.plans(store.Plan{Policy: 1, Version: 2, Objects: c.plan})
			r.plans(store.Plan{Policy: 1, Version: 2, Objects: c.plan}) // as Plan changes nothing
			r.runUntilEqual("the change")
			r.plans(store.Plan{Policy: 2, Version: 2})
			for _, cell := range bytes {
				if files := filesWith(t, dir, cell); files != nil {
					t.Errorf("bytes of %s are still in %v", c.gone, files)
				}
			}
			if _, err := audit.Verify(t.Context(), r.rows); err != nil {
				t.Error(err)
			}
			r.must(r.close())
			for _, cell := range bytes {
				if files := filesWith(t, dir, cell); files != nil {
					t.Errorf("after the end, bytes of %s are in %v", c.gone, files)
				}
			}
		})
	}
}

// peopledOrg has two contacts, two cases of the first, and a lead.
func peopledOrg(t testing.TB) *salesforcetest.Org {
	org := newOrg(t, salesforcetest.Config{})
	ada := org.Insert("Contact", map[string]any{"FirstName": "Ada", "LastName": "First", "Email": "ada@example.com", "Phone": "555-0101",
		"Department": "MARKER-5d0e", "LeadSource": "Web", "Description": "prefers letters"})
	org.Insert("Contact", map[string]any{"FirstName": "Ben", "LastName": "Second", "Email": "ben@example.com", "Department": "MARKER-5d0e-2"})
	for _, subject := range []string{"one", "two"} {
		org.Insert("Case", map[string]any{"ContactId": ada, "Subject": subject, "Status": "New", "Origin": "ORIGIN-77aa", "Priority": "High"})
	}
	org.Insert("Lead", map[string]any{"LastName": "Third", "Company": "Analytical Engines"})
	return org
}

// settledAndEqual: the copy is the org and no read of all is owed any more.
func (r *rig) settledAndEqual() bool {
	for _, o := range r.sync.Status().Objects {
		if o.Owed {
			return false
		}
	}
	return r.sync.Status().Objects != nil && r.equal()
}

// runUntilEqual runs the Sync until then.
func (r *rig) runUntilEqual(what string) {
	r.Helper()
	stop := r.start()
	r.Cleanup(func() { stop() })
	r.await(what, r.settledAndEqual)
	r.must(stop())
}

// plans holds Plan against what it should say.
func (r *rig) plans(want store.Plan) {
	r.Helper()
	got, err := r.sync.Plan(r.Context())
	r.must(err)
	slices.SortFunc(got.Objects, func(a, b store.ObjectPlan) int { return strings.Compare(a.Object, b.Object) })
	if diff := cmp.Diff(want, got); diff != "" {
		r.Errorf("plan (-want +got):\n%s", diff)
	}
	if got.Empty() != (len(want.Objects) == 0) {
		r.Errorf("Empty is %t", got.Empty())
	}
}

// cells are the bytes that lie in the column "Object.Field".
func (r *rig) cells(column string) (bytes [][]byte) {
	r.Helper()
	object, field, _ := strings.Cut(column, ".")
	table, err := r.rows.Table(r.Context(), object)
	r.must(err)
	i := slices.IndexFunc(table.Columns, func(c store.Column) bool { return c.Name == field })
	for row, err := range r.rows.Rows(r.Context(), object) {
		r.must(err)
		if cell := row.Cells[i]; len(cell.Bytes) > 0 {
			bytes = append(bytes, slices.Clone(cell.Bytes))
		}
	}
	if len(bytes) == 0 {
		r.Fatalf("%s holds nothing", column)
	}
	return bytes
}

// A widened policy owes a read of the object, which survives a stop; the stream
// goes on meanwhile.
func TestWideningIsOwed(t *testing.T) {
	t.Parallel()
	org, dir := peopledOrg(t), t.TempDir()
	r := open(t, org, dir, startPolicy)
	r.runUntilEqual("the first copy")
	r.must(r.close())

	hold := make(chan struct{})
	org.Intercept(salesforcetest.Fault{Method: "GET", Path: "/results", Hold: hold})
	next := strings.NewReplacer("version: 1", "version: 2", "LastName, Email", "FirstName, LastName, Email").Replace(startPolicy)
	r = open(t, org, dir, next)
	stop := r.start()
	t.Cleanup(func() { stop() })
	id := org.Insert("Contact", map[string]any{"LastName": "during", "FirstName": "Cleo"})
	r.await("an insert during the read", func() bool { return r.row("Contact", id).Mark == store.Live })
	if !r.sync.Status().Objects["Contact"].Owed || r.sync.Status().Objects["Case"].Owed {
		t.Errorf("owed: %v; want Contact only", r.sync.Status().Objects)
	}
	r.must(stop())
	r.must(r.close())
	close(hold)

	r = open(t, org, dir, next)
	r.runUntilEqual("the new column of every row")
}

// A session of an older policy may not go on beside a newer one.
func TestOlderPolicyIsRefused(t *testing.T) {
	t.Parallel()
	org, dir := peopledOrg(t), t.TempDir()
	r := open(t, org, dir, strings.Replace(startPolicy, "version: 1", "version: 3", 1))
	r.runUntilEqual("the first copy")
	r.must(r.close())
	r = open(t, org, dir, strings.Replace(startPolicy, "version: 1", "version: 2", 1))
	if _, err := r.sync.Plan(t.Context()); fault.CodeOf(err) != fault.PolicyOlder {
		t.Errorf("Plan: %v, want %s", err, fault.PolicyOlder)
	}
	if err := r.sync.CatchUp(t.Context()); fault.CodeOf(err) != fault.PolicyOlder {
		t.Errorf("CatchUp: %v, want %s", err, fault.PolicyOlder)
	}
}
