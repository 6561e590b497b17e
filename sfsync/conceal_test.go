package sfsync_test

import (
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

const concealPolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Contact:
    purpose: [support]
    person: [Id]
    personal: {LastName, Department: {conceal: true}, DoNotCall, Salutation}
`

// sealed are the sealed cells of a row, by column.
func (r *rig) sealed(object, id string) map[string]store.Cell {
	r.Helper()
	table, err := r.rows.Table(r.Context(), object)
	r.must(err)
	cells := map[string]store.Cell{}
	for i, cell := range r.row(object, id).Cells {
		if table.Columns[i].Sealed {
			cells[table.Columns[i].Name] = cell
		}
	}
	return cells
}

// TestLengthsTellNothing: in the rows, true looks like false, one value of a
// picklist like any other, and what is concealed like a short value where there
// is none; read in bulk and by an event.
func TestLengthsTellNothing(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), concealPolicy)
	insert := func(with bool) string {
		if with {
			return org.Insert("Contact", map[string]any{"LastName": "Ada", "Department": "HIV", "DoNotCall": true, "Salutation": "Professor emeritus of law"})
		}
		return org.Insert("Contact", map[string]any{"LastName": "Ada", "DoNotCall": false, "Salutation": "Mr."})
	}
	ids := []string{insert(true), insert(false)}
	r.until("the first copy", r.equal)
	ids = append(ids, insert(true), insert(false))
	r.until("the events", r.equal)
	want := r.sealed("Contact", ids[0])
	for _, id := range ids {
		for name, cell := range r.sealed("Contact", id) {
			if cell.State != store.Value || len(cell.Bytes) != len(want[name].Bytes) {
				t.Errorf("%s is told apart by its state %d or its %d bytes, of another %d", name, cell.State, len(cell.Bytes), len(want[name].Bytes))
			}
		}
	}
}
