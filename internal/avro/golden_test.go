package avro_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sfsync/sfsync-go/internal/avro"
)

// data is the folder of captures beside the checkout.
func data(t testing.TB, path ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for !exists(filepath.Join(dir, "go.mod")) {
		dir = filepath.Dir(dir)
	}
	folder := filepath.Join(dir, "..", "shared", "data")
	if !exists(folder) {
		t.Skip("the captures are not here: put them in ../shared/data beside the checkout")
	}
	return filepath.Join(append([]string{folder}, path...)...)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func read(t testing.TB, path ...string) []byte {
	t.Helper()
	content, err := os.ReadFile(data(t, path...))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func parse(t testing.TB, schema []byte) *avro.Schema {
	t.Helper()
	s, err := avro.Parse(schema)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func compile(t testing.TB, s *avro.Schema, paths ...string) *avro.Program {
	t.Helper()
	p, err := s.Compile(paths)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// vector is one captured event and what it means.
type vector struct {
	EventID       string         `json:"eventId"`
	SchemaID      string         `json:"schemaId"`
	SchemaFile    string         `json:"schemaFile"`
	Payload       []byte         `json:"payloadBase64"`
	Decoded       map[string]any `json:"decoded"`
	ChangedFields []string       `json:"changedFieldNames"`
	NulledFields  []string       `json:"nulledFieldNames"`
	DiffFields    []string       `json:"diffFieldNames"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	var all []vector
	if err := json.Unmarshal(read(t, "golden_cdc_vectors.json"), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("golden_cdc_vectors.json is empty")
	}
	return all
}

// paths lists every path of a schema: all fields, and all children of records.
func paths(s *avro.Schema) (all []string) {
	for _, f := range s.Fields() {
		all = append(all, f.Name)
		for _, child := range f.Children() {
			all = append(all, f.Name+"."+child.Name)
		}
	}
	return all
}

func TestGoldenEvents(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		t.Run(v.EventID, func(t *testing.T) {
			s := parse(t, read(t, "captured-events", v.SchemaFile))
			if s.Fingerprint() != v.SchemaID {
				t.Errorf("fingerprint = %s, want %s", s.Fingerprint(), v.SchemaID)
			}
			all := paths(s)
			program := compile(t, s, all...)
			var record avro.Record
			if err := program.Scan(&record, v.Payload); err != nil {
				t.Fatal(err)
			}
			got := map[string]any{}
			for i, path := range all {
				place(got, path, record.Value(i))
			}
			if diff := cmp.Diff(v.Decoded, got); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			for list, want := range map[string][]string{
				"changedFields": v.ChangedFields, "nulledFields": v.NulledFields, "diffFields": v.DiffFields,
			} {
				got := named(t, program, &record, all, "ChangeEventHeader."+list)
				if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", list, diff)
				}
			}
		})
	}
}

// place puts a value where a JSON decoder would, leaving out what is null at the
// top, as the vectors do.
func place(into map[string]any, path string, v avro.Value) {
	parent, child, nested := strings.Cut(path, ".")
	if nested {
		if v.Kind() != avro.Absent {
			into[parent].(map[string]any)[child] = plain(v)
		}
	} else if v.Kind() != avro.Null {
		into[parent] = plain(v)
	}
}

// plain is a value as encoding/json gives it.
func plain(v avro.Value) any {
	switch v.Kind() {
	case avro.Bool:
		return v.Bool()
	case avro.Int, avro.Long:
		return float64(v.Int())
	case avro.Double:
		return v.Float()
	case avro.String:
		return string(v.Bytes())
	case avro.Enum:
		return v.Symbol()
	case avro.Compound:
		return map[string]any{}
	case avro.Strings:
		list := []any{}
		for i := range v.Len() {
			list = append(list, string(v.At(i)))
		}
		return list
	}
	return nil
}

// named lists the paths that a bitmap names, children only where it does not name
// their parent.
func named(t *testing.T, p *avro.Program, r *avro.Record, all []string, list string) (names []string) {
	var bitmap avro.Bitmap
	for i, path := range all {
		if path == list {
			if err := bitmap.Parse(r.Value(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, path := range all {
		if top, child := p.Position(i); bitmap.Has(top, child) && (child < 0 || !bitmap.Has(top, -1)) {
			names = append(names, path)
		}
	}
	return names
}
