package minimize_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	oracle "github.com/twmb/avro"
)

// single is a table of one plain column X__c, and the three ways into it.
type single struct {
	table   *minimize.Table
	schema  *oracle.Schema
	events  *minimize.EventProjection
	rows    *minimize.RowProjection
	records *minimize.RecordProjection
	change  minimize.Change
}

const stamp = "2024-05-06T07:08:09.000Z"

// newSingle has a column of a describe's type (with further words, see describe),
// which events have as an Avro type.
func newSingle(t testing.TB, described, avro string) *single {
	t.Helper()
	s := &single{change: minimize.NewChange()}
	s.table = compile(t, "Test__c", "plain: {X__c: {category: user.behavior}}", "X__c "+described)
	schema := changeEvent("Test__ChangeEvent", `{"name":"X__c","type":["null",`+avro+`]}`)
	var err error
	if s.schema, err = oracle.Parse(schema); err != nil {
		t.Fatal(err)
	}
	if s.events, err = s.table.Events([]byte(schema)); err != nil {
		t.Fatal(err)
	}
	if s.rows, err = s.table.Rows([]string{"Id", "SystemModstamp", "X__c"}); err != nil {
		t.Fatal(err)
	}
	s.records = s.table.Records()
	return s
}

func (s *single) said(t testing.TB) string {
	state, text := s.change.Value(0)
	return one(state, text)
}

func (s *single) event(t testing.TB, value any) string {
	t.Helper()
	payload, err := s.schema.AppendEncode(nil, map[string]any{
		"ChangeEventHeader": created("Test__c", "a00Dp00000JJkkHIAT"), "X__c": value,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.events.Decode(s.change, payload); err != nil {
		t.Fatal(err)
	}
	return s.said(t)
}

func (s *single) row(cell string) (string, error) {
	err := s.rows.Decode(s.change, [][]byte{[]byte(id), []byte(stamp), []byte(cell)})
	state, text := s.change.Value(0)
	return one(state, text), err
}

func (s *single) record(value string) (string, error) {
	err := s.records.Decode(s.change, []byte(`{"attributes":{"type":"Test__c"},"Id":"`+id+`","SystemModstamp":"2024-05-06T07:08:09.000+0000","X__c":`+value+`}`))
	state, text := s.change.Value(0)
	return one(state, text), err
}

var id = "a00Dp00000JJkkH" + "IAT"

// changeEvent is a schema as Salesforce writes it, with further fields.
func changeEvent(name string, fields ...string) string {
	return `{"type":"record","name":"` + name + `","namespace":"com.sforce.eventbus","fields":[{"name":"ChangeEventHeader","type":{"type":"record","name":"ChangeEventHeader","fields":[
		{"name":"entityName","type":"string"},{"name":"recordIds","type":{"type":"array","items":"string"}},
		{"name":"changeType","type":{"type":"enum","name":"ChangeType","symbols":["CREATE","UPDATE","DELETE","UNDELETE","GAP_CREATE","GAP_UPDATE","GAP_DELETE","GAP_UNDELETE","GAP_OVERFLOW","SNAPSHOT"]}},
		{"name":"changeOrigin","type":"string"},{"name":"transactionKey","type":"string"},{"name":"sequenceNumber","type":"int"},
		{"name":"commitTimestamp","type":"long"},{"name":"commitNumber","type":"long"},{"name":"commitUser","type":"string"},
		{"name":"nulledFields","type":{"type":"array","items":"string"}},{"name":"diffFields","type":{"type":"array","items":"string"}},
		{"name":"changedFields","type":{"type":"array","items":"string"}}]}},` + strings.Join(fields, ",") + `]}`
}

// created is the header of a CREATE; of another change, overwrite members.
func created(object string, ids ...string) map[string]any {
	return map[string]any{
		"entityName": object, "recordIds": ids, "changeType": "CREATE",
		"changeOrigin": "com/salesforce/api/rest/66.0;client=test", "transactionKey": "00003adb-6942-447e-6033-9e8fe741230f",
		"sequenceNumber": int32(2), "commitTimestamp": int64(1771300995000), "commitNumber": int64(12279648331300),
		"commitUser": "005Dp000000PpjsIAC", "nulledFields": []string{}, "diffFields": []string{}, "changedFields": []string{},
	}
}

func TestCanonical(t *testing.T) {
	ms := func(text string) int64 {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at.UnixMilli()
	}
	for _, c := range []struct {
		name, described, avro string
		event                 any
		json, cell            string
		want                  string
	}{
		{"text", "string", `"string"`, "Zoë \"Q\"\r\n", `"Zo\u00eb \"Q\"\r\n"`, "Zoë \"Q\"\r\n", "Zoë \"Q\"\r\n"},
		{"empty text", "string", `"string"`, "", `""`, "", "(null)"},
		{"null", "string", `"string"`, nil, `null`, "", "(null)"},
		{"picklist", "multipicklist", `"string"`, "a;b", `"a;b"`, "a;b", "a;b"},
		{"true", "boolean", `"boolean"`, true, `true`, "true", "true"},
		{"false", "boolean", `"boolean"`, false, `false`, "false", "false"},
		{"integer", "int", `"int"`, int32(-42), `-42`, "-42", "-42"},
		{"integer with a point", "int", `"int"`, int32(42), `42.0`, "42.0", "42"},
		{"money", "currency digits=18.2", `"double"`, 3233.0, `3233.0`, "3233.0", "3233"},
		{"cents", "currency digits=18.2", `"double"`, 19.99, `19.99`, "19.990", "19.99"},
		{"0.1", "double digits=18.2", `"double"`, 0.1, `0.1`, "0.10", "0.1"},
		{"0.3 of 0.1 and 0.2", "double digits=18.2", `"double"`, 0.3, `0.30`, "3000e-4", "0.3"},
		{"minus zero", "double digits=18.2", `"double"`, math.Copysign(0, -1), `-0.0`, "-0", "0"},
		{"java's exponent", "double digits=18.2", `"double"`, 1.25e7, `1.25E7`, "1.25E+7", "12500000"},
		{"small", "double digits=18.9", `"double"`, 0.000000001, `1e-9`, "1.0E-9", "0.000000001"},
		{"fifteen digits", "double digits=18.2", `"double"`, 1234567890123.45, `1234567890123.45`, "1234567890123.45", "1234567890123.45"},
		{"date", "date", `"long"`, ms("2024-02-29T00:00:00Z"), `"2024-02-29"`, "2024-02-29", "2024-02-29"},
		{"date before 1970", "date", `"long"`, ms("1931-11-30T00:00:00Z"), `"1931-11-30"`, "1931-11-30", "1931-11-30"},
		{"date in 1700", "date", `"long"`, ms("1700-01-01T00:00:00Z"), `"1700-01-01"`, "1700-01-01", "1700-01-01"},
		{"date in 4000", "date", `"long"`, ms("4000-12-31T00:00:00Z"), `"4000-12-31"`, "4000-12-31", "4000-12-31"},
		{"datetime", "datetime", `"long"`, ms("2022-03-17T16:21:26.007Z"), `"2022-03-17T16:21:26.007+0000"`, "2022-03-17T16:21:26.007Z", "2022-03-17T16:21:26.007Z"},
		{"datetime before 1970", "datetime", `"long"`, ms("1969-12-31T23:59:59.999Z"), `"1969-12-31T23:59:59.999+0000"`, "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"},
		{"datetime elsewhere", "datetime", `"long"`, ms("2022-03-17T23:30:00Z"), `"2022-03-18T01:00:00.000+01:30"`, "2022-03-17T16:30:00-0700", "2022-03-17T23:30:00.000Z"},
		{"time", "time", `"long"`, int64(86399999), `"23:59:59.999Z"`, "23:59:59.999Z", "23:59:59.999Z"},
		{"midnight", "time", `"long"`, int64(0), `"00:00:00.000Z"`, "00:00:00.000Z", "00:00:00.000Z"},
		{"id", "reference to=User", `"string"`, "005Dp000000PpjsIAC", `"005Dp000000PpjsIAC"`, "005Dp000000Ppjs", "005Dp000000PpjsIAC"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSingle(t, c.described, c.avro)
			if got := s.event(t, c.event); got != c.want {
				t.Errorf("an event: %q, want %q", got, c.want)
			}
			if got, err := s.record(c.json); got != c.want || err != nil {
				t.Errorf("a record: %q, %v, want %q", got, err, c.want)
			}
			if got, err := s.row(c.cell); got != c.want || err != nil {
				t.Errorf("a row: %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

// TestImprecise: a number is Known only if no other decimal of the field's
// precision becomes the same double.
func TestImprecise(t *testing.T) {
	for _, c := range []struct {
		name, described string
		value           float64
		want            string
	}{
		{"0.1 + 0.2", "double digits=18.2", 0.1 + 0.2 + 0, "(imprecise)"},
		{"2^53 + 1", "double digits=18.0", 9007199254740993, "(imprecise)"},
		{"round and large", "double digits=18.0", 1e17, "(imprecise)"},
		{"round and large of few digits", "double digits=15.0", 1e14, "100000000000000"},
		{"at the limit of cents", "currency digits=18.2", 1e13, "(imprecise)"},
		{"below the limit of cents", "currency digits=18.2", 9999999999999.99, "9999999999999.99"},
		{"beyond all numbers", "double digits=3.0", 1e18, "(imprecise)"},
		{"not a number", "double digits=18.2", math.NaN(), "(hidden)"},
		{"infinite", "double digits=18.2", math.Inf(1), "(hidden)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			value := c.value
			if c.name == "0.1 + 0.2" { // not the exact sum that constants have
				a, b := 0.1, 0.2
				value = a + b
			}
			if got := newSingle(t, c.described, `"double"`).event(t, value); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestCanonicalAgrees draws random values and tells them in all three ways.
func TestCanonicalAgrees(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	agree := func(t *testing.T, s *single, event any, json, cell, want string) {
		t.Helper()
		if got := s.event(t, event); got != want && got != "(imprecise)" {
			t.Fatalf("an event has %v as %s, want %s", event, got, want)
		}
		if got, err := s.record(json); got != want || err != nil {
			t.Fatalf("a record has %s as %s, %v, want %s", json, got, err, want)
		}
		if got, err := s.row(cell); got != want || err != nil {
			t.Fatalf("a row has %s as %s, %v, want %s", cell, got, err, want)
		}
	}
	t.Run("decimals", func(t *testing.T) {
		s := newSingle(t, "double digits=18.6", `"double"`)
		precise := 0
		for range 5000 {
			n := random.Int64N(int64(math.Pow10(random.IntN(19)))+1) - random.Int64N(2)
			plain := big.NewRat(n, 1_000_000).FloatString(6)
			want := strings.TrimSuffix(strings.TrimRight(plain, "0"), ".")
			x, err := strconv.ParseFloat(plain, 64)
			if err != nil {
				t.Fatal(err)
			}
			scientific := fmt.Sprintf("%de-6", n)
			agree(t, s, x, plain, scientific, want)
			if s.event(t, x) == want {
				precise++
			} else if x < 1e9 && x > -1e9 {
				t.Fatalf("%s is not known", plain)
			}
		}
		if precise < 3000 {
			t.Error("only", precise, "of 5000 known")
		}
	})
	t.Run("moments", func(t *testing.T) {
		days, moments, clocks := newSingle(t, "date", `"long"`), newSingle(t, "datetime", `"long"`), newSingle(t, "time", `"long"`)
		first := time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		last := time.Date(4001, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		for range 3000 {
			at := time.UnixMilli(first + random.Int64N(last-first)).UTC()
			rest, bulk := at.Format("2006-01-02T15:04:05.000-0700"), at.Format("2006-01-02T15:04:05.000Z")
			agree(t, moments, at.UnixMilli(), `"`+rest+`"`, bulk, bulk)
			day := at.Truncate(24 * time.Hour)
			agree(t, days, day.UnixMilli(), `"`+day.Format(time.DateOnly)+`"`, day.Format(time.DateOnly), day.Format(time.DateOnly))
			clock := at.Format("15:04:05.000Z")
			agree(t, clocks, at.Sub(day).Milliseconds(), `"`+clock+`"`, clock, clock)
		}
	})
	t.Run("texts", func(t *testing.T) {
		s := newSingle(t, "string", `"string"`)
		for range 2000 {
			var text []rune
			for range 1 + random.IntN(20) {
				text = append(text, []rune("aZ09 ,;\"\\/\n\r\t\u0001é漢😀'")[random.IntN(18)])
			}
			quoted, err := json.Marshal(string(text))
			if err != nil {
				t.Fatal(err)
			}
			agree(t, s, string(text), string(quoted), string(text), string(text))
		}
	})
}

// TestWrongForm: what is not of its type is Hidden in an event, so that it is read
// again, and an error in a read.
func TestWrongForm(t *testing.T) {
	for _, c := range []struct {
		name, described, avro string
		event                 any
		json, cell            string
	}{
		{"boolean", "boolean", `"string"`, "yes", `"true"`, "TRUE"},
		{"integer", "int", `"double"`, 1.5, `1.5`, "1.5"},
		{"integer too large", "int", `"boolean"`, true, `9223372036854775808`, "1e300"},
		{"number", "double", `"string"`, "12,5", `"12"`, "12,5"},
		{"number with a bare point", "double", `"string"`, "5.", `{}`, "5."},
		{"number with a wild exponent", "double", `"string"`, "1e999999999", `1e999999999`, "1e401"},
		{"number of nothing", "double", `"string"`, "-", `[]`, "-"},
		{"day that is none", "date", `"long"`, int64(1), `"2023-02-29"`, "2023-13-01"},
		{"day out of range", "date", `"long"`, int64(math.MaxInt64), `"2023-1-1"`, "20230101"},
		{"moment without zone", "datetime", `"string"`, "2023-01-01", `"2023-01-01T00:00:00.000"`, "2023-01-01 00:00:00Z"},
		{"moment out of range", "datetime", `"long"`, int64(math.MinInt64), `"2023-01-01T24:00:00Z"`, "2023-01-01T00:00:00+9900"},
		{"time out of range", "time", `"long"`, int64(86400000), `"24:00:00.000Z"`, "-1"},
		{"time before midnight", "time", `"long"`, int64(-1), `5`, "23:60:00Z"},
		{"id", "reference to=User", `"string"`, "005Dp000000PpjsIAB", `"x"`, "005"},
		{"text", "string", `"long"`, int64(1), `1`, "\xff"},
		{"text that is a record", "string", `{"type":"record","name":"R","fields":[{"name":"Y","type":"string"}]}`, map[string]any{"Y": "y"}, `{"Y":"y"}`, "\xc3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSingle(t, c.described, c.avro)
			if got := s.event(t, c.event); got != "(hidden)" {
				t.Errorf("an event: %s", got)
			}
			_, err := s.record(c.json)
			refusedValue(t, "a record", s.change, err)
			_, err = s.row(c.cell)
			refusedValue(t, "a row", s.change, err)
		})
	}
}

// refusedValue checks an error about a value: it names the field, and the change
// says nothing.
func refusedValue(t *testing.T, what string, c minimize.Change, err error) {
	t.Helper()
	if fault.CodeOf(err) != fault.PayloadInvalid || !strings.Contains(err.Error(), "Test__c.X__c") {
		t.Errorf("%s: %v", what, err)
	}
	if c.Kind() != 0 || c.Len() != 0 || c.Entity() != "" {
		t.Errorf("%s: the change still says %v", what, c.Kind())
	}
	if state, _ := c.Value(0); state != minimize.Unset {
		t.Errorf("%s: the column is still %v", what, state)
	}
}
