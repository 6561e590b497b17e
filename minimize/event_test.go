package minimize_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	oracle "github.com/twmb/avro"
)

// accountFields describes what the captured events of Account carry.
const accountFields = `
	Name string in=Name
	FirstName string in=Name
	RecordTypeId reference to=RecordType
	PersonContactId reference to=Contact
	OwnerId reference to=User
	ShippingStreet textarea in=ShippingAddress
	ShippingCity string in=ShippingAddress
	ShippingCountry string in=ShippingAddress
	ShippingLatitude double in=ShippingAddress digits=18.15
	ShippingAddress address
	Phone phone
	LastModifiedDate datetime
	CreatedDate datetime
	CleanStatus picklist
	Active__c picklist
	Amount_Owed__c currency digits=18.2
	Some_Email__c email
	Some_Check_Box__c boolean
	Some_Geolocation__c location
	Some_Geolocation__Latitude__s double in=Some_Geolocation__c digits=18.15
	LastActivityDate date`

const accountPolicy = `
person: [PersonContactId]
plain: {CreatedDate, LastModifiedDate, CleanStatus, Active__c: {category: user.behavior},
        Amount_Owed__c: {category: user.financial}, LastActivityDate}
personal: {Name, Phone, ShippingStreet, ShippingCountry, ShippingLatitude, Some_Email__c: {category: user.contact.email},
           Some_Check_Box__c: {category: user.behavior}, Some_Geolocation__Latitude__s: {category: user.location.precise}}`

func TestGolden(t *testing.T) {
	table := compile(t, "Account", accountPolicy, accountFields)
	wants := []map[string]string{
		{"LastModifiedDate": "2026-02-17T04:03:15.000Z", "ShippingStreet": "101 California St"},
		{
			"Name": "Bulk Acc1", "Phone": "9283921923", "ShippingCountry": "United States", "ShippingStreet": "(null)", "ShippingLatitude": "(null)",
			"CreatedDate": "2023-07-29T21:57:23.000Z", "LastModifiedDate": "2023-07-29T21:57:23.000Z", "CleanStatus": "Pending",
			"Active__c": "Yes", "Some_Email__c": "asdkjansd@asd.com", "Some_Check_Box__c": "true", "Amount_Owed__c": "(null)",
			"Some_Geolocation__Latitude__s": "(null)", "LastActivityDate": "(hidden)", "->PersonContactId": "(null)",
		},
		{
			"Name": "Bulk Acc3", "Phone": "4512361522", "ShippingCountry": "United States", "ShippingStreet": "(null)", "ShippingLatitude": "(null)",
			"CreatedDate": "2023-07-29T21:57:23.000Z", "LastModifiedDate": "2023-07-29T21:57:23.000Z", "CleanStatus": "Pending",
			"Active__c": "No", "Some_Email__c": "2133445ds@sd.com", "Some_Check_Box__c": "true", "Amount_Owed__c": "(null)",
			"Some_Geolocation__Latitude__s": "(null)", "LastActivityDate": "(hidden)", "->PersonContactId": "(null)",
		},
		{"LastModifiedDate": "2026-02-17T01:29:32.000Z", "Amount_Owed__c": "3233"},
		{"LastModifiedDate": "2023-05-27T16:45:22.000Z", "Name": "Burlington Textiles Corp of AmeAa"},
	}
	change := minimize.NewChange()
	for i, g := range goldens(t) {
		events, err := table.Events(captured(t, "captured-events", g.SchemaFile))
		if err != nil {
			t.Fatal(err)
		}
		if err := events.Decode(change, g.Payload); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wants[i], show(table, change)); diff != "" {
			t.Error(g.Source, diff)
		}
		var h struct {
			EntityName, ChangeType, ChangeOrigin, TransactionKey string
			RecordIds                                            []string
			SequenceNumber                                       int
			CommitTimestamp                                      int64
		}
		if err := json.Unmarshal(g.Decoded["ChangeEventHeader"], &h); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprint(h.EntityName, " ", strings.ToLower(h.ChangeType), " ", h.RecordIds, h.CommitTimestamp/1000, h.TransactionKey, h.SequenceNumber, h.ChangeOrigin)
		var ids []string
		for i := range change.Len() {
			ids = append(ids, change.RecordID(i))
		}
		got := fmt.Sprint(change.Entity(), " ", change.Kind(), " ", ids, change.Commit(), change.TransactionKey(), change.Sequence(), change.Origin())
		if got != want {
			t.Errorf("header %s\nwant   %s", got, want)
		}
		if change.Stamp() != 0 || change.Retyped() || change.Touched() != (change.Kind() == minimize.Update) {
			t.Error(g.Source, change.Stamp(), change.Retyped(), change.Touched())
		}
		if got := fmt.Sprint(events.Missing()); !strings.HasPrefix(got, "[LastActivityDate") || strings.Contains(got, "Phone") {
			t.Error("missing", got)
		}
		unlisted := strings.Join(events.Unlisted(), " ")
		for _, name := range []string{"Website", "ShippingAddress.City", "BillingAddress.Street", "Name.LastName", "PersonEmail", "Some_Geolocation__c.Longitude"} {
			if !strings.Contains(" "+unlisted+" ", " "+name+" ") {
				t.Errorf("%s is not reported", name)
			}
		}
		for _, name := range []string{"Phone", "ShippingAddress", "ShippingAddress.Street", "ChangeEventHeader"} {
			if strings.Contains(" "+unlisted+" ", " "+name+" ") {
				t.Errorf("%s is reported", name)
			}
		}
	}
}

// person is an Account of an org with person accounts: positions 0 header, 1 Name
// (text or record), 2 RecordTypeId, 3 PersonContactId, 4 ShippingAddress, 5 Phone,
// 6 Description, 7 Amount_Owed__c, 8 OwnerId, 9 Website.
var person = changeEvent("AccountChangeEvent",
	`{"name":"Name","type":["null","string",{"type":"record","name":"Switchable_PersonName","fields":[{"name":"Salutation","type":["null","string"]},{"name":"FirstName","type":["null","string"]}]}]}`,
	`{"name":"RecordTypeId","type":["null","string"]}`, `{"name":"PersonContactId","type":["null","string"]}`,
	`{"name":"ShippingAddress","type":["null",{"type":"record","name":"Address","fields":[{"name":"Street","type":["null","string"]},{"name":"City","type":["null","string"]},{"name":"Latitude","type":["null","double"]}]}]}`,
	`{"name":"Phone","type":["null","string"]}`, `{"name":"Description","type":["null","string"]}`,
	`{"name":"Amount_Owed__c","type":["null","double"]}`, `{"name":"OwnerId","type":["null","string"]}`, `{"name":"Website","type":["null","string"]}`)

func TestUpdate(t *testing.T) {
	table := compile(t, "Account", `
person: [PersonContactId]
plain: {OwnerId, Amount_Owed__c: {category: user.financial}, LastActivityDate}
personal: {Name, Phone, Description, ShippingStreet, ShippingCity, ShippingLatitude}`, accountFields+"\nDescription textarea\nWebsite url")
	events, err := table.Events([]byte(person))
	if err != nil {
		t.Fatal(err)
	}
	schema := oracle.MustParse(person)
	address := func(street, city, latitude any) map[string]any {
		return map[string]any{"Street": street, "City": city, "Latitude": latitude}
	}
	change := minimize.NewChange()
	for _, c := range []struct {
		name                  string
		header, body          map[string]any
		changed, nulled, diff []string
		want                  map[string]string
		untouched, retyped    bool
	}{
		{name: "nothing listed", body: map[string]any{"Website": "w"}, changed: []string{"0x0200"}, untouched: true},
		{name: "no list at all", body: map[string]any{"Phone": "1"}, untouched: true},
		{name: "a value", body: map[string]any{"Phone": "1"}, changed: []string{"0x20"}, want: map[string]string{"Phone": "1"}},
		{name: "an empty text", body: map[string]any{"Phone": ""}, changed: []string{"0x20"}, want: map[string]string{"Phone": "(null)"}},
		{name: "hidden is not null", changed: []string{"0x20"}, want: map[string]string{"Phone": "(hidden)"}},
		{name: "nulled", changed: []string{"0x20"}, nulled: []string{"0x20"}, want: map[string]string{"Phone": "(null)"}},
		{name: "nulled alone", nulled: []string{"0x20"}, want: map[string]string{"Phone": "(null)"}},
		{name: "enriched", body: map[string]any{"Phone": "1", "Description": "d"}, changed: []string{"0x20"}, want: map[string]string{"Phone": "1"}},
		{name: "a difference", body: map[string]any{"Description": "--- \n+++ "}, diff: []string{"0x40"}, want: map[string]string{"Description": "(diff)"}},
		{name: "a street alone", body: map[string]any{"ShippingAddress": address("s", nil, nil)}, changed: []string{"4-0x01"}, want: map[string]string{"ShippingStreet": "s"}},
		{name: "coordinates", body: map[string]any{"ShippingAddress": address(nil, nil, -37.7939841)}, changed: []string{"4-0x04"}, want: map[string]string{"ShippingLatitude": "-37.7939841"}},
		{name: "a whole address", body: map[string]any{"ShippingAddress": address("s", "c", nil)}, changed: []string{"0x10"}, want: map[string]string{"ShippingStreet": "s", "ShippingCity": "c", "ShippingLatitude": "(hidden)"}},
		{name: "a whole address nulled by its parts", changed: []string{"4-0x07"}, nulled: []string{"4-0x07"}, want: map[string]string{"ShippingStreet": "(null)", "ShippingCity": "(null)", "ShippingLatitude": "(null)"}},
		{name: "money", body: map[string]any{"Amount_Owed__c": 0.1}, changed: []string{"0x80"}, want: map[string]string{"Amount_Owed__c": "0.1"}},
		{name: "money of many digits", body: map[string]any{"Amount_Owed__c": 1e16}, changed: []string{"0x80"}, want: map[string]string{"Amount_Owed__c": "(imprecise)"}},
		{name: "business account's name", body: map[string]any{"Name": "ACME"}, changed: []string{"0x02"}, want: map[string]string{"Name": "ACME"}},
		{name: "person account's name", body: map[string]any{"Name": map[string]any{"Salutation": nil, "FirstName": "Ann"}}, changed: []string{"1-0x02"}, want: map[string]string{"Name": "(hidden)"}},
		{name: "person account's name loses a part", body: map[string]any{"Name": map[string]any{"Salutation": nil, "FirstName": nil}}, changed: []string{"1-0x01"}, nulled: []string{"1-0x01"}, want: map[string]string{"Name": "(hidden)"}},
		{name: "a reference", body: map[string]any{"PersonContactId": "003Dp00000JJkkHIAT"}, changed: []string{"0x08"}, want: map[string]string{"->PersonContactId": "003Dp00000JJkkHIAT"}},
		{name: "a reference nulled", changed: []string{"0x08"}, nulled: []string{"0x08"}, want: map[string]string{"->PersonContactId": "(null)"}},
		{name: "a column that is an id", body: map[string]any{"OwnerId": "005Dp000000Ppjs"}, changed: []string{"0x0100"}, want: map[string]string{"OwnerId": "005Dp000000PpjsIAC"}},
		{name: "record type", body: map[string]any{"RecordTypeId": "012Dp000000Cx1rIAC"}, changed: []string{"0x04"}, retyped: true},
		{name: "a delete's enriched body", header: map[string]any{"changeType": "DELETE"}, body: map[string]any{"Phone": "1"}, changed: []string{"0x20"}, untouched: true},
		{name: "a gap", header: map[string]any{"changeType": "GAP_UPDATE"}, body: map[string]any{"Phone": "1"}, changed: []string{"0x20"}, untouched: true},
		{name: "an undelete", header: map[string]any{"changeType": "UNDELETE"}, body: map[string]any{"Phone": "1", "ShippingAddress": address("s", nil, nil)}, untouched: true,
			want: map[string]string{"Phone": "1", "ShippingStreet": "s", "ShippingCity": "(null)", "ShippingLatitude": "(null)", "Name": "(null)", "Description": "(null)",
				"Amount_Owed__c": "(null)", "OwnerId": "(null)", "LastActivityDate": "(hidden)", "->PersonContactId": "(null)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := created("Account", "001Dp00000JJkkHIAT", "001Dp00000JJkjiIAD")
			header["changeType"] = "UPDATE"
			maps.Copy(header, c.header)
			header["changedFields"], header["nulledFields"], header["diffFields"] = append([]string{}, c.changed...), append([]string{}, c.nulled...), append([]string{}, c.diff...)
			if err := events.Decode(change, encode(t, schema, header, c.body)); err != nil {
				t.Fatal(err)
			}
			if c.want == nil {
				c.want = map[string]string{}
			}
			if diff := cmp.Diff(c.want, show(table, change)); diff != "" {
				t.Error(diff)
			}
			if change.Touched() == c.untouched || change.Retyped() != c.retyped || change.Len() != 2 {
				t.Error("touched", change.Touched(), "retyped", change.Retyped(), change.Len())
			}
		})
	}
}

// encode writes an event; what the body does not have is null.
func encode(t testing.TB, schema *oracle.Schema, header, body map[string]any) []byte {
	t.Helper()
	event := map[string]any{"ChangeEventHeader": header}
	for _, f := range schema.Root().Fields[1:] {
		event[f.Name] = body[f.Name]
	}
	payload, err := schema.AppendEncode(nil, event)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func TestEventKinds(t *testing.T) {
	table := compile(t, "Account", "plain: [Phone]", accountFields)
	events, err := table.Events([]byte(person))
	if err != nil {
		t.Fatal(err)
	}
	schema := oracle.MustParse(person)
	change := minimize.NewChange()
	one := []string{"001Dp00000JJkkHIAT"}
	for _, c := range []struct {
		symbol string
		ids    []string
		want   minimize.Kind
		n      int
	}{
		{"CREATE", one, minimize.Create, 1},
		{"UPDATE", one, minimize.Update, 1},
		{"DELETE", []string{one[0], "001Dp00000JJkji"}, minimize.Delete, 2},
		{"UNDELETE", one, minimize.Undelete, 1},
		{"GAP_CREATE", one, minimize.Gap, 1},
		{"GAP_UPDATE", one, minimize.Gap, 1},
		{"GAP_DELETE", one, minimize.Gap, 1},
		{"GAP_UNDELETE", one, minimize.Gap, 1},
		{"SNAPSHOT", one, minimize.Gap, 1},
		{"GAP_OVERFLOW", []string{"000000000000000AAA"}, minimize.Overflow, 0},
		{"GAP_OVERFLOW", nil, minimize.Overflow, 0},
		{"UPDATE", []string{"001*"}, minimize.Overflow, 0},
		{"CREATE", []string{one[0], "000000000000000AAA"}, minimize.Overflow, 0},
		{"UPDATE", []string{"not an id"}, 0, 0},
		{"UPDATE", nil, 0, 0},
	} {
		t.Run(fmt.Sprint(c.symbol, c.ids), func(t *testing.T) {
			header := created("Account", c.ids...)
			header["changeType"] = c.symbol
			err := events.Decode(change, encode(t, schema, header, nil))
			if (c.want == 0) != errors.Is(err, fault.PayloadInvalid) || change.Kind() != c.want || change.Len() != c.n {
				t.Errorf("%v of %d records, %v; want %v of %d", change.Kind(), change.Len(), err, c.want, c.n)
			}
			if change.Len() > 1 && change.RecordID(1) != "001Dp00000JJkjiIAD" {
				t.Error(change.RecordID(1))
			}
		})
	}
}

func TestEventRefuses(t *testing.T) {
	table := compile(t, "Account", "plain: [Phone]", accountFields)
	for name, schema := range map[string]string{
		"not a schema": `{"type":`, "not a change event": `{"type":"record","name":"X","fields":[{"name":"Phone","type":"string"}]}`,
	} {
		if _, err := table.Events([]byte(schema)); !errors.Is(err, fault.SchemaInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	events, err := table.Events([]byte(person))
	if err != nil {
		t.Fatal(err)
	}
	schema := oracle.MustParse(person)
	good := encode(t, schema, created("Account", "001Dp00000JJkkHIAT"), map[string]any{"Phone": "1"})
	garbled := created("Account", "001Dp00000JJkkHIAT")
	garbled["changeType"], garbled["changedFields"] = "UPDATE", []string{"0xZZ"}
	for name, payload := range map[string][]byte{
		"empty": nil, "cut": good[:len(good)-1], "too long": append(good[:len(good):len(good)], 0),
		"another object": encode(t, schema, created("Contact", "003Dp00000JJkkHIAT"), nil),
		"a wrong list":   encode(t, schema, garbled, nil),
	} {
		change := minimize.NewChange()
		if err := events.Decode(change, good); err != nil {
			t.Fatal(err)
		}
		if err := events.Decode(change, payload); !errors.Is(err, fault.PayloadInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if state, _ := change.Value(0); state != minimize.Unset || change.Kind() != 0 || change.Len() != 0 || change.TransactionKey() != "" {
			t.Errorf("%s: the change still says something", name)
		}
	}
}

func TestCoarse(t *testing.T) {
	for _, c := range []struct{ described, avro, category, value, want string }{
		{"date", `"long"`, "user.demographic.date_of_birth", "1956-03-04", "1956"},
		{"datetime", `"long"`, "user.demographic.date_of_birth", "1956-03-04T05:06:07.000Z", "1956"},
		{"string", `"string"`, "user.contact.address.postal_code", "94105", "941"},
		{"string", `"string"`, "user.contact.address.postal_code", "02138-1234", "021"},
		{"string", `"string"`, "user.contact.address.postal_code", "SW1A 1AA", "(null)"},
		{"string", `"string"`, "user.contact.address.postal_code", "", "(null)"},
	} {
		t.Run(c.value, func(t *testing.T) {
			s := newSingle(t, c.described, c.avro)
			s.table = compile(t, "Test__c", "coarse: {X__c: {category: "+c.category+"}}", "X__c "+c.described)
			var err error
			if s.events, err = s.table.Events([]byte(s.schema.String())); err != nil {
				t.Fatal(err)
			}
			if s.rows, err = s.table.Rows([]string{"Id", "SystemModstamp", "X__c"}); err != nil {
				t.Fatal(err)
			}
			s.records = s.table.Records()
			value := any(c.value)
			switch c.described {
			case "date":
				value = int64(-436233600000)
			case "datetime":
				value = int64(-436215233000)
			}
			if got := s.event(t, value); got != c.want {
				t.Errorf("an event: %s, want %s", got, c.want)
			}
			if got, err := s.record(`"` + c.value + `"`); got != c.want || err != nil {
				t.Errorf("a record: %s, want %s, %v", got, c.want, err)
			}
			if got, err := s.row(c.value); got != c.want || err != nil {
				t.Errorf("a row: %s, want %s, %v", got, c.want, err)
			}
		})
	}
}

// TestRecordType: only an account becomes another kind of record with its type.
func TestRecordType(t *testing.T) {
	table := compile(t, "Store__c", "plain: {City__c: {category: user.contact.address.city}}", "City__c string\nRecordTypeId reference to=RecordType")
	schema := changeEvent("Store__ChangeEvent", `{"name":"RecordTypeId","type":["null","string"]}`, `{"name":"City__c","type":["null","string"]}`)
	events, err := table.Events([]byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	header := created("Store__c", id)
	header["changeType"], header["changedFields"] = "UPDATE", []string{"0x02"}
	change := minimize.NewChange()
	if err := events.Decode(change, encode(t, oracle.MustParse(schema), header, map[string]any{"RecordTypeId": "012Dp000000Cx1rIAC"})); err != nil {
		t.Fatal(err)
	}
	if change.Touched() || change.Retyped() {
		t.Error("touched", change.Touched(), "retyped", change.Retyped())
	}
}
