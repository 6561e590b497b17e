package minimize_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

const contactPolicy = `
person: [AccountId]
plain: {AccountId, CreatedDate, HasOptedOutOfEmail}
coarse: {Birthdate, MailingPostalCode}
personal: {FirstName, Email, Shop__Latitude__s: {category: user.location.precise}}`

var contactSaid = map[string]string{
	"AccountId": "001Dp00000JJkkHIAT", "->AccountId": "001Dp00000JJkkHIAT", "CreatedDate": "2022-03-17T16:21:26.000Z",
	"HasOptedOutOfEmail": "false", "Birthdate": "1961", "MailingPostalCode": "941", "FirstName": "(null)",
	"Email": "ann@example.com", "Shop__Latitude__s": "-37.793984",
}

const contactRecord = `{
  "attributes" : {"type":"Contact","url":"/services/data/v66.0/sobjects/Contact/003Dp00000JJkkHIAT"},
  "Birthdate" : "1961-02-03", "Phone" : "unlisted", "Account" : {"attributes":{},"Email":"nested@example.com"},
  "Id" : "003Dp00000JJkkHIAT", "AccountId" : "001Dp00000JJkkHIAT", "CreatedDate" : "2022-03-17T16:21:26.000+0000",
  "HasOptedOutOfEmail" : false, "MailingPostalCode" : "\u0039\u00341\u00305", "FirstName" : null,
  "\u0045mail" : "ann@\u0065xample.com", "Shop__Latitude__s" : -37.793984,
  "SystemModstamp" : "2022-03-18T16:21:26.000+0000"
}`

func TestRecords(t *testing.T) {
	table := compile(t, "Contact", contactPolicy, contactFields)
	records, change := table.Records(), minimize.NewChange()
	record := contactRecord
	if err := records.Decode(change, []byte(record)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(contactSaid, show(table, change)); diff != "" {
		t.Error(diff)
	}
	if change.Kind() != minimize.Read || change.Len() != 1 || change.RecordID(0) != "003Dp00000JJkkHIAT" ||
		change.Stamp() != 1647620486 || change.Commit() != 0 || change.Entity() != "Contact" || change.Touched() {
		t.Error(change.Kind(), change.Len(), change.RecordID(0), change.Stamp(), change.Commit(), change.Entity())
	}
	for name, bad := range map[string]string{
		"nothing":           "",
		"null":              "null",
		"an array":          "[]",
		"cut":               record[:len(record)-2],
		"followed by more":  record + "{}",
		"not UTF-8":         strings.Replace(record, "ann@", "ann\xff", 1),
		"a listed twin":     strings.Replace(record, `"Phone"`, `"Email"`, 1),
		"an Id twice":       strings.Replace(record, `"Phone" : "unlisted"`, `"Id":"003Dp00000JJkkHIAT"`, 1),
		"a stamp twice":     strings.Replace(record, `"Phone" : "unlisted"`, `"SystemModstamp":"2022-03-18T16:21:26.000+0000"`, 1),
		"a missing field":   strings.Replace(record, `"Birthdate"`, `"Birthday"`, 1),
		"a missing Id":      strings.Replace(record, `"Id"`, `"ID"`, 1),
		"an Id of null":     strings.Replace(record, `"003Dp00000JJkkHIAT", "A`, `null, "A`, 1),
		"a wrong Id":        strings.Replace(record, `"003Dp00000JJkkHIAT", "A`, `"003Dp00000JJkkHIAA", "A`, 1),
		"a wrong stamp":     strings.Replace(record, `2022-03-18T`, `2022-03-32T`, 1),
		"a wrong reference": strings.Replace(record, `001Dp00000JJkkHIAT`, `001Dp00000JJkkHIAA`, 1),
		"a compound":        strings.Replace(record, `"1961-02-03"`, `{"year":1961}`, 1),
	} {
		if err := records.Decode(change, []byte(bad)); !errors.Is(err, fault.PayloadInvalid) || strings.Contains(err.Error(), "ann") {
			t.Errorf("%s: %v", name, err)
		}
		if change.Kind() != 0 || change.Len() != 0 {
			t.Errorf("%s: the change still says something", name)
		}
	}
}

func TestRows(t *testing.T) {
	table := compile(t, "Contact", contactPolicy, contactFields)
	cells := map[string]string{
		"Id": "003Dp00000JJkkHIAT", "SystemModstamp": "2022-03-18T16:21:26.000Z", "AccountId": "001Dp00000JJkkHIAT",
		"CreatedDate": "2022-03-17T16:21:26.000Z", "HasOptedOutOfEmail": "false", "Birthdate": "1961-02-03",
		"MailingPostalCode": "94105", "FirstName": "", "Email": "ann@example.com", "Shop__Latitude__s": "-37.793984",
		"Phone": "unlisted",
	}
	change := minimize.NewChange()
	for _, order := range []string{"sorted", "reversed"} {
		header := slices.Sorted(maps.Keys(cells))
		if order == "reversed" {
			slices.Reverse(header)
		}
		rows, err := table.Rows(header)
		if err != nil {
			t.Fatal(err)
		}
		row := make([][]byte, len(header))
		for i, name := range header {
			row[i] = []byte(cells[name])
		}
		if err := rows.Decode(change, row); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(contactSaid, show(table, change)); diff != "" {
			t.Error(diff)
		}
		if change.Kind() != minimize.Read || change.RecordID(0) != cells["Id"] || change.Stamp() != 1647620486 {
			t.Error(change.Kind(), change.RecordID(0), change.Stamp())
		}
		at := func(name string) int { return slices.Index(header, name) }
		for name, spoil := range map[string]func(row [][]byte) [][]byte{
			"too short":    func(row [][]byte) [][]byte { return row[1:] },
			"too long":     func(row [][]byte) [][]byte { return append(row, nil) },
			"no Id":        func(row [][]byte) [][]byte { row[at("Id")] = nil; return row },
			"no stamp":     func(row [][]byte) [][]byte { row[at("SystemModstamp")] = nil; return row },
			"wrong number": func(row [][]byte) [][]byte { row[at("Shop__Latitude__s")] = []byte("north"); return row },
		} {
			if err := rows.Decode(change, spoil(slices.Clone(row))); !errors.Is(err, fault.PayloadInvalid) || change.Kind() != 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := table.Rows(append(header, "Email")); !errors.Is(err, fault.ResponseInvalid) {
			t.Errorf("a name twice: %v", err)
		}
		if _, err := table.Rows(header[1:]); (header[0] != "Phone") != errors.Is(err, fault.ResponseInvalid) {
			t.Errorf("without %s: %v", header[0], err)
		}
	}
}

// TestChangePrints: no way to print a change shows what it holds.
func TestChangePrints(t *testing.T) {
	table := compile(t, "Contact", contactPolicy, contactFields)
	change := minimize.NewChange()
	if err := table.Records().Decode(change, []byte(contactRecord)); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", change)
		fmt.Fprintf(&out, verb+"\n", []any{&change, map[string]minimize.Change{"a": change}})
	}
	text, _ := json.Marshal(change) //lint:ignore SA9005 that nothing comes out is the point
	out.Write(text)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("change", "change", change)
	slog.New(slog.NewTextHandler(&out, nil)).Info("change", "change", change)
	for _, secret := range []string{"ann@", "example.com", "1961", "-37.7", "616e6e40", "003Dp"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is printed", secret)
		}
	}
}
