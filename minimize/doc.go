// Package minimize decides which fields of a Salesforce org are kept, and why, and
// decodes those and no others.
//
//	policy, err := minimize.ParseFile("policy.yaml")
//	table, err := policy.Compile("Contact", describe)   // the answer of REST describe
//	events, err := table.Events(schema)                 // an Avro schema, as Pub/Sub sends it
//	change := minimize.NewChange()                      // reused
//	err = events.Decode(change, payload)
//	state, text := change.Value(0)                      // of table.Columns()[0]
//
// The rule it keeps: a field that the policy does not name is never decoded. It is
// not dropped later; no value of it is built. The same [Table] writes the SOQL
// select list, reads change events ([Table.Events]), Bulk API rows ([Table.Rows])
// and REST records ([Table.Records]), and fills the same [Change] from all three.
// Besides the columns, a change holds only what the event's header says (without
// the user who made the change), the record's Id and SystemModstamp, and the
// references that lead to a person.
//
// A field that the org gained is reported by name ([Table.Unlisted],
// [EventProjection.Unlisted]) and stays out. A field that the org lost is an
// error, fault.FieldLost.
//
// # Canonical text
//
// The three sources write one value in three ways: an event has epoch
// milliseconds, REST "+0000", Bulk "Z". A change has one text per [Type], so that
// values compare by their bytes:
//
//	Text, Picklist  as it is; the empty text is null, as Bulk does not tell them apart
//	Boolean         true, false
//	Integer         12, -7
//	Decimal         exact, plain, shortest: 3233, 0.1, -12.5; never 1e3, 1.10 or -0
//	Date            2006-01-02
//	DateTime        2006-01-02T15:04:05.000Z
//	Time            15:04:05.000Z
//	ID              18 characters
//
// Events carry numbers as IEEE doubles. One that may have lost digits on the way
// is [Imprecise] instead of [Known].
//
// # Security
//
// A change copies what it holds, so it keeps no payload, row or record alive, and
// it holds it behind a function, so that no formatting verb, encoder or logger can
// print it. A coarse column's full value is never written anywhere. Errors name
// objects and fields, never values.
//
// Whether a purpose is lawful is beyond this package, as is what other clients of
// the org read.
package minimize
