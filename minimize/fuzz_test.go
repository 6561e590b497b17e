package minimize_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// FuzzParse: what parses is valid, has a hash, and parses no differently twice; what
// does not is a fault of the policy, at a place within the text.
func FuzzParse(f *testing.F) {
	f.Add([]byte(shop))
	for _, c := range refused {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := minimize.Parse(text)
		if err != nil {
			var e *fault.Error
			if !errors.As(err, &e) || e.Code() != fault.PolicyInvalid || p != nil {
				t.Fatal(err)
			}
			return
		}
		if err := p.Validate(); err != nil {
			t.Fatal("parsed, but", err)
		}
		again, err := minimize.Parse(text)
		if err != nil || again.Hash() != p.Hash() || len(p.Hash()) != 64 {
			t.Fatal(err, p.Hash())
		}
	})
}

// FuzzRecord: a record is refused, or it is a JSON object and every Known value is
// canonical: decoding the change's own text again gives the same.
func FuzzRecord(f *testing.F) {
	table := compile(f, "Contact", contactPolicy, contactFields)
	records, rows := table.Records(), table.SelectList()
	again, err := table.Rows(rows)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(contactRecord))
	f.Add([]byte(strings.ReplaceAll(contactRecord, "null", `""`)))
	f.Add([]byte(strings.ReplaceAll(contactRecord, "-37.793984", "1.5E-3")))
	short := `{"Id":"003Dp00000JJkkHIAT","SystemModstamp":"2022-03-18T16:21:26.000Z","AccountId":null,"CreatedDate":null,` +
		`"HasOptedOutOfEmail":true,"Birthdate":null,"MailingPostalCode":"9","FirstName":"\ud83d\ude00","Email":"a","Shop__Latitude__s":0}`
	f.Add([]byte(short))
	f.Add([]byte(strings.ReplaceAll(short, "null", `"2022-03-18T16:21:26.000+0100"`)))
	f.Fuzz(func(t *testing.T, record []byte) {
		change := minimize.NewChange()
		if err := records.Decode(change, record); err != nil {
			if !errors.Is(err, fault.PayloadInvalid) || change.Kind() != 0 {
				t.Fatal(err)
			}
			return
		}
		if !json.Valid(record) || change.Len() != 1 {
			t.Fatalf("accepted %q", record)
		}
		canonical(t, table, change, again)
	})
}

// FuzzRow is FuzzRecord for the cells of a row, written as CSV.
func FuzzRow(f *testing.F) {
	table := compile(f, "Contact", contactPolicy, contactFields)
	rows, err := table.Rows(table.SelectList())
	if err != nil {
		f.Fatal(err)
	}
	f.Add("003Dp00000JJkkHIAT,2022-03-18T16:21:26.000Z,001Dp00000JJkkHIAT,1961-02-03,2022-03-17T16:21:26.000Z,ann@example.com,Ann,false,94105,-37.7")
	f.Add("003Dp00000JJkkHIAT,2022-03-18T16:21:26.000+0000,,,,,,,,1.5E7")
	f.Fuzz(func(t *testing.T, line string) {
		text, err := csv.NewReader(strings.NewReader(line)).Read()
		if err != nil {
			return
		}
		var cells [][]byte
		for _, cell := range text {
			cells = append(cells, []byte(cell))
		}
		change := minimize.NewChange()
		if err := rows.Decode(change, cells); err != nil {
			if !errors.Is(err, fault.PayloadInvalid) || change.Kind() != 0 {
				t.Fatal(err)
			}
			return
		}
		canonical(t, table, change, rows)
	})
}

// canonical checks what a read says: text that is valid, and that means the same
// when it is read again.
func canonical(t *testing.T, table *minimize.Table, change minimize.Change, rows *minimize.RowProjection) {
	t.Helper()
	cells := make([][]byte, len(table.SelectList()))
	cells[0], cells[1] = []byte(change.RecordID(0)), []byte("2022-03-18T16:21:26.000Z")
	for i, c := range table.Columns() {
		state, text := change.Value(i)
		if state != minimize.Null && state != minimize.Known || state == minimize.Known && len(text) == 0 || !utf8.Valid(text) {
			t.Fatalf("%s is %v %q", c.Name, state, text)
		}
		if c.Class == minimize.Coarse {
			if len(text) != 0 && len(text) != 3 && len(text) != 4 {
				t.Fatalf("%s is %q", c.Name, text)
			}
			continue
		}
		cells[slices.Index(table.SelectList(), c.Source)] = bytes.Clone(text)
	}
	second := minimize.NewChange()
	if err := rows.Decode(second, cells); err != nil {
		t.Fatalf("%v of %q", err, cells)
	}
	for i, c := range table.Columns() {
		_, first := change.Value(i)
		if _, text := second.Value(i); c.Class != minimize.Coarse && !bytes.Equal(text, first) {
			t.Fatalf("%s is %q, then %q", c.Name, first, text)
		}
	}
}
