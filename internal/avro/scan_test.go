package avro_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/internal/avro"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// varint is a number as Avro writes it.
func varint(n int64) string { return string(binary.AppendVarint(nil, n)) }

const huge = math.MaxInt64

func TestScanHostile(t *testing.T) {
	t.Parallel()
	empty := `{"type":"record","name":"E","fields":[{"name":"n","type":"null"}]}`
	array := func(item string) string { return `{"type":"array","items":` + item + `}` }
	for name, tt := range map[string]struct {
		typ     string
		payload string
		advice  string // part of it; "" if the payload is good
	}{
		"nothing":                               {`"int"`, "", "ends inside"},
		"a null of nothing":                     {`"null"`, "", ""},
		"an int":                                {`"int"`, varint(math.MinInt32), ""},
		"an int beyond 32 bits":                 {`"int"`, varint(math.MaxInt32 + 1), "longer than its type"},
		"an int of six bytes":                   {`"int"`, "\x80\x80\x80\x80\x80\x00", "longer than its type"},
		"a long":                                {`"long"`, varint(math.MinInt64), ""},
		"a long of eleven bytes":                {`"long"`, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", "longer than its type"},
		"a long beyond 64 bits":                 {`"long"`, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "longer than its type"},
		"a long that never ends":                {`"long"`, strings.Repeat("\x80", 9), "ends inside"},
		"a boolean of 2":                        {`"boolean"`, "\x02", "boolean or text"},
		"half a double":                         {`"double"`, "1234", "ends inside"},
		"a text longer than the payload":        {`"string"`, varint(5) + "four", "ends inside"},
		"a text of 2^63-1 bytes":                {`"string"`, varint(huge) + "four", "ends inside"},
		"a text of less than no bytes":          {`"string"`, varint(-1), "ends inside"},
		"a text that is not UTF-8":              {`"string"`, varint(1) + "\xff", "boolean or text"},
		"bytes that are not UTF-8":              {`"bytes"`, varint(1) + "\xff", ""},
		"a text after the end":                  {`"string"`, varint(1) + "a" + "b", "goes on"},
		"a branch that is not there":            {`["null","int"]`, varint(2), "union branch"},
		"a branch below zero":                   {`["null","int"]`, varint(-1), "union branch"},
		"a branch of 2^63-1":                    {`["null","int"]`, varint(huge), "longer than its type"},
		"a union of no branches":                {`[]`, varint(0), "union branch"},
		"a symbol that is not there":            {`{"type":"enum","name":"S","symbols":["A"]}`, varint(1), "symbol"},
		"a symbol below zero":                   {`{"type":"enum","name":"S","symbols":["A"]}`, varint(-1), "symbol"},
		"a fixed that is cut":                   {`{"type":"fixed","name":"X","size":3}`, "ab", "ends inside"},
		"a fixed of an exabyte":                 {`{"type":"fixed","name":"X","size":1152921504606846976}`, "ab", "ends inside"},
		"2^63-1 nulls":                          {array(`"null"`), varint(huge) + varint(0), ""},
		"2^63-1 empty records":                  {array(empty), varint(huge) + varint(0), ""},
		"2^63-1 nulls again and again":          {array(`"null"`), strings.Repeat(varint(huge), 1000) + varint(0), ""},
		"2^63-1 booleans":                       {array(`"boolean"`), varint(huge) + "\x00" + varint(0), "not as long"},
		"2^63-1 doubles":                        {array(`"double"`), varint(huge) + "\x00" + varint(0), "not as long"},
		"2^61 doubles, 2^64 bytes":              {array(`"double"`), varint(1<<61) + varint(0), "not as long"},
		"2^63-1 texts":                          {array(`"string"`), varint(huge) + strings.Repeat("\x00", 1000), "ends inside"},
		"2^63-1 longs":                          {array(`"long"`), varint(huge) + "\x00", "ends inside"},
		"2^63-1 empty arrays":                   {array(array(`"null"`)), varint(huge) + "\x00", "ends inside"},
		"2^63-1 pairs":                          {`{"type":"map","values":"null"}`, varint(huge) + "\x00", "ends inside"},
		"less than -2^63 items":                 {array(`"null"`), varint(math.MinInt64) + varint(0), "not as long"},
		"a block without an end":                {array(`"int"`), varint(1) + varint(1), "ends inside"},
		"a block with its length":               {array(`"int"`), varint(-2) + varint(2) + "\x00\x00" + varint(0), ""},
		"a block of texts with its length":      {array(`"string"`), varint(-2) + varint(3) + "\x00\x02a" + varint(0), ""},
		"a block shorter than its length":       {array(`"int"`), varint(-1) + varint(2) + "\x00\x00\x00", "not as long"},
		"a block longer than its length":        {array(`"string"`), varint(-2) + varint(1) + "\x00\x00" + varint(0), "not as long"},
		"a block of nulls longer than nothing":  {array(`"null"`), varint(-2) + varint(1) + "\x00" + varint(0), "not as long"},
		"a map's block shorter than its length": {`{"type":"map","values":"int"}`, varint(-1) + varint(4) + "\x00\x00\x00\x00", "not as long"},
		"a block with a length below zero":      {array(`"int"`), varint(-1) + varint(-1) + "\x00", "ends inside"},
		"a map with a key longer than all":      {`{"type":"map","values":"int"}`, varint(1) + varint(9) + "k", "ends inside"},
		"63 records within a record":            {`["null","R"]`, strings.Repeat("\x02", 63) + "\x00", ""},
		"64 records within a record":            {`["null","R"]`, strings.Repeat("\x02", 64) + "\x00", "nests deeper"},
		"a million records within a record":     {`["null","R"]`, strings.Repeat("\x02", 1e6) + "\x00", "nests deeper"},
		"a million arrays within an array":      {array(`"R"`), strings.Repeat("\x02", 1e6), "nests deeper"},
		"2^40 longs in records, but one":        {doubled(40), strings.Repeat("\x00", 1e6), "ends inside"},
		"a union of nothing but itself":         {`["R"]`, strings.Repeat("\x00", 1e6), "nests deeper"},
		"a payload of 4 MiB":                    {`"bytes"`, varint(1<<22-4) + strings.Repeat("\x00", 1<<22-4), ""},
		"a payload of more than 4 MiB":          {`"bytes"`, varint(1<<22) + strings.Repeat("\x00", 1<<22), "larger"},
	} {
		t.Run(name, func(t *testing.T) {
			s := parse(t, []byte(repeated(1, tt.typ)))
			for _, chosen := range [][]string{nil, {"f0"}} {
				if chosen == nil && (tt.advice == "boolean or text") {
					continue // what is passed over is not checked
				}
				var record avro.Record
				start := time.Now()
				err := compile(t, s, chosen...).Scan(&record, []byte(tt.payload))
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("took %v", took)
				}
				switch {
				case tt.advice == "" && err != nil:
					t.Errorf("of %v: %v", chosen, err)
				case tt.advice != "" && (fault.CodeOf(err) != fault.PayloadInvalid || !strings.Contains(err.Error(), tt.advice)):
					t.Errorf("of %v: error = %v, want one that says %q", chosen, err, tt.advice)
				case err != nil && chosen != nil && record.Value(0).Kind() != avro.Absent:
					t.Errorf("a value is left after the error")
				}
			}
		})
	}
}

// TestPersonAccounts: the name of an account is text or a record.
func TestPersonAccounts(t *testing.T) {
	t.Parallel()
	p := compile(t, parse(t, []byte(person)), "Name.First", "Name", "Mother.Name", "Mother.Mother.Name.First", "Tags")
	for name, tt := range map[string]struct {
		payload string
		want    []avro.Kind
	}{
		"no name":        {"\x00\x00\x00", []avro.Kind{avro.Absent, avro.Null, avro.Absent, avro.Absent, avro.Array}},
		"a business":     {"\x02\x02a\x00\x00", []avro.Kind{avro.Absent, avro.String, avro.Absent, avro.Absent, avro.Array}},
		"a person":       {"\x04\x02\x02a\x00\x00", []avro.Kind{avro.String, avro.Compound, avro.Absent, avro.Absent, avro.Array}},
		"without a name": {"\x04\x00\x00\x00", []avro.Kind{avro.Null, avro.Compound, avro.Absent, avro.Absent, avro.Array}},
		"a mother":       {"\x00\x02\x02\x02a\x00\x00\x00", []avro.Kind{avro.Absent, avro.Null, avro.String, avro.Absent, avro.Array}},
		"a grandmother": {"\x00\x02\x00\x02\x04\x02\x02a\x00\x02\x00\x00\x00\x00",
			[]avro.Kind{avro.Absent, avro.Null, avro.Null, avro.String, avro.Array}},
	} {
		t.Run(name, func(t *testing.T) {
			var record avro.Record
			if err := p.Scan(&record, []byte(tt.payload)); err != nil {
				t.Fatal(err)
			}
			for i, want := range tt.want {
				v := record.Value(i)
				if v.Kind() != want || want == avro.String && string(v.Bytes()) != "a" {
					t.Errorf("value %d is %s %q, want %s", i, kinds[v.Kind()], v.Bytes(), kinds[want])
				}
			}
		})
	}
}

// TestRecordReused: nothing of one payload shows in the next, of whatever program.
func TestRecordReused(t *testing.T) {
	t.Parallel()
	s := parse(t, []byte(repeated(2, `["null",{"type":"array","items":"string"}]`)))
	both, second := compile(t, s, "f0", "f1"), compile(t, s, "f1")
	var record avro.Record
	for _, step := range []struct {
		program *avro.Program
		payload string
		want    string
	}{
		{both, "\x02\x04\x02a\x02b\x00\x02\x02\x02c\x00", "[a b] [c]"},
		{both, "\x02\x00\x00", "[] []"},
		{second, "\x02\x02\x02x\x00\x02\x02\x02y\x00", "[y]"},
		{both, "\x00\x02\x02\x02z\x00", "[] [z]"},
	} {
		if err := step.program.Scan(&record, []byte(step.payload)); err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for i := range len(strings.Split(step.want, "] [")) {
			list := []string{}
			for j := range record.Value(i).Len() {
				list = append(list, string(record.Value(i).At(j)))
			}
			got = append(got, fmt.Sprint(list))
		}
		if strings.Join(got, " ") != step.want {
			t.Errorf("got %s, want %s", got, step.want)
		}
	}
}

// TestNothingPrints: no way to print a record, a value or an error shows the
// payload.
func TestNothingPrints(t *testing.T) {
	t.Parallel()
	const marker = "CANARY"
	p := compile(t, parse(t, []byte(repeated(2, `"string"`))), "f0")
	var record avro.Record
	payload := []byte("\x0c" + marker + "\x0c" + marker)
	if err := p.Scan(&record, payload); err != nil {
		t.Fatal(err)
	}
	value := record.Value(0)
	if string(value.Bytes()) != marker {
		t.Fatal("the marker is not there")
	}
	cut := p.Scan(new(avro.Record), payload[:9])
	var out bytes.Buffer
	for _, v := range []any{record, &record, value, &value, []avro.Value{value}, map[string]any{"v": &value}, cut} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb, v)
		}
		_ = json.NewEncoder(&out).Encode(v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("record", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("record", "v", v)
	}
	for _, form := range []string{marker, fmt.Sprintf("%x", marker), strings.Trim(fmt.Sprint([]byte(marker)), "[]"), "Q0FOQVJZ"} {
		if strings.Contains(out.String(), form) {
			t.Errorf("%s is in what was printed", form)
		}
	}
}

// TestMutatedEvents damages captured events 40,000 times. Each is taken or refused
// as invalid, and all of them together need little memory.
func TestMutatedEvents(t *testing.T) {
	all := vectors(t)
	random := rand.New(rand.NewPCG(5, 6))
	programs := make([]*avro.Program, len(all))
	for i, v := range all {
		s := parse(t, read(t, "captured-events", v.SchemaFile))
		programs[i] = compile(t, s, paths(s)...)
	}
	var record avro.Record
	refused, payload := 0, make([]byte, 0, 4096)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range 40000 {
		payload = append(payload[:0], all[i%len(all)].Payload...)
		for range 1 + random.IntN(4) {
			payload[random.IntN(len(payload))] = byte(random.Uint32())
		}
		payload = payload[:len(payload)-random.IntN(2)*random.IntN(len(payload))]
		if err := programs[i%len(all)].Scan(&record, payload); err != nil {
			if fault.CodeOf(err) != fault.PayloadInvalid {
				t.Fatal(err)
			}
			refused++
		}
	}
	runtime.ReadMemStats(&after)
	if refused < 20000 || refused == 40000 {
		t.Errorf("%d of 40000 refused", refused)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 40<<20 {
		t.Errorf("%d bytes allocated", used)
	}
}
