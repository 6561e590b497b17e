package salesforcetest

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// changeTypes are the symbols of the header's enum in wire order; SNAPSHOT came
// in 2026 and is reserved.
var changeTypes = []string{"CREATE", "UPDATE", "DELETE", "UNDELETE",
	"GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW", "SNAPSHOT"}

// header is a ChangeEventHeader; the members are in wire order but for the
// positions, which become bitmaps.
type header struct {
	Entity   string     `json:"entity"`
	IDs      []string   `json:"ids"`
	Change   int        `json:"change"` // index into changeTypes
	Origin   string     `json:"origin"`
	Key      string     `json:"key"`
	Sequence int        `json:"sequence"`
	Time     int64      `json:"time"` // ms, whole seconds
	Number   int64      `json:"number"`
	User     string     `json:"user"`
	Nulled   []position `json:"nulled,omitempty"`
	Diff     []position `json:"diff,omitempty"`
	Changed  []position `json:"changed,omitempty"`
}

func appendHeader(b []byte, h *header) []byte {
	b = appendString(b, h.Entity)
	b = appendStrings(b, h.IDs)
	b = appendLong(b, int64(h.Change))
	b = appendString(b, h.Origin)
	b = appendString(b, h.Key)
	b = appendLong(b, int64(h.Sequence))
	b = appendLong(b, h.Time)
	b = appendLong(b, h.Number)
	b = appendString(b, h.User)
	b = appendStrings(b, bitmaps(h.Nulled))
	b = appendStrings(b, bitmaps(h.Diff))
	return appendStrings(b, bitmaps(h.Changed))
}

// appendBody writes every body field of an event: of those that include admits
// the value, of all others null. It fails on a value that is not of its field's type.
func (s *eventSchema) appendBody(b []byte, values map[string]string, include func(position) bool) ([]byte, error) {
	var err error
	for i := range s.Fields {
		f := &s.Fields[i]
		if f.Parts != nil && s.asRecord(i, values, include) {
			b, err = s.appendRecord(b, i, values, include)
		} else if f.Parts != nil && !f.Switch || !include(position{i, -1}) {
			b = append(b, 0)
		} else {
			b, err = f.appendValue(b, values)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// asRecord reports whether a compound field is sent as its record: where one of
// its parts is included and, for a create, which includes all, is set.
func (s *eventSchema) asRecord(i int, values map[string]string, include func(position) bool) bool {
	every := include(position{i, -1}) // a position that only a full body includes
	for j, part := range s.Fields[i].Parts {
		if include(position{i, j}) && (!every || values[part.Source] != "") {
			return true
		}
	}
	return false
}

func (s *eventSchema) appendRecord(b []byte, i int, values map[string]string, include func(position) bool) ([]byte, error) {
	f := &s.Fields[i]
	branch := int64(1)
	if f.Switch {
		branch = 2 // ["null", "string", record]
	}
	b = appendLong(b, branch)
	var err error
	for j := range f.Parts {
		if !include(position{i, j}) {
			b = append(b, 0)
		} else if b, err = f.Parts[j].appendValue(b, values); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// appendValue writes ["null", T]. The org keeps null as the empty text, which
// is what Salesforce makes of an empty text, too.
func (f *eventField) appendValue(b []byte, values map[string]string) ([]byte, error) {
	text := values[f.Source]
	if text == "" {
		return append(b, 0), nil
	}
	b = appendLong(b, 1)
	switch f.Type {
	case "boolean":
		on, err := strconv.ParseBool(text)
		if on {
			return append(b, 1), err
		}
		return append(b, 0), err
	case "int", "long":
		n, err := f.number(text)
		return appendLong(b, n), err
	case "double":
		n, err := strconv.ParseFloat(text, 64)
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(n)), err
	}
	return appendString(b, text), nil
}

// number reads what Avro carries as an int or a long: dates and times are
// milliseconds, which only the doc tells.
func (f *eventField) number(text string) (int64, error) {
	role := strings.Split(f.Doc, ":")
	switch role[min(1, len(role)-1)] {
	case "DateTime":
		return millis(text, "2006-01-02T15:04:05.999Z07:00", "2006-01-02T15:04:05.999-0700")
	case "DateOnly", "Birthday":
		return millis(text, time.DateOnly)
	case "TimeOnly":
		ms, err := millis("1970-01-01T"+text, "2006-01-02T15:04:05.999Z07:00", "2006-01-02T15:04:05.999")
		return ms, err
	}
	return strconv.ParseInt(text, 10, 64)
}

func millis(text string, layouts ...string) (int64, error) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("salesforcetest: no date or time of this form: %s", layouts[0])
}

func appendLong(b []byte, n int64) []byte { return binary.AppendVarint(b, n) } // Avro's zigzag is Go's

func appendString(b []byte, s string) []byte { return append(appendLong(b, int64(len(s))), s...) }

func appendStrings(b []byte, list []string) []byte {
	if len(list) > 0 {
		b = appendLong(b, int64(len(list)))
		for _, s := range list {
			b = appendString(b, s)
		}
	}
	return append(b, 0)
}
