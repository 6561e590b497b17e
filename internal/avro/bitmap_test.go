package avro_test

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/sfsync/sfsync-go/internal/avro"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

func bitmap(t *testing.T, items ...string) *avro.Bitmap {
	t.Helper()
	b := new(avro.Bitmap)
	for _, item := range items {
		if err := b.Add([]byte(item)); err != nil {
			t.Fatalf("%q: %v", item, err)
		}
	}
	return b
}

func TestBitmap(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		items []string
		want  []string // top-level fields, and children of 4, 6 and 7 unless those are named
	}{
		"none":                             {nil, nil},
		"captured: name and date":          {[]string{"0x800002"}, []string{"1", "23"}},
		"captured: beyond 64 bits":         {[]string{"0x100000000000800000"}, []string{"23", "68"}},
		"captured: leading zero":           {[]string{"0x0400000000000000"}, []string{"58"}},
		"captured: children alone":         {[]string{"6-0x0180"}, []string{"6.7", "6.8"}},
		"captured: both":                   {[]string{"0x800000", "6-0x01"}, []string{"23", "6.0"}},
		"documented":                       {[]string{"0x650004E0", "4-0x10", "7-0x06"}, []string{"5", "6", "7", "10", "24", "26", "29", "30", "4.4"}},
		"the top level last":               {[]string{"4-0x10", "0x02"}, []string{"1", "4.4"}},
		"lower case":                       {[]string{"0x0e"}, []string{"1", "2", "3"}},
		"the header itself":                {[]string{"0x01"}, []string{"0"}},
		"a position with a leading zero":   {[]string{"06-0x01"}, []string{"6.0"}},
		"the same parent twice":            {[]string{"6-0x01", "6-0x0100"}, []string{"6.0", "6.8"}},
		"nothing set":                      {[]string{"0x00", "6-0x00"}, nil},
		"a child of a parent not asked of": {[]string{"65535-0x01"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := bitmap(t, tt.items...)
			got := []string{}
			for top := range 100 {
				if b.Has(top, -1) {
					got = append(got, fmt.Sprint(top))
				}
			}
			for _, top := range []int{4, 6, 7} {
				for child := range 16 {
					if b.Has(top, child) && !b.Has(top, -1) {
						got = append(got, fmt.Sprintf("%d.%d", top, child))
					}
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(append([]string{}, tt.want...)) {
				t.Errorf("%v names %v, want %v", tt.items, got, tt.want)
			}
		})
	}
}

func TestBitmapParents(t *testing.T) {
	t.Parallel()
	whole, part, zero := bitmap(t, "0x40"), bitmap(t, "6-0x02"), bitmap(t, "6-0x00")
	for name, tt := range map[string]struct{ got, want bool }{
		"a named parent names its children":    {whole.Has(6, 9), true},
		"but not those of others":              {whole.Has(7, 9), false},
		"any of a named parent":                {whole.Any(6), true},
		"a child does not name its parent":     {part.Has(6, -1), false},
		"nor its siblings":                     {part.Has(6, 0), false},
		"nor a top-level field of its number":  {part.Has(1, -1), false},
		"nor a child of another":               {part.Has(5, 1), false},
		"any with one child named":             {part.Any(6), true},
		"any of another":                       {part.Any(1), false},
		"any without a child named":            {zero.Any(6), false},
		"a position below zero is never named": {whole.Has(-1, -1), false},
		"a position far beyond the digits":     {whole.Has(1<<30, 1<<30), false},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %v", name, tt.got)
		}
	}
}

var malformed = []string{"", "0", "0x", "x01", "800002", "0x1", "0x800", "0xZZ", "0x 1", "-0x01", "6-", "6-0x", "6-01", "60x01", "6--0x01", "+6-0x01",
	"6.5-0x01", "65536-0x01", "18446744073709551622-0x01", "6-7-0x01", "0x01-0x01", "0X01", " 0x01", "0x01 ", "6-0x0x01", "\xff-0x01"}

func TestBitmapMalformed(t *testing.T) {
	t.Parallel()
	for _, item := range malformed {
		b := bitmap(t, "0x02")
		if err := b.Add([]byte(item)); fault.CodeOf(err) != fault.PayloadInvalid {
			t.Errorf("%q: error = %v", item, err)
		}
		if !b.Has(1, -1) || b.Has(0, -1) || b.Any(6) {
			t.Errorf("%q was refused and left a trace", item)
		}
	}
}

func TestBitmapParse(t *testing.T) {
	t.Parallel()
	p := compile(t, parse(t, []byte(repeated(2, `[{"type":"array","items":"string"},"null"]`))), "f0", "f1")
	for name, tt := range map[string]struct {
		payload string
		ok      bool
	}{
		"a list":                    {"\x00\x02\x080x02\x00\x02", true},
		"an empty list":             {"\x00\x00\x02", true},
		"no list":                   {"\x02\x02", false},
		"a bad string after a good": {"\x00\x04\x080x02\x080xZZ\x00\x02", false},
	} {
		t.Run(name, func(t *testing.T) {
			var record avro.Record
			if err := p.Scan(&record, []byte(tt.payload)); err != nil {
				t.Fatal(err)
			}
			b := bitmap(t, "0x80") // of the event before
			err := b.Parse(record.Value(0))
			if tt.ok != (err == nil) || !tt.ok && fault.CodeOf(err) != fault.PayloadInvalid {
				t.Errorf("error = %v", err)
			}
			if b.Has(7, -1) || b.Has(1, -1) != (name == "a list") {
				t.Errorf("7 is named: %v, 1 is named: %v", b.Has(7, -1), b.Has(1, -1))
			}
		})
	}
	var none avro.Bitmap
	if err := none.Parse(new(avro.Record).Value(0)); fault.CodeOf(err) != fault.PayloadInvalid {
		t.Errorf("a value of no record: %v", err)
	}
}

// FuzzBitmap holds the bitmap against math/big: the digits are one number.
func FuzzBitmap(f *testing.F) {
	for _, item := range append(malformed, "0x800002", "6-0x0180", "0x100000000000800000", "0xfe", "007-0x00") {
		f.Add(item)
	}
	f.Fuzz(func(t *testing.T, item string) {
		var b avro.Bitmap
		if err := b.Add([]byte(item)); err != nil {
			if fault.CodeOf(err) != fault.PayloadInvalid || b.Any(0) {
				t.Fatalf("%q: %v", item, err)
			}
			return
		}
		parent, digits := -1, ""
		if n, _ := fmt.Sscanf(item, "%d-0x%s", &parent, &digits); n != 2 {
			parent, digits = -1, item[2:]
		}
		number, ok := new(big.Int).SetString(digits, 16)
		if !ok || len(digits)%2 != 0 {
			t.Fatalf("%q was taken", item)
		}
		for i := range number.BitLen() + 9 {
			got := b.Has(i, -1)
			if parent >= 0 {
				got = b.Has(parent, i)
			}
			if want := number.Bit(i) == 1; got != want {
				t.Fatalf("%q: bit %d is %v, want %v", item, i, got, want)
			}
		}
	})
}
