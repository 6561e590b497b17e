package minimize

// Change is what an event, row or record says about the columns of a [Table]. Make
// one with [NewChange] and let a projection decode into it again and again. It is
// not safe for concurrent use.
//
// It holds personal data behind a function, so that nothing that prints or encodes
// reaches a value.
type Change struct {
	f func() *change
}

// NewChange makes an empty change. It says nothing until a projection fills it.
func NewChange() Change {
	c := new(change)
	return Change{func() *change { return c }}
}

// change is what a Change holds: copies of what was listed, in one buffer.
type change struct {
	table       *Table
	kind        Kind
	ids         []byte // 18 characters each
	commit      int64
	stamp       int64
	sequence    int
	transaction span
	origin      span
	touched     bool
	retyped     bool
	cells       []cell // of the columns, then of the references
	buf         []byte
	full        []byte // a text before it is made coarse; cleared after use
	unquoted    []byte // a text with its escapes undone; cleared after use
}

// cell is a state, and where its text is.
type cell struct {
	state State
	text  span
}

// span is a run of the buffer.
type span struct{ from, to uint32 }

// idLength is the length of a record id.
const idLength = 18

// reset makes the change say nothing about the columns of a table.
func (c *change) reset(t *Table) {
	n := len(t.columns) + len(t.refs)
	cells := c.cells
	if cap(cells) < n {
		cells = make([]cell, n)
	}
	cells = cells[:n]
	clear(cells)
	*c = change{table: t, ids: c.ids[:0], cells: cells, buf: c.buf[:0], full: c.full[:0], unquoted: c.unquoted[:0]}
}

// empty makes the change say nothing at all, and returns the error that was why.
func (c *change) empty(err error) error {
	*c = change{ids: c.ids[:0], cells: c.cells[:0], buf: c.buf[:0], full: c.full[:0], unquoted: c.unquoted[:0]}
	return err
}

// keep copies a text that is not a column's.
func (c *change) keep(text []byte) span {
	from := len(c.buf)
	c.buf = append(c.buf, text...)
	return span{uint32(from), uint32(len(c.buf))}
}

// set sets the i-th cell; its text, if any, is what the buffer has from there on.
func (c *change) set(i int, s State, from int) {
	if s != Known {
		c.buf = c.buf[:from]
	}
	if s == Known && len(c.buf) == from {
		s = Null
	}
	c.cells[i] = cell{s, span{uint32(from), uint32(len(c.buf))}}
}

func (c *change) text(s span) []byte { return c.buf[s.from:s.to:s.to] }

func (c *change) value(i int) (State, []byte) {
	if i < 0 || i >= len(c.cells) {
		return Unset, nil
	}
	if v := c.cells[i]; v.state == Known {
		return Known, c.text(v.text)
	} else {
		return v.state, nil
	}
}

// put sets the i-th cell from a value in text form. It reports whether the text is
// of the type.
func (c *change) put(i int, text []byte) bool {
	from := len(c.buf)
	if len(text) == 0 {
		c.set(i, Null, from)
		return true
	}
	if i >= len(c.table.columns) {
		var ok bool
		c.buf, ok = appendID(c.buf, text)
		c.set(i, known(ok), from)
		return ok
	}
	col := &c.table.columns[i]
	if col.Class != Coarse {
		var ok bool
		c.buf, ok = appendText(c.buf, col.from, text)
		c.set(i, known(ok), from)
		return ok
	}
	var ok, exists bool
	c.full, ok = appendText(c.full[:0], col.from, text)
	if ok {
		c.buf, exists = appendCoarse(c.buf, col.from, c.full)
	}
	c.set(i, coarse(ok, exists), from)
	clear(c.full)
	return ok
}

// known is the state of a value that is there, if it could be read.
func known(ok bool) State {
	if ok {
		return Known
	}
	return Hidden
}

// coarse is the state of a value that could be read, if it has a coarse form.
func coarse(ok, exists bool) State {
	if ok && !exists {
		return Null
	}
	return known(ok)
}

// Kind is what the change is, or 0 if nothing was decoded.
func (c Change) Kind() Kind { return c.f().kind }

// Entity is the API name of the object, or "" if nothing was decoded.
func (c Change) Entity() string {
	if t := c.f().table; t != nil {
		return t.object
	}
	return ""
}

// Len is the number of records it is about: 1 of a read, none of an Overflow.
// Salesforce sends the same change of several records as one event.
func (c Change) Len() int { return len(c.f().ids) / idLength }

// RecordID is the id of the i-th record, of 18 characters.
func (c Change) RecordID(i int) string {
	return string(c.f().ids[i*idLength : (i+1)*idLength])
}

// Commit is when the change was committed, in seconds since 1970, or 0 of a read.
// Events carry whole seconds: order within one comes from the stream alone.
func (c Change) Commit() int64 { return c.f().commit }

// Stamp is the record's SystemModstamp in seconds since 1970, or 0 of an event,
// which carries none.
func (c Change) Stamp() int64 { return c.f().stamp }

// TransactionKey identifies the transaction of an event.
func (c Change) TransactionKey() string { return string(c.f().text(c.f().transaction)) }

// Sequence is the place of an event within its transaction, from 1, with gaps.
func (c Change) Sequence() int { return c.f().sequence }

// Origin is the API and client that made the change, as Salesforce writes it:
// "com/salesforce/api/rest/66.0;client=name", or "".
func (c Change) Origin() string { return string(c.f().text(c.f().origin)) }

// Value is what the change says about a column, by its index in [Table.Columns],
// with the canonical text if it is Known. The text is valid until the next decode
// and must not be changed.
func (c Change) Value(column int) (State, []byte) {
	if t := c.f().table; t == nil || column >= len(t.columns) {
		return Unset, nil
	}
	return c.f().value(column)
}

// Reference is Value for a reference, by its index in [Table.References]. The text
// is an id of 18 characters.
func (c Change) Reference(i int) (State, []byte) {
	if t := c.f().table; t != nil && i >= 0 {
		return c.f().value(len(t.columns) + i)
	}
	return Unset, nil
}

// Touched reports whether an Update says something about a column or reference,
// or changes an account's record type. One that does not can be passed over.
func (c Change) Touched() bool { return c.f().touched }

// Retyped reports whether an Update changes an account's record type, which can
// turn a business account into a person account and back.
func (c Change) Retyped() bool { return c.f().retyped }
