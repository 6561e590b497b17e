package avro_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sfsync/sfsync-go/internal/avro"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

func sorted(list []string) []string {
	return slices.Sorted(slices.Values(list))
}

func TestParseCaptured(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(data(t, "captured-events", "*.avsc"))
	if err != nil || len(files) < 11 {
		t.Fatalf("found %d schemas: %v", len(files), err)
	}
	known := map[string]string{
		"AccountChangeEvent.2023-05.avsc":         "S3-K_S0GYegWTRZnKLjeag",
		"AccountChangeEvent.2023-07.avsc":         "4egfTTaxua4Y39nYlBXfNg",
		"AccountChangeEvent.2026-02.matched.avsc": "i8wgJwwM-AVcDbFkbRl5Nw",
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := parse(t, text)
			compile(t, s, paths(s)...)
			if want := known[name]; want != "" && s.Fingerprint() != want {
				t.Errorf("fingerprint = %s, want %s", s.Fingerprint(), want)
			}
		})
	}
}

func TestFieldsOfCapturedAccount(t *testing.T) {
	t.Parallel()
	s := parse(t, read(t, "captured-events", "AccountChangeEvent.2026-02.matched.avsc"))
	if s.Name() != "com.sforce.eventbus.AccountChangeEvent" {
		t.Errorf("name = %s", s.Name())
	}
	fields := s.Fields()
	header, name := fields[0], fields[1]
	if header.Nullable() || header.Doc != "Data:ComplexValueType" || len(header.Children()) != 12 {
		t.Errorf("header: nullable %v, doc %q, %d children", header.Nullable(), header.Doc, len(header.Children()))
	}
	symbols := header.Children()[2].Type.Symbols()
	if symbols[0] != "CREATE" || symbols[len(symbols)-1] != "SNAPSHOT" {
		t.Errorf("symbols = %v", symbols)
	}
	if !name.Nullable() || name.Branch(avro.String) == nil || name.Branch(avro.Compound) == nil || len(name.Type.Branches()) != 3 {
		t.Errorf("Name is not a union of null, text and record")
	}
	children := map[string][]string{}
	for _, f := range fields {
		for _, c := range f.Children() {
			children[f.Name] = append(children[f.Name], c.Name)
		}
	}
	// ShippingAddress refers to the type that BillingAddress defines.
	if len(children["BillingAddress"]) < 9 || !slices.Equal(children["BillingAddress"], children["ShippingAddress"]) {
		t.Errorf("addresses: %v", children)
	}
}

func TestPositions(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]map[string][2]int{
		"AccountChangeEvent.2023-07.avsc": {"Name": {1, -1}, "ShippingAddress.GeocodeAccuracy": {6, 10}},
		"AccountChangeEvent.2026-02.matched.avsc": {"Name": {1, -1}, "Name.FirstName": {1, 1}, "ShippingAddress.GeocodeAccuracy": {6, 9},
			"ShippingAddress": {6, -1}, "LastModifiedDate": {23, -1}, "ChangeEventHeader.recordIds": {0, 1}},
	} {
		s := parse(t, read(t, "captured-events", file))
		for path, place := range want {
			top, child := compile(t, s, path).Position(0)
			if got := [2]int{top, child}; got != place {
				t.Errorf("%s in %s is at %v, want %v", path, file, got, place)
			}
		}
	}
}

const person = `{"type":"record","name":"Person","namespace":"a.b","fields":[
	{"name":"Name","type":["null","string",{"type":"record","name":"Parts","fields":[{"name":"First","type":["null","string"],"doc":"Data:Text"}]}],"doc":"Data:Name"},
	{"name":"Mother","type":["null","Person"]},
	{"name":"Tags","type":{"type":"array","items":"Parts"}}]}`

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		paths []string
		code  fault.Code
		names []string
	}{
		"a field that is not there":       {[]string{"Name", "Nickname", "Name.Second"}, fault.FieldLost, []string{"Nickname", "Name.Second"}},
		"a child of a text":               {[]string{"Name.First.Letter"}, fault.FieldLost, nil},
		"a path into an array":            {[]string{"Tags.First"}, fault.FieldLost, []string{"Tags.First"}},
		"an empty path":                   {[]string{""}, fault.FieldLost, nil},
		"a path with an empty part":       {[]string{"Name."}, fault.FieldLost, nil},
		"the same path twice":             {[]string{"Name", "Mother.Name", "Name"}, fault.ConfigInvalid, []string{"Name"}},
		"a grandmother's mother's cousin": {[]string{"Mother.Mother.Mother.Cousin"}, fault.FieldLost, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, []byte(person)).Compile(tt.paths)
			var e *fault.Error
			if !errors.As(err, &e) || e.Code() != tt.code {
				t.Fatalf("error = %v, want %s", err, tt.code)
			}
			if diff := cmp.Diff(tt.names, e.Fields()); diff != "" || e.Object() != "Person" {
				t.Errorf("on %s (-want +got):\n%s", e.Object(), diff)
			}
		})
	}
}

// repeated is a schema of n fields, each made by the format from its number.
func repeated(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"name":"f%[1]d","type":`+format+`}`, i)
	}
	return `{"type":"record","name":"R","fields":[` + b.String()[1:] + `]}`
}

// doubled is a record of records of records, each with two of the next: small to
// write, but its values would take 2^n bytes.
func doubled(n int) string {
	text := `"long"`
	for i := range n {
		text = fmt.Sprintf(`{"type":"record","name":"D%d","fields":[{"name":"a","type":%s},{"name":"b","type":%s}]}`, i, text,
			map[bool]string{true: `"long"`, false: fmt.Sprintf(`"D%d"`, i-1)}[i == 0])
	}
	return text
}

func TestParseHostile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		schema string
		ok     bool
	}{
		"nothing":                   {schema: ""},
		"not a record":              {schema: `["null","string"]`},
		"an unknown type":           {schema: repeated(1, `"Address"`)},
		"itself":                    {schema: repeated(1, `"R"`)},
		"itself through another":    {schema: repeated(1, `{"type":"record","name":"S","fields":[{"name":"r","type":"R"}]}`)},
		"itself or nothing":         {schema: repeated(1, `["null","R"]`), ok: true},
		"a list of itself":          {schema: repeated(1, `{"type":"array","items":"R"}`), ok: true},
		"only itself in a union":    {schema: repeated(1, `["R"]`), ok: true},
		"an empty record":           {schema: `{"type":"record","name":"R","fields":[]}`, ok: true},
		"an empty union":            {schema: repeated(1, `[]`), ok: true},
		"over a megabyte":           {schema: repeated(1, `"int"`) + strings.Repeat(" ", 1<<20)},
		"201 brackets":              {schema: strings.Repeat("[", 201) + strings.Repeat("]", 201)},
		"brackets in a text":        {schema: `{"type":"record","name":"R","doc":"\"` + strings.Repeat("[", 300) + `","fields":[]}`, ok: true},
		"a million closed brackets": {schema: strings.Repeat("]", 1<<20)},
		"nested arrays":             {schema: repeated(1, strings.Repeat(`{"type":"array","items":`, 190)+`"int"`+strings.Repeat("}", 190)), ok: true},
		"a fixed of an exabyte":     {schema: repeated(1, `{"type":"fixed","name":"F","size":1152921504606846976}`), ok: true},
		"a fixed of a gigabyte":     {schema: repeated(1, `{"type":"fixed","name":"F","size":1073741824}`), ok: true},
		"a fixed of less than none": {schema: repeated(1, `{"type":"fixed","name":"F","size":-1}`)},
		"arrays nested too deep":    {schema: repeated(1, strings.Repeat(`{"type":"array","items":`, 200)+`"int"`+strings.Repeat("}", 200))},
		"twenty thousand fields":    {schema: repeated(20000, `["null","string"]`), ok: true},
		"ten thousand records":      {schema: repeated(10000, `{"type":"record","name":"R%[1]d","fields":[{"name":"a","type":["null","R"]}]}`), ok: true},
		"a chain of records":        {schema: repeated(10000, `{"type":"record","name":"R%[1]d","fields":[{"name":"a","type":"int"}]}`), ok: true},
		"2^40 bytes a value":        {schema: doubled(40), ok: true},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			s, err := avro.Parse([]byte(tt.schema))
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if tt.ok != (err == nil) || !tt.ok && fault.CodeOf(err) != fault.SchemaInvalid {
				t.Fatalf("error = %v", err)
			}
			if err == nil {
				var record avro.Record
				if err := compile(t, s).Scan(&record, make([]byte, 100)); err == nil && !strings.Contains(name, "nested") {
					t.Error("a hundred zeros were taken for a value")
				}
			}
		})
	}
}

// FuzzParse: what Parse takes can be asked, compiled and scanned, and what it
// refuses is refused with SchemaInvalid.
func FuzzParse(f *testing.F) {
	f.Add([]byte(person), []byte{2, 2, 'a', 0, 0})
	f.Add([]byte(doubled(3)), []byte{0, 0, 0})
	f.Add([]byte(repeated(2, `{"type":"map","values":["null",{"type":"fixed","name":"F%[1]d","size":2}]}`)), []byte{0, 0})
	f.Add([]byte(`{"type":"record","name":"R","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}}]}`), []byte{0})
	f.Fuzz(func(t *testing.T, schema, payload []byte) {
		s, err := avro.Parse(schema)
		if err != nil {
			if fault.CodeOf(err) != fault.SchemaInvalid {
				t.Fatal(err)
			}
			return
		}
		if len(s.Fingerprint()) != 22 {
			t.Errorf("fingerprint = %q", s.Fingerprint())
		}
		all := paths(s)
		p := compile(t, s, all...)
		var record avro.Record
		err = p.Scan(&record, payload)
		if err != nil && fault.CodeOf(err) != fault.PayloadInvalid {
			t.Fatal(err)
		}
		for i := range all {
			if kind := record.Value(i).Kind(); err != nil && kind != avro.Absent || kind == avro.Union {
				t.Errorf("value %d is of kind %d after %v", i, kind, err)
			}
		}
	})
}
