package minimize

import (
	"bytes"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// RecordProjection decodes the records of a REST answer. It never changes and is
// safe for concurrent use.
type RecordProjection struct {
	table    *Table
	members  map[string]member
	decoders sync.Pool // of *jsontext.Decoder
}

// member is what a member of a record is needed for.
type member struct {
	role  role
	cells []int // indexes among the columns and references
}

type role uint8

const (
	isCell role = iota
	isID
	isStamp
)

// Records prepares to decode records that were asked for with [Table.SelectList].
func (t *Table) Records() *RecordProjection {
	p := &RecordProjection{table: t, members: map[string]member{
		"Id": {role: isID}, "SystemModstamp": {role: isStamp},
	}}
	for i, name := range t.sources() {
		m := p.members[name]
		m.cells = append(m.cells, i)
		p.members[name] = m
	}
	p.decoders.New = func() any { return jsontext.NewDecoder(nothing{}, jsontext.AllowDuplicateNames(true)) }
	return p
}

// nothing is an empty reader, so that a decoder at rest holds no record.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }

const decodingRecord = "minimize.RecordProjection.Decode"

// Decode fills a change, of kind [Read], from one record: a JSON object with a
// member for each name of [Table.SelectList]. Other members, such as attributes,
// are passed over. The error is fault.PayloadInvalid; the change then says nothing.
func (p *RecordProjection) Decode(dst Change, record []byte) error {
	c := dst.f()
	c.reset(p.table)
	d := p.decoders.Get().(*jsontext.Decoder)
	d.Reset(bytes.NewBuffer(record), jsontext.AllowDuplicateNames(true))
	err := p.record(c, d)
	d.Reset(nothing{}, jsontext.AllowDuplicateNames(true))
	p.decoders.Put(d)
	if err != nil {
		return c.empty(err)
	}
	c.kind = Read
	return nil
}

func (p *RecordProjection) record(c *change, d *jsontext.Decoder) error {
	if open, err := d.ReadToken(); err != nil || open.Kind() != '{' {
		return p.malformed()
	}
	found := 0
	for d.PeekKind() == '"' {
		name, err := d.ReadValue()
		if err != nil {
			return p.malformed()
		}
		m, listed := p.member(c, name)
		if !listed {
			if d.SkipValue() != nil {
				return p.malformed()
			}
			continue
		}
		value, err := d.ReadValue()
		if err != nil {
			return p.malformed()
		}
		if !c.member(m, value) {
			return fault.New(fault.PayloadInvalid, decodingRecord, "the value does not have the form of its type, or is there twice; read the record again").On(p.table.object, p.name(m))
		}
		found++
	}
	if end, err := d.ReadToken(); err != nil || end.Kind() != '}' {
		return p.malformed()
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return p.malformed()
	}
	if found < len(p.members) {
		return fault.New(fault.PayloadInvalid, decodingRecord, "the record lacks fields that were asked for; read the table's select list").On(p.table.object)
	}
	return nil
}

func (p *RecordProjection) malformed() error {
	return fault.New(fault.PayloadInvalid, decodingRecord, "the record is not a JSON object; read it again").On(p.table.object)
}

// member finds what a name in quotes is needed for.
func (p *RecordProjection) member(c *change, quoted []byte) (m member, listed bool) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		m, listed = p.members[string(quoted[1:len(quoted)-1])]
		return m, listed
	}
	name, err := jsontext.AppendUnquote(nil, quoted)
	m, listed = p.members[string(name)]
	return m, listed && err == nil
}

// name is the API name of a member, for errors.
func (p *RecordProjection) name(m member) string {
	switch m.role {
	case isID:
		return "Id"
	case isStamp:
		return "SystemModstamp"
	}
	return p.table.sources()[m.cells[0]]
}

// member sets what a member of a record is needed for. It reports whether the
// value is of the type and was not there already.
func (c *change) member(m member, value jsontext.Value) bool {
	text, ok := c.unquote(value)
	switch {
	case !ok:
	case m.role == isID:
		ok = len(c.ids) == 0 && recordid.Valid(text)
		c.ids = append(c.ids, text...)
	case m.role == isStamp:
		var ms int64
		ms, ok = parseMoment(DateTime, text)
		ok = ok && c.stamp == 0
		c.stamp = ms / 1000
	default:
		for _, i := range m.cells {
			ok = ok && c.cells[i].state == Unset && c.fits(i, value.Kind()) && c.put(i, text)
		}
	}
	clear(c.unquoted)
	return ok
}

// unquote is the text that a scalar stands for: that of null is empty.
func (c *change) unquote(value jsontext.Value) (text []byte, ok bool) {
	switch value.Kind() {
	case 'n':
		return nil, true
	case 't', 'f', '0':
		return value, true
	case '"':
		if bytes.IndexByte(value, '\\') < 0 {
			return value[1 : len(value)-1], true
		}
		var err error
		c.unquoted, err = jsontext.AppendUnquote(c.unquoted[:0], value)
		return c.unquoted, err == nil
	}
	return nil, false
}

// fits reports whether JSON of a kind can be the i-th cell's value.
func (c *change) fits(i int, kind jsontext.Kind) bool {
	t := ID
	if i < len(c.table.columns) {
		t = c.table.columns[i].from
	}
	switch kind {
	case 'n':
		return true
	case 't', 'f':
		return t == Boolean
	case '0':
		return t == Integer || t == Decimal
	}
	return t != Boolean && t != Integer && t != Decimal
}
