package minimize

import (
	"slices"
	"sync"

	"github.com/sfsync/sfsync-go/internal/avro"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// EventProjection decodes the change events of one schema. It never changes and is
// safe for concurrent use.
type EventProjection struct {
	table    *Table
	program  *avro.Program
	id       string
	fields   []eventField // of the columns, then of the references
	record   eventField   // RecordTypeId of Account
	unlisted []string
	scans    sync.Pool // of *scan
}

// eventField is where a field stands in an event.
type eventField struct {
	path       int  // index among the program's paths, or -1: events do not carry it
	top, child int  // place in the bitmaps
	whole      bool // it is not a part, and has parts of its own
}

// scan is what decoding one event needs.
type scan struct {
	record                avro.Record
	changed, nulled, diff avro.Bitmap
	values                bool // neither nulled nor diff names a field
}

// The header's fields that are decoded (Change Data Capture guide, "Change Event
// Header Fields"). commitUser is not: it is a person. commitNumber says nothing
// that the stream's order does not.
const (
	entityName = iota
	recordIDs
	changeType
	changeOrigin
	transactionKey
	sequenceNumber
	commitTimestamp
	nulledFields
	diffFields
	changedFields
)

var header = [...]string{
	entityName:      "ChangeEventHeader.entityName",
	recordIDs:       "ChangeEventHeader.recordIds",
	changeType:      "ChangeEventHeader.changeType",
	changeOrigin:    "ChangeEventHeader.changeOrigin",
	transactionKey:  "ChangeEventHeader.transactionKey",
	sequenceNumber:  "ChangeEventHeader.sequenceNumber",
	commitTimestamp: "ChangeEventHeader.commitTimestamp",
	nulledFields:    "ChangeEventHeader.nulledFields",
	diffFields:      "ChangeEventHeader.diffFields",
	changedFields:   "ChangeEventHeader.changedFields",
}

// Events prepares to decode the object's change events of one Avro schema, as
// GetSchema returns it. Schemas change with the org: prepare each when its id first
// comes. A column that the schema lacks is not lost; see [EventProjection.Missing].
// The error is fault.SchemaInvalid.
func (t *Table) Events(schemaJSON []byte) (*EventProjection, error) {
	schema, err := avro.Parse(schemaJSON)
	if err != nil {
		return nil, err
	}
	p := &EventProjection{table: t, id: schema.Fingerprint(), scans: sync.Pool{New: func() any { return new(scan) }}}
	m := mapper{fields: map[string]avro.Field{}, paths: slices.Clone(header[:])}
	for _, f := range schema.Fields() {
		m.fields[f.Name] = f
	}
	for _, c := range t.columns {
		p.fields = append(p.fields, m.add(c.field))
	}
	for _, r := range t.refs {
		p.fields = append(p.fields, m.add(r.field))
	}
	p.record.path = -1
	if t.retyping {
		p.record = m.add(described{Name: recordType})
	}
	if p.program, err = schema.Compile(m.paths); err != nil {
		return nil, fault.New(fault.SchemaInvalid, "minimize.Table.Events", "this is not the schema of a change event; fetch the schema that the event names").On(t.object)
	}
	for i := range p.fields {
		p.fields[i].place(p.program)
	}
	p.record.place(p.program)
	p.unlisted = m.rest(schema.Fields())
	return p, nil
}

// SchemaID is the id that Salesforce was seen to give the schema: its
// fingerprint, in 22 characters.
func (p *EventProjection) SchemaID() string { return p.id }

// Unlisted are the names of fields that events carry and the policy does not list,
// sorted; a part of a compound is Parent.Part.
func (p *EventProjection) Unlisted() []string { return p.unlisted }

// Missing are the columns that events do not carry, such as fields that are
// derived, or newer than the event. They are Unset in an Update and Hidden in a
// Create or Undelete, as only a read tells them.
func (p *EventProjection) Missing() (columns []string) {
	for i, c := range p.table.columns {
		if p.fields[i].path < 0 {
			columns = append(columns, c.Name)
		}
	}
	return columns
}

func (f *eventField) place(p *avro.Program) {
	if f.path >= 0 {
		f.top, f.child = p.Position(f.path)
	}
}

// mapper finds fields of a describe in a schema.
type mapper struct {
	fields map[string]avro.Field
	paths  []string
}

// add is where a field stands; the path is added if it is new.
func (m *mapper) add(d described) eventField {
	path := m.path(d)
	if path == "" {
		return eventField{path: -1}
	}
	i := slices.Index(m.paths, path)
	if i < 0 {
		i = len(m.paths)
		m.paths = append(m.paths, path)
	}
	return eventField{path: i, whole: m.fields[path].Type != nil && m.fields[path].Branch(avro.Compound) != nil}
}

// path is a field's path in the schema, or "": MailingCity is MailingAddress.City.
// Which parts there are differs by org and release.
func (m *mapper) path(d described) string {
	if parent, ok := m.fields[d.Compound]; ok {
		part := d.part()
		if slices.ContainsFunc(parent.Children(), func(f avro.Field) bool { return f.Name == part }) {
			return d.Compound + "." + part
		}
	}
	if f, ok := m.fields[d.Name]; ok {
		return f.Name
	}
	return ""
}

// rest are the fields that nobody asked for.
func (m *mapper) rest(fields []avro.Field) (names []string) {
	for _, f := range fields {
		if f.Name == "ChangeEventHeader" {
			continue
		}
		parts := []string{f.Name}
		if f.Branch(avro.String) == nil && len(f.Children()) > 0 {
			parts = nil
		}
		for _, part := range f.Children() {
			parts = append(parts, f.Name+"."+part.Name)
		}
		for _, name := range parts {
			if !slices.Contains(m.paths, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}
