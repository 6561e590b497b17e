package avro

import "unicode/utf8"

// What a payload may cost. An event has at most 1 MB and a message of the Pub/Sub
// API 4 MB (Pub/Sub API guide, allocations); an event nests three levels deep.
const (
	maxPayload = 4 << 20 // bytes; offsets and lengths fit 32 bits
	maxDepth   = 64      // records, arrays and maps within each other
)

// Scan walks the payload once and sets the values of dst to those at the
// program's paths. Dst refers to the payload, which must not change as long as
// the values are used. After an error, which is fault.PayloadInvalid, every value
// is absent.
func (p *Program) Scan(dst *Record, payload []byte) error {
	s := dst.reset(p)
	end := tooLarge
	if len(payload) <= maxPayload {
		s.payload = payload
		end = s.walk(p.steps, 0, 1)
	}
	if end == len(payload) {
		return nil
	}
	dst.reset(p)
	return failure(end).On(p.object)
}

// walk takes the steps through a record. Like every method here it is given the
// offset where a value starts and returns the one where it ends, or a negative
// number that says why there is none.
func (s *state) walk(steps []step, pos, depth int) int {
	for i := 0; i < len(steps); i++ {
		step := &steps[i]
		if step.nulls > 0 {
			n := zeros(s.payload[pos:], step.nulls)
			pos += n
			if i += n; i == len(steps) {
				return pos
			}
			step = &steps[i]
		}
		if step.want != nil {
			pos = s.build(step.is, step.want, pos, depth)
		} else {
			pos = s.skip(step.is, pos, depth)
		}
		if pos < 0 {
			return pos
		}
	}
	return pos
}

// skip passes over a value.
func (s *state) skip(t *Type, pos, depth int) int {
	b := s.payload
	if t.width >= 0 {
		return advance(b, pos, t.width)
	}
	switch t.kind {
	case Union:
		i, pos := choice(b, pos, len(t.branches))
		if pos < 0 {
			return pos
		}
		return s.skip(t.branches[i], pos, depth)
	case String, Bytes:
		n, pos := length(b, pos)
		return advance(b, pos, n)
	case Int:
		_, pos = int32At(b, pos)
		return pos
	case Long:
		_, pos = int64At(b, pos)
		return pos
	case Enum:
		_, pos = choice(b, pos, len(t.symbols))
		return pos
	}
	if depth == maxDepth {
		return tooDeep
	}
	if t.kind == Compound {
		return s.walk(t.steps, pos, depth+1)
	}
	return s.items(t, pos, depth+1)
}

// items passes over an array or a map. Array items of fixed width are stepped
// over together, so that a count of items without width costs no time.
func (s *state) items(t *Type, pos, depth int) int {
	b := s.payload
	for {
		n, end, next := block(b, pos)
		if pos = next; n == 0 || pos < 0 {
			return pos
		}
		if t.kind == Array && t.item.width >= 0 {
			pos = advanceBy(b, pos, n, t.item.width)
			n = 0
		}
		for ; n > 0 && pos >= 0; n-- {
			if t.kind == Map {
				var key int
				key, pos = length(b, pos)
				pos = advance(b, pos, key)
			}
			if pos >= 0 {
				pos = s.skip(t.item, pos, depth)
			}
		}
		if pos = closed(pos, end); pos < 0 {
			return pos
		}
	}
}

// build sets what is wanted of a value. It sets each slot at most once, as no
// path leads into an array or map.
func (s *state) build(t *Type, w *want, pos, depth int) int {
	switch t.kind {
	case Union:
		i, pos := choice(s.payload, pos, len(t.branches))
		if pos < 0 {
			return pos
		}
		if branch := w.branches[i]; branch != nil {
			return s.build(t.branches[i], branch, pos, depth)
		}
		return s.skip(t.branches[i], pos, depth)
	case Compound:
		if depth == maxDepth {
			return tooDeep
		}
		s.set(w.slot, Compound, 0)
		return s.walk(w.steps, pos, depth+1)
	case Array, Map:
		if t.item.kind == String && t.kind == Array {
			return s.strings(w.slot, pos)
		}
		s.set(w.slot, t.kind, 0)
		return s.skip(t, pos, depth)
	case String:
		n, pos := length(s.payload, pos)
		return s.text(w.slot, pos, n)
	case Bytes, Fixed:
		n := t.width
		if t.kind == Bytes {
			n, pos = length(s.payload, pos)
		}
		end := advance(s.payload, pos, n)
		s.set(w.slot, t.kind, span(pos, n))
		return end
	}
	return s.scalar(t, w, pos)
}

// scalar sets a value that is not a run of bytes.
func (s *state) scalar(t *Type, w *want, pos int) int {
	var n int64
	b := s.payload
	switch t.kind {
	case Int:
		n, pos = int32At(b, pos)
	case Long:
		n, pos = int64At(b, pos)
	case Enum:
		var i int
		i, pos = choice(b, pos, len(t.symbols))
		n = int64(w.symbols + i)
	case Bool, Float, Double:
		start := pos
		if pos = advance(b, pos, t.width); pos >= 0 {
			n = little(b[start:pos])
		}
		if t.kind == Bool && n > 1 {
			return badBool
		}
	}
	s.set(w.slot, t.kind, n)
	return pos
}

// text sets a string of n bytes.
func (s *state) text(slot, pos, n int) int {
	end := advance(s.payload, pos, n)
	if end < 0 {
		return end
	}
	if !utf8.Valid(s.payload[pos:end]) {
		return badText
	}
	s.set(slot, String, span(pos, n))
	return end
}

// strings sets an array of strings: their spans, and where those start and end.
func (s *state) strings(slot, pos int) int {
	first := len(s.spans)
	for {
		n, end, next := block(s.payload, pos)
		if pos = next; n == 0 || pos < 0 {
			s.set(slot, Strings, span(first, len(s.spans)-first))
			return pos
		}
		for ; n > 0; n-- {
			var size int
			size, pos = length(s.payload, pos)
			start := pos
			if pos = s.text(-1, pos, size); pos < 0 {
				return pos
			}
			s.spans = append(s.spans, span(start, size))
		}
		if pos = closed(pos, end); pos < 0 {
			return pos
		}
	}
}
