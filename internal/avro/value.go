package avro

import "math"

// Record receives the values of one payload after another. The zero Record is
// ready; a Record is not safe for concurrent use. It keeps what it holds behind
// a function, so that nothing that prints or encodes reaches a value.
type Record struct {
	f func() *state
}

// state is what a Record holds.
type state struct {
	payload []byte
	symbols []string
	cells   []cell
	spans   []int64 // of the strings of arrays
}

// cell is a value: a number, or the span of a run of bytes in the payload.
type cell struct {
	kind Kind
	n    int64
}

// reset makes room for the program's values, all of them absent.
func (r *Record) reset(p *Program) *state {
	if r.f == nil {
		s := new(state)
		r.f = func() *state { return s }
	}
	s := r.f()
	s.payload, s.symbols, s.spans = nil, p.symbols, s.spans[:0]
	if n := len(p.positions); cap(s.cells) < n {
		s.cells = make([]cell, n)
	} else {
		s.cells = s.cells[:n]
		clear(s.cells)
	}
	return s
}

func (s *state) set(slot int, kind Kind, n int64) {
	if slot >= 0 {
		s.cells[slot] = cell{kind, n}
	}
}

// span packs a start and a length, both below maxPayload.
func span(start, n int) int64 { return int64(start)<<32 | int64(n) }

// bytes is the run of the payload that a span names.
func (s *state) bytes(span int64) []byte {
	start := span >> 32
	end := start + span&math.MaxUint32
	return s.payload[start:end:end]
}

// Value is the value at the i-th path of the program that scanned last. It is
// valid until the next Scan.
func (r *Record) Value(i int) Value { return Value{r.f, i} }

// Value is one value of a [Record]. A method that does not fit its kind returns
// zero.
type Value struct {
	f func() *state
	i int
}

func (v Value) cell() (*state, cell) {
	if v.f == nil {
		return nil, cell{}
	}
	s := v.f()
	return s, s.cells[v.i]
}

// Kind is what the value is. It is never Union.
func (v Value) Kind() Kind {
	_, c := v.cell()
	return c.kind
}

// Bool is the value of a Bool.
func (v Value) Bool() bool {
	_, c := v.cell()
	return c.kind == Bool && c.n == 1
}

// Int is the value of an Int or a Long.
func (v Value) Int() int64 {
	if _, c := v.cell(); c.kind == Int || c.kind == Long {
		return c.n
	}
	return 0
}

// Float is the value of a Float or a Double. It may be infinite or not a number.
func (v Value) Float() float64 {
	switch _, c := v.cell(); c.kind {
	case Float:
		return float64(math.Float32frombits(uint32(c.n)))
	case Double:
		return math.Float64frombits(uint64(c.n))
	}
	return 0
}

// Bytes is the content of a String, Bytes or Fixed. It is part of the payload and
// must not be changed.
func (v Value) Bytes() []byte {
	switch s, c := v.cell(); c.kind {
	case String, Bytes, Fixed:
		return s.bytes(c.n)
	}
	return nil
}

// Symbol is the symbol of an Enum.
func (v Value) Symbol() string {
	if s, c := v.cell(); c.kind == Enum {
		return s.symbols[c.n]
	}
	return ""
}

// Len is the number of strings in Strings.
func (v Value) Len() int {
	if _, c := v.cell(); c.kind == Strings {
		return int(c.n & math.MaxUint32)
	}
	return 0
}

// At is the i-th string of Strings, from 0 to Len()-1. It is part of the payload
// and must not be changed.
func (v Value) At(i int) []byte {
	s, c := v.cell()
	if c.kind != Strings || i < 0 || i >= v.Len() {
		return nil
	}
	return s.bytes(s.spans[int(c.n>>32)+i])
}
