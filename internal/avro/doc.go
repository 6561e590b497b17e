// Package avro reads the few fields that a policy names out of a Salesforce
// event, and passes over all the others without looking at them.
//
//	schema, err := avro.Parse(json)                    // the writer's schema, once
//	program, err := schema.Compile([]string{"ChangeEventHeader.recordIds", "MailingAddress.City"})
//	var record avro.Record                             // reused for every event
//	err = program.Scan(&record, payload)
//	city := record.Value(1).Bytes()
//
// The rule it keeps: a value that no path names is never built. Its bytes are
// measured by their type and stepped over; not even its text is checked. What is
// named is not copied either: a [Value] refers to the payload it came from.
//
// [Parse] leaves it to github.com/twmb/avro to validate a schema and reads the
// wire layout from its Parsing Canonical Form. Types may be anything Avro 1.12
// has: unions of any number of branches, records within records and within
// themselves, references by name, arrays and maps in counted blocks, enums,
// fixed. Logical types are not interpreted; Salesforce sends none.
//
// [Bitmap] reads the lists in a change event's header that say which fields
// were changed, nulled or sent as a difference.
//
// # Security
//
// Schemas and payloads come from outside, and a wrong one costs bounded time and
// memory and returns a fault.Error that names no value. A schema may be 1 MiB
// long and nest 200 brackets deep, and no record may contain itself without an
// end. A payload may be 4 MiB long and nest 64 levels deep; items of no width
// are counted, never visited; no length or count is believed before the bytes
// are there; bytes left over are an error.
//
// A [Record] and its values hold personal data behind a function, so that no
// formatting verb, encoder or logger can print them.
package avro
