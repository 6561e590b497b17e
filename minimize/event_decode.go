package minimize

import (
	"bytes"
	"strconv"

	"github.com/sfsync/sfsync-go/internal/avro"
	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

const decodingEvent = "minimize.EventProjection.Decode"

// Decode fills a change from an event's payload. It allocates nothing once the
// change has its size. An Update sets only what its header calls changed: values
// added by enrichment stay Unset, as does the body of a Delete, Gap or Overflow.
// The error is fault.PayloadInvalid; the change then says nothing, and all records
// of the object have to be read, as it is not known which the event was about.
func (p *EventProjection) Decode(dst Change, payload []byte) error {
	c := dst.f()
	c.reset(p.table)
	s := p.scans.Get().(*scan)
	defer p.scans.Put(s)
	if err := p.program.Scan(&s.record, payload); err != nil {
		return c.empty(err)
	}
	if err := c.header(&s.record); err != nil {
		return c.empty(err)
	}
	switch c.kind {
	case Create, Undelete:
		for i, f := range p.fields {
			c.whole(i, f, &s.record)
		}
	case Update:
		if err := s.bitmaps(); err != nil {
			return c.empty(err)
		}
		for i, f := range p.fields {
			c.delta(i, f, s)
		}
		c.retyped = s.says(p.record) != Unset
		c.touched = c.touched || c.retyped
	}
	return nil
}

// header reads what the event says about itself.
func (c *change) header(r *avro.Record) error {
	if string(r.Value(entityName).Bytes()) != c.table.object {
		return fault.New(fault.PayloadInvalid, decodingEvent, "the event is about another object; decode it with that object's projection").On(c.table.object)
	}
	c.kind = changeKind(r.Value(changeType).Symbol())
	c.commit = r.Value(commitTimestamp).Int() / 1000
	c.sequence = int(r.Value(sequenceNumber).Int())
	c.transaction = c.keep(r.Value(transactionKey).Bytes())
	c.origin = c.keep(r.Value(changeOrigin).Bytes())
	return c.records(r.Value(recordIDs))
}

// changeKind is the kind of a changeType. Whatever a type means that is not known
// here, a read of its records finds it out.
func changeKind(symbol string) Kind {
	switch symbol {
	case "CREATE":
		return Create
	case "UPDATE":
		return Update
	case "DELETE":
		return Delete
	case "UNDELETE":
		return Undelete
	case "GAP_OVERFLOW":
		return Overflow
	}
	return Gap
}

// records reads the ids. An id that stands for records without naming them makes
// the change an Overflow: the zero id, and a key prefix with a star, sent when a
// field's type changes (Change Data Capture guide, "Overflow Events" and
// "Conversion of Field Types").
func (c *change) records(ids avro.Value) error {
	for i := range ids.Len() {
		id := ids.At(i)
		switch {
		case recordid.Valid(id):
			c.ids = append(c.ids, id...)
		case bytes.HasSuffix(id, []byte("*")) || string(id) == "000000000000000AAA":
			c.kind = Overflow
		default:
			full, ok := recordid.Normalize(string(id))
			if !ok {
				return fault.New(fault.PayloadInvalid, decodingEvent, "the event names a record by what is no record id; read the object's records again").On(c.table.object)
			}
			c.ids = append(c.ids, full...)
		}
	}
	if c.kind == Overflow {
		c.ids = c.ids[:0]
	} else if len(c.ids) == 0 {
		return fault.New(fault.PayloadInvalid, decodingEvent, "the event names no record; read the object's records again").On(c.table.object)
	}
	return nil
}

// bitmaps reads the header's three lists of fields.
func (s *scan) bitmaps() error {
	if err := s.changed.Parse(s.record.Value(changedFields)); err != nil {
		return err
	}
	nulled, diff := s.record.Value(nulledFields), s.record.Value(diffFields)
	if s.values = nulled.Len()+diff.Len() == 0; s.values {
		return nil
	}
	if err := s.nulled.Parse(nulled); err != nil {
		return err
	}
	return s.diff.Parse(diff)
}

// says is what an Update says about a field: that it is as it was (Unset), Null, a
// Diff, or that the event has its value (Known). Fields sent as a difference are in
// diffFields alone. A field that can be text or a record, the name of an account,
// changes with any part of the record.
func (s *scan) says(f eventField) State {
	switch {
	case f.path < 0:
		return Unset
	case !s.values && s.nulled.Has(f.top, f.child):
		return Null
	case !s.values && s.diff.Has(f.top, f.child):
		return Diff
	case s.changed.Has(f.top, f.child) || f.whole && s.changed.Any(f.top):
		return Known
	}
	return Unset
}

// delta sets what an Update says about a field.
func (c *change) delta(i int, f eventField, s *scan) {
	switch says := s.says(f); says {
	case Unset:
		return
	case Known:
		c.event(i, s.record.Value(f.path), Hidden)
	default:
		c.set(i, says, len(c.buf))
	}
	c.touched = true
}

// whole sets what a Create or Undelete says about a field.
func (c *change) whole(i int, f eventField, r *avro.Record) {
	if f.path < 0 {
		c.set(i, Hidden, len(c.buf))
		return
	}
	c.event(i, r.Value(f.path), Null)
}

// event sets the i-th cell from an event's value; null is what a null means.
func (c *change) event(i int, v avro.Value, null State) {
	from := len(c.buf)
	switch v.Kind() {
	case avro.Null, avro.Absent:
		c.set(i, null, from)
	case avro.String:
		c.put(i, v.Bytes()) // one that does not fit the type becomes Hidden
	case avro.Bool, avro.Int, avro.Long, avro.Double:
		if i < len(c.table.columns) {
			c.number(i, v)
			return
		}
		fallthrough
	default:
		c.set(i, Hidden, from)
	}
}

// number sets a column from a value that is no text.
func (c *change) number(i int, v avro.Value) {
	col, from := &c.table.columns[i], len(c.buf)
	if col.Class == Coarse {
		var ok, exists bool
		if c.full, ok = appendMoment(c.full[:0], col.from, v.Int()); ok && v.Kind() == avro.Long {
			c.buf, exists = appendCoarse(c.buf, col.from, c.full)
		} else {
			ok = false
		}
		clear(c.full)
		c.set(i, coarse(ok, exists), from)
		return
	}
	var s State
	c.buf, s = appendNumber(c.buf, col, v)
	c.set(i, s, from)
}

// appendNumber appends the canonical form of a value that an event has as a
// boolean or a number. One that does not fit the column's type is Hidden: the
// field was of another type when the event was written.
func appendNumber(dst []byte, col *column, v avro.Value) ([]byte, State) {
	kind := v.Kind()
	whole := kind == avro.Int || kind == avro.Long
	switch {
	case kind == avro.Bool && col.from == Boolean:
		if v.Bool() {
			return append(dst, "true"...), Known
		}
		return append(dst, "false"...), Known
	case whole && (col.from == Integer || col.from == Decimal):
		return strconv.AppendInt(dst, v.Int(), 10), Known
	case kind == avro.Double && col.from == Decimal:
		return appendDouble(dst, v.Float(), col.limit)
	case kind == avro.Long && (col.from == Date || col.from == DateTime || col.from == Time):
		dst, ok := appendMoment(dst, col.from, v.Int())
		return dst, known(ok)
	}
	return dst, Hidden
}
