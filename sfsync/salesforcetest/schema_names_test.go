package salesforcetest_test

import (
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
)

// names reads bitmaps by the fetched schema: the names of the fields and of
// the parts of compound ones, sorted.
func (b *bus) names(t testing.TB, e *pubsubpb.ConsumerEvent, bitmaps any) []string {
	t.Helper()
	info, err := b.GetSchema(b.ctx, &pubsubpb.SchemaRequest{SchemaId: e.Event.SchemaId})
	if err != nil {
		t.Fatal(err)
	}
	var schema struct{ Fields []schemaField }
	if err := json.Unmarshal([]byte(info.SchemaJson), &schema); err != nil {
		t.Fatal(err)
	}
	records := map[string][]schemaField{}
	for _, f := range schema.Fields {
		f.collect(records)
	}
	var all []string
	for _, text := range list(bitmaps) {
		parent, hex, nested := strings.Cut(text, "-")
		fields, prefix := schema.Fields, ""
		if nested {
			i, _ := strconv.Atoi(parent)
			prefix = schema.Fields[i].Name + "."
			fields = records[schema.Fields[i].record()]
		} else {
			hex = parent
		}
		n, ok := new(big.Int).SetString(strings.TrimPrefix(hex, "0x"), 16)
		if !ok || len(hex)%2 != 0 || strings.ToUpper(hex[2:]) != hex[2:] {
			t.Fatalf("bitmap %s", text)
		}
		for i := range n.BitLen() {
			if n.Bit(i) == 1 {
				all = append(all, prefix+fields[i].Name)
			}
		}
	}
	slices.Sort(all)
	return all
}

type schemaField struct {
	Name string
	Type json.RawMessage
}

type schemaRecord struct {
	Name   string
	Fields []schemaField
}

// last is the last branch of the field's union.
func (f schemaField) last() json.RawMessage {
	var union []json.RawMessage
	if json.Unmarshal(f.Type, &union) != nil {
		return f.Type
	}
	return union[len(union)-1]
}

func (f schemaField) collect(records map[string][]schemaField) {
	var r schemaRecord
	if json.Unmarshal(f.last(), &r) == nil {
		records[r.Name] = r.Fields
	}
}

// record is the name of the record type of a compound field.
func (f schemaField) record() string {
	var r schemaRecord
	var name string
	if json.Unmarshal(f.last(), &r) == nil {
		return r.Name
	}
	_ = json.Unmarshal(f.last(), &name)
	return name
}
