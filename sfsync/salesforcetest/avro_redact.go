package salesforcetest

import "encoding/binary"

// redact copies a body and puts null in place of each value that hidden names
// by its describe field. Field-level security is the reader's, so it is applied
// when an event is delivered and not when it is published.
func (s *eventSchema) redact(body []byte, hidden func(source string) bool) []byte {
	out := make([]byte, 0, len(body))
	for i := range s.Fields {
		f := &s.Fields[i]
		branch, rest := cutLong(body)
		record := f.Parts != nil && (branch == 2 || branch == 1 && !f.Switch)
		switch {
		case branch == 0:
			out, body = append(out, 0), rest
		case record:
			out = appendLong(out, branch)
			out, body = f.redactParts(out, rest, hidden)
		default:
			out, body = f.redactValue(out, body, hidden)
		}
	}
	return out
}

func (f *eventField) redactParts(out, in []byte, hidden func(string) bool) ([]byte, []byte) {
	for i := range f.Parts {
		out, in = f.Parts[i].redactValue(out, in, func(source string) bool {
			return hidden(source) || hidden(f.Source)
		})
	}
	return out, in
}

// redactValue moves one ["null", T] from in to out.
func (f *eventField) redactValue(out, in []byte, hidden func(string) bool) ([]byte, []byte) {
	branch, rest := cutLong(in)
	if branch != 0 {
		rest = skipValue(f.scalar(), rest)
	}
	if hidden(f.Source) {
		return append(out, 0), rest
	}
	return append(out, in[:len(in)-len(rest)]...), rest
}

// scalar is the Avro type outside the record branch.
func (f *eventField) scalar() string {
	if f.Switch {
		return "string"
	}
	return f.Type
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
