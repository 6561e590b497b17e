package salesforcetest

import "encoding/binary"

// bodyValue is one field of a body as bytes: a ["null", T], or the parts of a
// compound field that is a record. The bytes are parts of the body, not copies.
type bodyValue struct {
	raw    []byte // the whole of it, where parts is nil
	branch int64  // of the record in its union
	parts  [][]byte
}

// split takes a body apart. The body is one that this package wrote.
func (s *eventSchema) split(body []byte) []bodyValue {
	values := make([]bodyValue, len(s.Fields))
	for i := range s.Fields {
		f, c := &s.Fields[i], &values[i]
		branch, rest := cutLong(body)
		if f.Parts == nil || branch == 0 || f.Switch && branch == 1 {
			c.raw, body = cutValue(f.scalar(), body)
			continue
		}
		c.branch, body = branch, rest
		c.parts = make([][]byte, len(f.Parts))
		for j := range f.Parts {
			c.parts[j], body = cutValue(f.Parts[j].Type, body)
		}
	}
	return values
}

// join is the inverse of split.
func join(values []bodyValue) []byte {
	var body []byte
	for _, c := range values {
		if c.parts == nil {
			body = append(body, c.raw...)
			continue
		}
		body = appendLong(body, c.branch)
		for _, part := range c.parts {
			body = append(body, part...)
		}
	}
	return body
}

// at is the value of a part, or of the field itself below 0.
func (c *bodyValue) at(part int) []byte {
	switch {
	case part >= 0 && c.parts != nil:
		return c.parts[part]
	case part < 0 && c.parts == nil:
		return c.raw
	}
	return null
}

var null = []byte{0}

// redact puts null in place of each value that hidden names by its describe
// field. Field-level security is the reader's, so it is applied when an event
// is delivered and not when it is published.
func (s *eventSchema) redact(values []bodyValue, hidden func(source string) bool) {
	for i := range values {
		whole := hidden(s.Fields[i].Source)
		if whole && values[i].parts == nil {
			values[i].raw = null
		}
		for j := range values[i].parts {
			if whole || hidden(s.Fields[i].Parts[j].Source) {
				values[i].parts[j] = null
			}
		}
	}
}

// keep puts null in place of all values but those at the given positions.
func (s *eventSchema) keep(values []bodyValue, positions map[position]bool) {
	for i := range values {
		kept := positions[position{i, -1}]
		for j := range values[i].parts {
			if positions[position{i, j}] {
				kept = true
			} else {
				values[i].parts[j] = null
			}
		}
		if !kept {
			values[i] = bodyValue{raw: null}
		}
	}
}

// scalar is the Avro type outside the record branch.
func (f *eventField) scalar() string {
	if f.Switch {
		return "string"
	}
	return f.Type
}

// cutValue takes one ["null", T] off the front.
func cutValue(kind string, b []byte) (value, rest []byte) {
	branch, rest := cutLong(b)
	if branch != 0 {
		rest = skipValue(kind, rest)
	}
	n := len(b) - len(rest)
	return b[:n:n], rest
}

func skipValue(kind string, b []byte) []byte {
	switch kind {
	case "boolean":
		return b[1:]
	case "double":
		return b[8:]
	case "int", "long":
		_, rest := cutLong(b)
		return rest
	}
	n, rest := cutLong(b)
	return rest[n:]
}

// cutLong reads a number that this package wrote, so it is there.
func cutLong(b []byte) (int64, []byte) {
	n, size := binary.Varint(b)
	return n, b[size:]
}
