package salesforcetest

import (
	"crypto/sha256"
	"slices"
	"strings"
)

// derived reports a field that describes carry and events do not: those the
// platform computes from others or keeps for itself. The set is what the
// captured Account and Contact schemas lack of their describes; the look-ups
// through Case.ContactId and the fiscal parts of CloseDate are of the same kind.
func derived(object string, f *field) bool {
	switch f.Name {
	case "Id", "IsDeleted", "SystemModstamp", "MasterRecordId", "LastActivityDate", "LastViewedDate",
		"LastReferencedDate", "PhotoUrl", "IsEmailBounced", "Fiscal", "FiscalYear", "FiscalQuarter":
		return true
	case "IsPersonAccount":
		return object == "Account"
	case "ContactPhone", "ContactMobile", "ContactEmail", "ContactFax":
		return object == "Case"
	}
	return f.Type == "base64" || f.Type == "complexvalue" || f.Type == "anyType"
}

// partOrder is the order of parts in compound records, that of the captured
// schemas; an org has a part if its describe has it.
var partOrder = []string{
	"Street", "City", "State", "PostalCode", "Country", "StateCode", "CountryCode",
	"Salutation", "FirstName", "LastName", "MiddleName", "InformalName", "Suffix",
	"Latitude", "Longitude", "GeocodeAccuracy",
}

// compoundParts lists the parts of each compound field that events carry as a
// record. A record type has one shape in a schema, so a part that any address
// of the object has is in all of them.
func compoundParts(o *object) map[string][]eventField {
	names := make(map[string][]string) // record type -> parts it has somewhere
	parts := make(map[string][]eventField)
	for _, f := range o.Fields {
		parent := o.field(f.parent())
		if parent == nil || recordName(parent) == "" {
			continue
		}
		part := eventField{Name: partName(f.Name, parent), Source: f.Name}
		part.Type, _ = avroType(f)
		names[recordName(parent)] = append(names[recordName(parent)], part.Name)
		parts[parent.Name] = append(parts[parent.Name], part)
	}
	for compound, have := range parts {
		record := recordName(o.field(compound))
		parts[compound] = nil
		for _, name := range partOrder {
			if !slices.Contains(names[record], name) {
				continue
			}
			i := slices.IndexFunc(have, func(p eventField) bool { return p.Name == name })
			if i < 0 {
				have, i = append(have, eventField{Name: name, Type: partType(name)}), len(have)
			}
			parts[compound] = append(parts[compound], have[i])
		}
	}
	return parts
}

// partName is the name of a part inside its record: BillingStreet is Street,
// Home__Street__s and Place__Latitude__s are Street and Latitude.
func partName(name string, parent *field) string {
	if base, custom := strings.CutSuffix(parent.Name, "__c"); custom {
		return strings.TrimSuffix(strings.TrimPrefix(name, base+"__"), "__s")
	}
	if parent.Type == "address" {
		return strings.TrimPrefix(name, strings.TrimSuffix(parent.Name, "Address"))
	}
	return name
}

func partType(name string) string {
	if name == "Latitude" || name == "Longitude" {
		return "double"
	}
	return "string"
}

// recordName is the record type of a compound field in events, or "".
func recordName(f *field) string {
	switch {
	case f.Type == "address":
		return "Address"
	case f.Type == "location":
		return "Location"
	case f.extra() == "switchablepersonname" && f.Name == "Name":
		return "Switchable_PersonName"
	case f.extra() == "personname" && f.Name == "Name":
		return "PersonName"
	}
	return ""
}

// docs gives the Avro type and the doc of a field by its describe type, as far
// as the type decides them.
var docs = map[string][2]string{
	"id":              {"string", "Data:EntityId"},
	"reference":       {"string", "ForeignKey:EntityId"},
	"string":          {"string", "Data:Text"},
	"textarea":        {"string", "Data:StringPlusClob"},
	"picklist":        {"string", "Data:DynamicEnum"},
	"combobox":        {"string", "Data:DynamicEnum"},
	"multipicklist":   {"string", "Data:MultiEnum"},
	"email":           {"string", "Data:Email"},
	"url":             {"string", "Data:Url"},
	"phone":           {"string", "Data:Phone"},
	"encryptedstring": {"string", "Data:EncryptedText"},
	"currency":        {"double", "Data:Currency"},
	"double":          {"double", "Data:Double"},
	"percent":         {"double", "Data:Percent"},
	"int":             {"int", "Data:Integer"},
	"long":            {"long", "Data:Integer"},
	"boolean":         {"boolean", "Data:Boolean"},
	"date":            {"long", "Data:DateOnly"},
	"datetime":        {"long", "Data:DateTime"},
	"time":            {"long", "Data:TimeOnly"},
}

// fieldDocs are the standard fields whose captured doc is not that of their type.
var fieldDocs = map[string]string{
	"CreatedDate":     "CreatedDate:DateTime",
	"PersonBirthdate": "Data:Birthday",
	"Fax":             "Data:Fax",
	"TickerSymbol":    "Data:Content",
	"CleanStatus":     "Data:StaticEnum",
	"ContactSource":   "Data:StaticEnum",
	"JigsawCompanyId": "ExternalForeignKey:ExternalId",
	"JigsawContactId": "ExternalForeignKey:ExternalId",
}

func avroType(f *field) (avro, doc string) {
	d, known := docs[f.Type]
	switch {
	case fieldDocs[f.Name] != "":
		d[1] = fieldDocs[f.Name]
	case !known:
		d = docs["string"]
	case f.extra() == "richtextarea":
		d[1] = "Data:HtmlStringPlusClob"
	case f.Type == "textarea" && f.Length <= 255:
		d[1] = "Data:Text"
	}
	return d[0], d[1]
}

// customFieldID is the id of a custom field (key prefix 00N, 15 characters), as
// a doc ends in it. It depends on the names alone, so that a restarted org has
// the same ids.
func customFieldID(object, name string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := sha256.Sum256([]byte(object + "." + name))
	id := []byte("00N")
	for _, b := range sum[:12] {
		id = append(id, digits[int(b)%len(digits)])
	}
	return string(id)
}
