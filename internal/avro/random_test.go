package avro_test

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/sfsync/sfsync-go/internal/avro"
)

// source turns the bytes of a fuzzer into decisions; when they run out, the
// decision is always the first.
type source struct{ bytes []byte }

// pick is a number below n, which is at most 256.
func (s *source) pick(n int) int {
	if len(s.bytes) == 0 {
		return 0
	}
	b := s.bytes[0]
	s.bytes = s.bytes[1:]
	return int(b) % n
}

// number has any length from 0 to 64 bits.
func (s *source) number() uint64 {
	var b [8]byte
	s.bytes = s.bytes[copy(b[:], s.bytes):]
	return binary.LittleEndian.Uint64(b[:]) >> s.pick(64)
}

// author writes random schemas.
type author struct {
	*source
	named []string // full names
	open  map[string]bool
}

func randomSchema(s *source) string {
	a := &author{source: s, open: map[string]bool{}}
	text, _ := a.record("", 0)
	return text
}

// typ writes a type. Its key is what no two branches of a union may share. A
// union cannot stand in a union, and a record may contain itself only where it
// can be left out: in items, or beside null.
func (a *author) typ(space string, union, within bool, depth int) (text, key string) {
	switch n := a.pick(22); {
	case n >= 18 && depth < 4:
		return a.record(space, depth)
	case n == 17 && depth < 6:
		item := `"string"`
		if a.pick(3) > 0 {
			item, _ = a.typ(space, false, true, depth+1)
		}
		return `{"type":"array","items":` + item + `}`, "array"
	case n == 16 && depth < 6:
		item, _ := a.typ(space, false, true, depth+1)
		return `{"values":` + item + `,"type":"map"}`, "map"
	case n >= 12 && !union && depth < 6:
		return a.union(space, depth), ""
	case n == 11:
		return a.reference(space, within)
	case n == 10:
		head, full := a.name(&space)
		return fmt.Sprintf(`{"type":"fixed",%s,"size":%d}`, head, a.pick(20)), full
	case n == 9:
		head, full := a.name(&space)
		return fmt.Sprintf(`{"type":"enum",%s,"symbols":["A%[2]d","B%[2]d","C%[2]d"]}`, head, len(a.named)), full
	case n == 8:
		return `{"type":"double"}`, "double"
	default:
		key := []string{"null", "boolean", "int", "long", "float", "double", "string", "bytes"}[n%8]
		return `"` + key + `"`, key
	}
}

// name is the name of a new type, with a namespace given in one of the ways that
// Avro has; space becomes the one inside it.
func (a *author) name(space *string) (text, full string) {
	full = fmt.Sprintf("N%d", len(a.named))
	switch a.pick(4) {
	case 0:
		text = fmt.Sprintf(`"name":%q`, full)
	case 1:
		*space = "x.y"
		text = fmt.Sprintf(`"name":%q,"namespace":"x.y"`, full)
	case 2:
		*space = "z"
		text = fmt.Sprintf(`"name":"z.%s","namespace":"ignored"`, full)
	case 3:
		*space = ""
		text = fmt.Sprintf(`"name":%q,"namespace":""`, full)
	}
	if *space != "" {
		full = *space + "." + full
	}
	a.named = append(a.named, full)
	return text, full
}

// reference names an earlier type, by its short name inside its namespace.
func (a *author) reference(space string, within bool) (text, key string) {
	full := a.named[a.pick(len(a.named))]
	dot := strings.LastIndexByte(full, '.')
	switch {
	case a.open[full] && !within, dot < 0 && space != "": // Avro cannot name the null namespace from inside another
		return `"string"`, "string"
	case dot >= 0 && full[:dot] == space:
		return fmt.Sprintf("%q", full[dot+1:]), full
	}
	return fmt.Sprintf("%q", full), full
}

func (a *author) union(space string, depth int) string {
	var branches []string
	seen := map[string]bool{}
	if a.pick(3) > 0 {
		branches, seen["null"] = []string{`"null"`}, true
	}
	for range 1 + a.pick(4) {
		before := len(a.named)
		text, key := a.typ(space, true, seen["null"], depth+1)
		if seen[key] {
			a.named = a.named[:before]
			continue
		}
		branches, seen[key] = append(branches, text), true
	}
	return `[` + strings.Join(branches, ",") + `]`
}

func (a *author) record(space string, depth int) (text, full string) {
	head, full := a.name(&space)
	a.open[full] = true
	var fields []string
	for i := range a.pick(8) {
		field, _ := a.typ(space, false, false, depth+1)
		fields = append(fields, fmt.Sprintf(`{"name":"f%d","doc":"d%d","type":%s}`, i, i, field))
	}
	a.open[full] = false
	return `{"type":"record",` + head + `,"fields":[` + strings.Join(fields, ",") + `]}`, full
}

// value appends a random value of the type. Below the depth, lists are empty and
// unions take their first branch.
func (s *source) value(b []byte, t *avro.Type, depth int) []byte {
	switch t.Kind() {
	case avro.Bool:
		return append(b, byte(s.pick(2)))
	case avro.Int:
		return binary.AppendVarint(b, int64(int32(s.number())))
	case avro.Long:
		return binary.AppendVarint(b, int64(s.number()))
	case avro.Float:
		return binary.LittleEndian.AppendUint32(b, uint32(s.number()))
	case avro.Double:
		return binary.LittleEndian.AppendUint64(b, s.number())
	case avro.String, avro.Bytes:
		return s.text(b)
	case avro.Fixed:
		for range t.Size() {
			b = append(b, byte(s.pick(256)))
		}
	case avro.Enum:
		return binary.AppendVarint(b, int64(s.pick(len(t.Symbols()))))
	case avro.Union:
		i := 0
		if depth > 0 {
			i = s.pick(len(t.Branches()))
		}
		return s.value(binary.AppendVarint(b, int64(i)), t.Branches()[i], depth-1)
	case avro.Compound:
		for _, f := range t.Fields() {
			b = s.value(b, f.Type, depth-1)
		}
	case avro.Array, avro.Map:
		return s.items(b, t, depth)
	}
	return b
}

func (s *source) text(b []byte) []byte {
	text := []string{"", "a", "Käse", "0x800002", strings.Repeat("long ", 20)}[s.pick(5)]
	return append(binary.AppendVarint(b, int64(len(text))), text...)
}

// items appends up to three blocks, some of which give their length.
func (s *source) items(b []byte, t *avro.Type, depth int) []byte {
	for range s.pick(3) {
		if depth <= 0 {
			break
		}
		n, block := 1+s.pick(3), []byte(nil)
		for range n {
			if t.Kind() == avro.Map {
				block = s.text(block)
			}
			block = s.value(block, t.Item(), depth-1)
		}
		if s.pick(2) == 0 {
			b = binary.AppendVarint(b, int64(n))
		} else {
			b = binary.AppendVarint(binary.AppendVarint(b, int64(-n)), int64(len(block)))
		}
		b = append(b, block...)
	}
	return append(b, 0)
}

// mutate damages a payload in up to three places.
func (s *source) mutate(b []byte) []byte {
	for range s.pick(4) {
		at := 0
		if len(b) > 0 {
			at = int(s.number() % uint64(len(b)))
		}
		switch s.pick(4) {
		case 0:
			b = b[:at]
		case 1:
			b = append(b, byte(s.pick(256)))
		case 2:
			b = append(b[:at:at], append([]byte{byte(s.pick(256))}, b[at:]...)...)
		case 3:
			if len(b) > 0 {
				b[at] ^= 1 << s.pick(8)
			}
		}
	}
	return b
}
