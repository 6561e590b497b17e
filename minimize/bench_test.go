package minimize_test

import (
	"testing"

	"github.com/sfsync/sfsync-go/internal/avro"
	"github.com/sfsync/sfsync-go/minimize"
)

// benchPolicy keeps eight fields and a reference.
const benchPolicy = `
person: [PersonContactId]
plain: {OwnerId, LastModifiedDate, CleanStatus, Active__c: {category: user.behavior}, Amount_Owed__c: {category: user.financial}}
personal: {Name, Phone, ShippingStreet}`

// BenchmarkEvents decodes the five captured Account events in turn: two creates and
// three updates of some 85 fields. "skip" is the limit: it only finds the end.
func BenchmarkEvents(b *testing.B) {
	table := compile(b, "Account", benchPolicy, accountFields)
	all := goldens(b)
	var projections []*minimize.EventProjection
	var skips []*avro.Program
	for _, g := range all {
		text := captured(b, "captured-events", g.SchemaFile)
		p, err := table.Events(text)
		if err != nil {
			b.Fatal(err)
		}
		schema, err := avro.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		skip, err := schema.Compile(nil)
		if err != nil {
			b.Fatal(err)
		}
		projections, skips = append(projections, p), append(skips, skip)
	}
	b.Run("skip", func(b *testing.B) {
		var record avro.Record
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			n := i % len(all)
			if err := skips[n].Scan(&record, all[n].Payload); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		change := minimize.NewChange()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			n := i % len(all)
			if err := projections[n].Decode(change, all[n].Payload); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func benchRow(t testing.TB, table *minimize.Table) (*minimize.RowProjection, [][]byte) {
	t.Helper()
	header := []string{"Id", "SystemModstamp", "AccountId", "Birthdate", "CreatedDate", "Email", "FirstName", "HasOptedOutOfEmail", "MailingPostalCode", "Shop__Latitude__s"}
	rows, err := table.Rows(header)
	if err != nil {
		t.Fatal(err)
	}
	var cells [][]byte
	for _, cell := range []string{"003Dp00000JJkkHIAT", "2022-03-18T16:21:26.000Z", "001Dp00000JJkkHIAT", "1961-02-03", "2022-03-17T16:21:26.000Z", "ann@example.com", "Ann", "false", "94105", "-37.793984"} {
		cells = append(cells, []byte(cell))
	}
	return rows, cells
}

// BenchmarkRow decodes a row of ten cells.
func BenchmarkRow(b *testing.B) {
	rows, cells := benchRow(b, compile(b, "Contact", contactPolicy, contactFields))
	change := minimize.NewChange()
	b.ReportAllocs()
	for b.Loop() {
		if err := rows.Decode(change, cells); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecord decodes a JSON record of ten listed and three other members.
func BenchmarkRecord(b *testing.B) {
	records, change := compile(b, "Contact", contactPolicy, contactFields).Records(), minimize.NewChange()
	record := []byte(contactRecord)
	b.ReportAllocs()
	b.SetBytes(int64(len(record)))
	for b.Loop() {
		if err := records.Decode(change, record); err != nil {
			b.Fatal(err)
		}
	}
}

// pooled is whether pools keep what is put into them.
var pooled = true

// TestAllocations: decoding events and rows allocates nothing.
func TestAllocations(t *testing.T) {
	rows, cells := benchRow(t, compile(t, "Contact", contactPolicy, contactFields))
	change := minimize.NewChange()
	if n := testing.AllocsPerRun(1000, func() { rows.Decode(change, cells) }); n != 0 {
		t.Errorf("a row: %v allocations", n)
	}
	if !pooled {
		return
	}
	table := compile(t, "Account", benchPolicy, accountFields)
	for _, g := range goldens(t) {
		events, err := table.Events(captured(t, "captured-events", g.SchemaFile))
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(1000, func() { events.Decode(change, g.Payload) }); n != 0 {
			t.Errorf("an event of %s: %v allocations", g.Source, n)
		}
	}
}
