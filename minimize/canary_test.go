package minimize_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/minimize"
	oracle "github.com/twmb/avro"
)

// canary is in every value that nobody listed, and the full form of every coarse
// one is made of it too.
const canary = "77CANARY77"

const canaryPolicy = `
person: [AccountId]
plain: {AccountId, HasOptedOutOfEmail}
coarse: {Birthdate, MailingPostalCode}
personal: {FirstName, Email, MailingCity}`

// trees draws random JSON in which everything is a canary.
type trees struct{ *rand.Rand }

// name is a name that is not listed but may come close: the letters of a listed
// one in another case, with a blank, or with an escape for another letter.
func (r trees) name() string {
	names := []string{"SSN__c", "Phone", "attributes", "Account", "email", "Email ", "Email__c", "MailingAddress",
		"Id ", "firstname", "", "Mailing", "Birthdate\u0000", "Émail"}
	return fmt.Sprint(names[r.IntN(len(names))], r.IntN(3))
}

func (r trees) value(depth int) any {
	n := r.IntN(8)
	if depth == 0 {
		n %= 4
	}
	switch n {
	case 0:
		return json.Number("7700770077")
	case 1, 2, 3:
		return strings.Repeat("x", r.IntN(10)) + canary
	case 4:
		return []any{r.value(depth - 1), r.value(depth - 1)}
	}
	object := map[string]any{"Email": canary, "AccountId": canary}
	for range r.IntN(4) {
		object[r.name()] = r.value(depth - 1)
	}
	return object
}

// listed are values of the listed fields, and what a change says of them.
func (r trees) listed() (values, said map[string]any) {
	zip := fmt.Sprintf("9%04d", r.IntN(10000))
	values = map[string]any{
		"AccountId": "001Dp00000JJkkHIAT", "HasOptedOutOfEmail": r.IntN(2) == 0, "Birthdate": fmt.Sprintf("19%02d-12-31", r.IntN(100)),
		"MailingPostalCode": zip + "-7777", "FirstName": "Ann \"A\"\n", "Email": fmt.Sprint("ann", r.IntN(1000), "@example.com"), "MailingCity": "Zoëtown",
	}
	said = maps.Clone(values)
	said["Birthdate"], said["MailingPostalCode"] = values["Birthdate"].(string)[:4], zip[:3]
	said["HasOptedOutOfEmail"], said["->AccountId"] = fmt.Sprint(values["HasOptedOutOfEmail"]), values["AccountId"]
	return values, said
}

// clean checks that a change holds what was listed and nothing else.
func clean(t *testing.T, table *minimize.Table, change minimize.Change, said map[string]any, source func() string) {
	t.Helper()
	for _, memory := range change.Memory() {
		for _, secret := range []string{"CANARY", "7700770077", "-7777", "-12-31", "005Dp000000Ppjs"} {
			if bytes.Contains(memory, []byte(secret)) {
				t.Fatalf("the change holds %s of %s", secret, source())
			}
		}
	}
	got := show(table, change)
	if len(got) != len(said) {
		t.Fatalf("the change says %v of %s", got, source())
	}
	for name, text := range said {
		if got[name] != text {
			t.Fatalf("%s is %q, want %q, of %s", name, got[name], text, source())
		}
	}
}

// TestCanary: of random records, rows and events, a change holds the listed fields
// and not a byte of any other, nor of the full form of a coarse one.
func TestCanary(t *testing.T) {
	const cases = 50_000
	table := compile(t, "Contact", canaryPolicy, contactFields)
	t.Run("records", func(t *testing.T) {
		t.Parallel()
		r, records, change := trees{rand.New(rand.NewPCG(3, 4))}, table.Records(), minimize.NewChange()
		for range cases {
			values, said := r.listed()
			values["Id"], values["SystemModstamp"] = "003Dp00000JJkkHIAT", "2022-03-18T16:21:26.000+0000"
			for range r.IntN(6) {
				values[r.name()] = r.value(3)
			}
			record, err := json.Marshal(values)
			if err != nil {
				t.Fatal(err)
			}
			record = bytes.Replace(record, []byte(`"MailingPostalCode":"9`), []byte(`"MailingPostalCode":"\u0039`), r.IntN(2))
			if err := records.Decode(change, record); err != nil {
				t.Fatalf("%v of %s", err, record)
			}
			clean(t, table, change, said, func() string { return string(record) })
		}
	})
	t.Run("rows", func(t *testing.T) {
		t.Parallel()
		r, change := trees{rand.New(rand.NewPCG(5, 6))}, minimize.NewChange()
		for range cases {
			values, said := r.listed()
			values["Id"], values["SystemModstamp"] = "003Dp00000JJkkHIAT", "2022-03-18T16:21:26.000Z"
			for range r.IntN(6) {
				values[r.name()] = canary
			}
			header := slices.Collect(maps.Keys(values))
			rows, err := table.Rows(header)
			if err != nil {
				t.Fatal(err)
			}
			cells := make([][]byte, len(header))
			for i, name := range header {
				cells[i] = fmt.Append(nil, values[name])
			}
			if err := rows.Decode(change, cells); err != nil {
				t.Fatalf("%v of %q", err, cells)
			}
			clean(t, table, change, said, func() string { return fmt.Sprintf("%q", cells) })
		}
	})
	t.Run("events", func(t *testing.T) {
		t.Parallel()
		r, change := trees{rand.New(rand.NewPCG(7, 8))}, minimize.NewChange()
		for range cases / 500 {
			schema, events := r.schema(t, table)
			for range 100 {
				payload, said := r.event(t, schema)
				if err := events.Decode(change, payload); err != nil {
					t.Fatalf("%v of %x", err, payload)
				}
				clean(t, table, change, said, func() string { return fmt.Sprintf("%q", payload) })
			}
		}
	})
}

// schema draws an event of Contact with the listed fields, and between them others
// of random types.
func (r trees) schema(t *testing.T, table *minimize.Table) (*oracle.Schema, *minimize.EventProjection) {
	text := []string{"null", "string"}
	fields := []map[string]any{
		{"name": "AccountId", "type": text}, {"name": "HasOptedOutOfEmail", "type": []string{"null", "boolean"}},
		{"name": "Birthdate", "type": []string{"null", "long"}}, {"name": "Email", "type": text},
		{"name": "Name", "type": []any{"null", map[string]any{"type": "record", "name": "PersonName", "fields": []any{
			map[string]any{"name": "FirstName", "type": text}, map[string]any{"name": "MiddleName", "type": text}}}}},
		{"name": "MailingAddress", "type": []any{"null", map[string]any{"type": "record", "name": "Address", "fields": []any{
			map[string]any{"name": "Street", "type": text}, map[string]any{"name": "PostalCode", "type": text},
			map[string]any{"name": "City", "type": text}, map[string]any{"name": "State", "type": text}}}}},
	}
	for i := range r.IntN(20) {
		types := []any{text, []string{"null", "bytes"}, map[string]any{"type": "array", "items": "string"}, map[string]any{"type": "map", "values": text}}
		fields = append(fields, map[string]any{"name": fmt.Sprint("Extra", i, "__c"), "type": types[r.IntN(len(types))]})
	}
	r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	var lines []string
	for _, f := range fields {
		line, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	schema := changeEvent("ContactChangeEvent", lines...)
	events, err := table.Events([]byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	return oracle.MustParse(schema), events
}

// event draws a payload, a Create or an Update of some fields, of which the others
// are filled as well.
func (r trees) event(t *testing.T, schema *oracle.Schema) ([]byte, map[string]any) {
	values, said := r.listed()
	birthdate := time.Date(1963, 12, 31, 0, 0, 0, 0, time.UTC).UnixMilli()
	said["Birthdate"] = "1963"
	body := map[string]any{
		"ChangeEventHeader": created("Contact", "003Dp00000JJkkHIAT"),
		"Name":              map[string]any{"FirstName": values["FirstName"], "MiddleName": canary},
		"MailingAddress":    map[string]any{"Street": canary, "PostalCode": values["MailingPostalCode"], "City": values["MailingCity"], "State": canary},
	}
	names := []string{"AccountId", "HasOptedOutOfEmail", "Birthdate", "Email"}
	for _, name := range names {
		body[name] = values[name]
	}
	body["Birthdate"] = birthdate
	fields := schema.Root().Fields
	var bits [8]byte
	update := r.IntN(2) == 0
	for i, f := range fields {
		switch f.Type.Type {
		case "array":
			body[f.Name] = []string{canary, canary}
		case "map":
			body[f.Name] = map[string]any{canary: canary}
		}
		if _, set := body[f.Name]; !set {
			body[f.Name] = canary
			if len(f.Type.Branches) > 1 && f.Type.Branches[1].Type == "bytes" {
				body[f.Name] = []byte(canary)
			}
		}
		if !update || i == 0 {
			continue
		}
		if r.IntN(2) == 0 {
			bits[7-i/8] |= 1 << (i % 8)
			continue
		}
		switch f.Name {
		case "Name":
			delete(said, "FirstName")
		case "MailingAddress":
			delete(said, "MailingCity")
			delete(said, "MailingPostalCode")
		case "AccountId":
			delete(said, "->AccountId")
			fallthrough
		default:
			delete(said, f.Name)
		}
	}
	header := body["ChangeEventHeader"].(map[string]any)
	if update {
		header["changeType"], header["changedFields"] = "UPDATE", []string{fmt.Sprintf("0x%X", bits)}
	}
	payload, err := schema.AppendEncode(nil, body)
	if err != nil {
		t.Fatal(err)
	}
	return payload, said
}
