package avro_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/internal/avro"
	oracle "github.com/twmb/avro"
)

// FuzzScan writes a random schema, a random payload for it and random damage to
// the payload, and holds the scanner against twmb/avro: what the scanner takes,
// the other takes too, and decoding all and picking the paths gives the same
// values; what the other takes and would write the same way, the scanner takes.
func FuzzScan(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		seed := make([]byte, 50+random.IntN(600))
		for i := range seed {
			seed[i] = byte(random.Uint32())
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, decisions []byte) { differ(t, decisions) })
}

// TestScanAsOracle is the same for a fixed number of random seeds, and counts how
// often each outcome came, so that it cannot pass by never getting there.
func TestScanAsOracle(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	count := map[string]int{}
	for range 4000 {
		seed := make([]byte, 20+random.IntN(400))
		for i := range seed {
			seed[i] = byte(random.Uint32())
		}
		for _, outcome := range differ(t, seed) {
			count[outcome]++
		}
	}
	t.Log(count)
	for _, outcome := range []string{"taken", "refused", "values", "Null", "Bool", "Int", "Long", "Float", "Double",
		"String", "Bytes", "Enum", "Fixed", "Compound", "Array", "Map", "Strings", "Absent"} {
		if count[outcome] < 30 {
			t.Errorf("%s came only %d times", outcome, count[outcome])
		}
	}
}

// kinds are the names of the kinds, for messages.
var kinds = strings.Fields("Absent Null Bool Int Long Float Double String Bytes Enum Fixed Compound Array Map Union Strings")

// differ runs one comparison and says what came of it.
func differ(t *testing.T, decisions []byte) (outcomes []string) {
	s := &source{decisions}
	text := randomSchema(s)
	reference, err := oracle.Parse(text)
	if err != nil {
		t.Fatalf("the random schema is not valid: %v\n%s", err, text)
	}
	schema := parse(t, []byte(text))
	for i, f := range schema.Fields() {
		for j, child := range f.Children() {
			if f.Doc != fmt.Sprint("d", i) || child.Doc != fmt.Sprint("d", j) {
				t.Fatalf("docs of %s.%s are %q and %q\n%s", f.Name, child.Name, f.Doc, child.Doc, text)
			}
		}
	}
	var chosen []string
	for _, path := range deepPaths("", schema.Fields(), 3) {
		if s.pick(3) > 0 && len(chosen) < 200 {
			chosen = append(chosen, path)
		}
	}
	program := compile(t, schema, chosen...)
	var payload []byte
	for _, f := range schema.Fields() {
		payload = s.value(payload, f.Type, 8)
	}
	intact := bytes.Clone(payload)
	payload = s.mutate(payload)

	var record avro.Record
	refused := program.Scan(&record, payload)
	if refused != nil && bytes.Equal(payload, intact) {
		t.Fatalf("a good payload was refused: %v\n%s\n%x", refused, text, payload)
	}
	var whole any
	rest, err := reference.Decode(payload, &whole, oracle.TaggedUnions())
	if refused != nil {
		if err == nil && len(rest) == 0 && !excused(refused) {
			again, err := reference.Encode(whole)
			if err == nil && bytes.Equal(again, payload) {
				t.Fatalf("refused what the oracle takes and writes: %v\n%s\n%x", refused, text, payload)
			}
		}
		return []string{"refused"}
	}
	if err != nil && strings.Contains(err.Error(), "zero-byte items") {
		return nil // the oracle has to build each of them, so it allows 4,096
	}
	if err != nil || len(rest) > 0 {
		t.Fatalf("taken, but the oracle says %v with %d bytes left\n%s\n%x", err, len(rest), text, payload)
	}
	outcomes = []string{"taken"}
	for i, path := range chosen {
		kind, want := dig(schema.Fields(), whole, strings.Split(path, "."))
		v := record.Value(i)
		if v.Kind() != kind || !same(v, want) {
			t.Fatalf("%s is %s %v, want %s %v\n%s\n%x", path, kinds[v.Kind()], show(v), kinds[kind], want, text, payload)
		}
		outcomes = append(outcomes, "values", kinds[kind])
	}
	return outcomes
}

// excused reports an error for what the oracle is lenient about even when it
// writes: nesting to 1,000 levels, text that is not UTF-8.
func excused(err error) bool {
	return strings.Contains(err.Error(), "nests deeper") || strings.Contains(err.Error(), "boolean or text")
}

// deepPaths lists the paths through records, to the given number of parts. Two
// records in one union may have fields of the same name.
func deepPaths(prefix string, fields []avro.Field, parts int) (all []string) {
	seen := map[string]bool{}
	for _, f := range fields {
		path := prefix + f.Name
		all = append(all, path)
		for _, b := range f.Type.Branches() {
			if parts == 1 {
				continue
			}
			for _, deeper := range deepPaths(path+".", b.Fields(), parts-1) {
				if !seen[deeper] {
					seen[deeper] = true
					all = append(all, deeper)
				}
			}
		}
	}
	return all
}

// dig finds what stands at a path in the record that the oracle decoded.
func dig(fields []avro.Field, record any, path []string) (avro.Kind, any) {
	for _, f := range fields {
		if f.Name != path[0] {
			continue
		}
		t, v := branch(f.Type, record.(map[string]any)[f.Name])
		switch {
		case len(path) > 1 && t.Kind() == avro.Compound:
			return dig(t.Fields(), v, path[1:])
		case len(path) > 1:
			return avro.Absent, nil
		case t.Kind() == avro.Array && t.Item().Kind() == avro.String:
			return avro.Strings, v
		}
		return t.Kind(), v
	}
	return avro.Absent, nil
}

// branch unwraps the value of a union.
func branch(t *avro.Type, v any) (*avro.Type, any) {
	if t.Kind() != avro.Union {
		return t, v
	}
	for _, b := range t.Branches() {
		if b.Kind() == avro.Null && v == nil {
			return b, nil
		}
		tagged, _ := v.(map[string]any)
		if inner, ok := tagged[tag(b)]; ok {
			return b, inner
		}
	}
	panic(fmt.Sprintf("no branch for %v", v))
}

func tag(t *avro.Type) string {
	if t.Name() != "" {
		return t.Name()
	}
	return map[avro.Kind]string{avro.Null: "null", avro.Bool: "boolean", avro.Int: "int", avro.Long: "long", avro.Float: "float",
		avro.Double: "double", avro.String: "string", avro.Bytes: "bytes", avro.Array: "array", avro.Map: "map"}[t.Kind()]
}

// same compares a value with the oracle's.
func same(v avro.Value, want any) bool {
	switch w := want.(type) {
	case bool:
		return v.Bool() == w
	case int32:
		return v.Int() == int64(w)
	case int64:
		return v.Int() == w
	case float32:
		return math.Float64bits(v.Float()) == math.Float64bits(float64(w))
	case float64:
		return math.Float64bits(v.Float()) == math.Float64bits(w)
	case string:
		return string(v.Bytes())+v.Symbol() == w
	case []byte:
		return bytes.Equal(v.Bytes(), w)
	case []any:
		if v.Kind() == avro.Array {
			return v.Len() == 0
		}
		for i, item := range w {
			if string(v.At(i)) != item {
				return false
			}
		}
		return v.Len() == len(w)
	}
	return v.Bytes() == nil && v.Len() == 0
}

func show(v avro.Value) string {
	return fmt.Sprintf("%v %d %g %q %q, %d strings", v.Bool(), v.Int(), v.Float(), v.Bytes(), v.Symbol(), v.Len())
}
