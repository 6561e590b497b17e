package avro_test

import (
	"fmt"
	"log"

	"github.com/sfsync/sfsync-go/internal/avro"
)

func Example() {
	schema, err := avro.Parse([]byte(`{"type": "record", "name": "ContactChangeEvent", "fields": [
		{"name": "Email",          "type": ["null", "string"], "doc": "Data:Email"},
		{"name": "MailingAddress", "type": ["null", {"type": "record", "name": "Address", "fields": [
			{"name": "Street", "type": ["null", "string"]},
			{"name": "City",   "type": ["null", "string"]}]}]}]}`))
	if err != nil {
		log.Fatal(err)
	}
	program, err := schema.Compile([]string{"MailingAddress.City"})
	if err != nil {
		log.Fatal(err)
	}
	payload := []byte("\x02\x1aa@example.com\x02\x00\x02\x0eHamburg")
	var record avro.Record
	if err := program.Scan(&record, payload); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", record.Value(0).Bytes())

	top, child := program.Position(0)
	var changed avro.Bitmap
	if err := changed.Add([]byte("1-0x02")); err != nil {
		log.Fatal(err)
	}
	fmt.Println(changed.Has(top, child))
	// Output:
	// Hamburg
	// true
}
