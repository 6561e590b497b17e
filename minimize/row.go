package minimize

import (
	"slices"

	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// RowProjection decodes the rows of a Bulk API result. It never changes and is safe
// for concurrent use.
type RowProjection struct {
	table *Table
	width int   // cells of a row
	id    int   // index of Id
	stamp int   // index of SystemModstamp
	cells []int // index of each column, then of each reference
}

// Rows prepares to decode rows under a header, in any order of columns. Cells under
// names that the policy does not list are passed over. The error is
// fault.ResponseInvalid: the header lacks a name of [Table.SelectList], or has it
// twice.
func (t *Table) Rows(header []string) (*RowProjection, error) {
	p := &RowProjection{table: t, width: len(header)}
	for _, name := range t.SelectList() {
		i := slices.Index(header, name)
		if i < 0 || slices.Contains(header[i+1:], name) {
			return nil, fault.New(fault.ResponseInvalid, "minimize.Table.Rows", "the header does not have this name exactly once; query the table's select list").On(t.object, name)
		}
	}
	p.id, p.stamp = slices.Index(header, "Id"), slices.Index(header, "SystemModstamp")
	for _, name := range t.sources() {
		p.cells = append(p.cells, slices.Index(header, name))
	}
	return p, nil
}

// sources are the API names of the columns, then of the references.
func (t *Table) sources() (names []string) {
	for _, c := range t.columns {
		names = append(names, c.Source)
	}
	for _, r := range t.refs {
		names = append(names, r.Name)
	}
	return names
}

const decodingRow = "minimize.RowProjection.Decode"

// Decode fills a change, of kind [Read], from the cells of a row without their
// quotes. It allocates nothing once the change has its size. An empty cell is
// Null. The error is fault.PayloadInvalid; the change then says nothing.
func (p *RowProjection) Decode(dst Change, cells [][]byte) error {
	c := dst.f()
	c.reset(p.table)
	if len(cells) != p.width {
		return c.empty(fault.New(fault.PayloadInvalid, decodingRow, "the row has more or fewer cells than the header; read it again").On(p.table.object))
	}
	if !c.read(cells[p.id], cells[p.stamp]) {
		return c.empty(fault.New(fault.PayloadInvalid, decodingRow, "the row has no valid Id and SystemModstamp; read it again").On(p.table.object, "Id", "SystemModstamp"))
	}
	for i, at := range p.cells {
		if !c.put(i, cells[at]) {
			return c.empty(fault.New(fault.PayloadInvalid, decodingRow, "the cell does not have the form of its type; read the row again").On(p.table.object, p.table.sources()[i]))
		}
	}
	return nil
}

// read makes the change the read of a record. It reports whether id and stamp are
// valid.
func (c *change) read(id, stamp []byte) bool {
	ms, ok := parseMoment(DateTime, stamp)
	if !ok || !recordid.Valid(id) {
		return false
	}
	c.kind, c.stamp = Read, ms/1000
	c.ids = append(c.ids, id...)
	return true
}
