package avro_test

import (
	"runtime"
	"testing"

	"github.com/sfsync/sfsync-go/internal/avro"
	oracle "github.com/twmb/avro"
)

// policy is what a sync job asks of every event: the header and eight fields.
var policy = []string{
	"ChangeEventHeader.entityName", "ChangeEventHeader.recordIds", "ChangeEventHeader.changeType",
	"ChangeEventHeader.changeOrigin", "ChangeEventHeader.transactionKey", "ChangeEventHeader.sequenceNumber",
	"ChangeEventHeader.commitTimestamp", "ChangeEventHeader.commitNumber", "ChangeEventHeader.commitUser",
	"ChangeEventHeader.nulledFields", "ChangeEventHeader.diffFields", "ChangeEventHeader.changedFields",
	"Name", "Type", "BillingAddress.City", "ShippingAddress.Street", "Phone", "Website", "OwnerId", "LastModifiedDate",
}

// BenchmarkCapturedEvents decodes the five captured Account events in turn: two
// creates and three updates of some 85 fields. "policy" also reads every value and
// all three bitmaps; "limit" only measures the fields and finds the end; "full" is
// what a general decoder does.
func BenchmarkCapturedEvents(b *testing.B) {
	all := vectors(b)
	schemas := make([]*avro.Schema, len(all))
	full := make([]*oracle.Schema, len(all))
	for i, v := range all {
		text := read(b, "captured-events", v.SchemaFile)
		schemas[i], full[i] = parse(b, text), oracle.MustParse(string(text))
	}
	scan := func(b *testing.B, paths []string, after func(*avro.Program, *avro.Record)) {
		var record avro.Record
		programs := make([]*avro.Program, len(all))
		for i, s := range schemas {
			programs[i] = compile(b, s, paths...)
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			n := i % len(all)
			if err := programs[n].Scan(&record, all[n].Payload); err != nil {
				b.Fatal(err)
			}
			after(programs[n], &record)
		}
	}
	nothing := func(*avro.Program, *avro.Record) {}
	b.Run("limit", func(b *testing.B) { scan(b, nil, nothing) })
	b.Run("scan", func(b *testing.B) { scan(b, policy, nothing) })
	var bitmaps [3]avro.Bitmap
	b.Run("policy", func(b *testing.B) {
		scan(b, policy, func(p *avro.Program, r *avro.Record) { consume(b, p, r, &bitmaps) })
	})
	b.Run("full", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			n := i % len(all)
			var value any
			if _, err := full[n].Decode(all[n].Payload, &value); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// consume does with a record what a projection does.
func consume(t testing.TB, p *avro.Program, r *avro.Record, bitmaps *[3]avro.Bitmap) (n int) {
	for i := range bitmaps {
		if err := bitmaps[i].Parse(r.Value(9 + i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range policy {
		v := r.Value(i)
		switch v.Kind() {
		case avro.String:
			n += len(v.Bytes())
		case avro.Int, avro.Long:
			n += int(v.Int())
		case avro.Enum:
			n += len(v.Symbol())
		case avro.Strings:
			for j := range v.Len() {
				n += len(v.At(j))
			}
		}
		if top, child := p.Position(i); top > 0 && bitmaps[2].Has(top, child) {
			n++
		}
	}
	return n
}

func TestNoAllocations(t *testing.T) {
	var before, after runtime.MemStats
	all := vectors(t)
	var bitmaps [3]avro.Bitmap
	var record avro.Record
	for _, v := range all {
		p := compile(t, parse(t, read(t, "captured-events", v.SchemaFile)), policy...)
		if n := testing.AllocsPerRun(100, func() {
			if err := p.Scan(&record, v.Payload); err != nil {
				t.Fatal(err)
			}
			consume(t, p, &record, &bitmaps)
		}); n != 0 {
			t.Errorf("%s: %v allocations", v.EventID, n)
		}
		runtime.ReadMemStats(&before)
		for range 10000 {
			_ = p.Scan(&record, v.Payload)
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<16 {
			t.Errorf("%s: %d bytes in 10,000 scans", v.EventID, used)
		}
	}
}
