package minimize

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// maxDescribe bounds a describe, in bytes. One of 250 fields has 400 kB, and an
// object has at most some 900 fields.
const maxDescribe = 32 << 20

// description is what counts of a REST describe answer ("sObject Describe", REST
// API Developer Guide).
type description struct {
	Name   string      `json:"name"`
	Fields []described `json:"fields"`
}

// described is a field of it.
type described struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Compound    string   `json:"compoundFieldName"` // the field it is a part of, itself (Account.Name), or "" (null)
	ReferenceTo []string `json:"referenceTo"`
	Length      int      `json:"length"`    // of a text: characters
	Precision   int      `json:"precision"` // of a number: all digits
	Scale       int      `json:"scale"`     // of a number: digits after the point
}

// describes reads an answer and checks that it is the object's.
func describes(object string, answer []byte) (map[string]described, error) {
	var d description
	if len(answer) > maxDescribe || json.Unmarshal(answer, &d) != nil || d.Name == "" {
		return nil, fault.New(fault.ResponseInvalid, compiling, "the describe answer cannot be read; fetch it again").On(object)
	}
	if d.Name != object {
		return nil, fault.New(fault.PolicyInvalid, compiling, "the describe answer has another name; write the object as Setup shows it, and fetch its own describe").On(object)
	}
	fields := make(map[string]described, len(d.Fields))
	for _, f := range d.Fields {
		fields[f.Name] = f
	}
	return fields, nil
}

// types are the canonical types by the describe's, with the types that have none
// left out: base64, anyType, complexvalue, and the compounds address and location
// ("Field Types", Object Reference).
var types = map[string]Type{
	"string": Text, "textarea": Text, "phone": Text, "email": Text, "url": Text,
	"encryptedstring": Text, "combobox": Text,
	"picklist": Picklist, "multipicklist": Picklist,
	"boolean": Boolean,
	"int":     Integer, "long": Integer,
	"double": Decimal, "currency": Decimal, "percent": Decimal,
	"date": Date, "datetime": DateTime, "time": Time,
	"id": ID, "reference": ID,
}

// compound reports whether a field is a parent of parts.
func (d described) compound() bool { return d.Type == "address" || d.Type == "location" }

// part is the name that a part of a compound has in events: Street for
// MailingStreet in MailingAddress, Latitude for Shop__Latitude__s in Shop__c. The
// parts of Name keep theirs.
func (d described) part() string {
	if stem, custom := strings.CutSuffix(d.Compound, "__c"); custom {
		return strings.TrimSuffix(strings.TrimPrefix(d.Name, stem+"__"), "__s")
	}
	if stem, address := strings.CutSuffix(d.Compound, "Address"); address {
		return strings.TrimPrefix(d.Name, stem)
	}
	return d.Name
}

// coordinate reports whether the field is a latitude or longitude. Its scale says
// 15 digits, which no position on earth needs.
func (d described) coordinate() bool {
	part := d.part()
	return d.Compound != "" && (part == "Latitude" || part == "Longitude")
}
