package salesforcetest

import (
	"encoding/json"
	"strings"
)

// eventSchema is the Avro schema of one change event and, for each of its
// fields, the describe field that its values come from. Its JSON members are
// what the event log keeps, so that an old event still has its own schema
// after the object changed.
type eventSchema struct {
	Object  string       `json:"object"`  // API name, such as Account
	Name    string       `json:"name"`    // of the event, such as AccountChangeEvent
	Fields  []eventField `json:"fields"`  // field i is at Avro position i+1; 0 is the header
	Symbols []string     `json:"symbols"` // of the enum ChangeType

	id    string
	text  []byte              // what GetSchema answers
	leafs map[string]position // by describe field name
}

// eventField is a body field of an event, or a part of a compound one.
type eventField struct {
	Name   string       `json:"name"`
	Source string       `json:"source"` // the describe field
	Type   string       `json:"type"`   // Avro: string, boolean, int, long, double, or the name of a record
	Doc    string       `json:"doc,omitempty"`
	Switch bool         `json:"switch,omitempty"` // a text for businesses, a record for persons
	Parts  []eventField `json:"parts,omitempty"`
}

// position is the place of a value in an event: a field and, in a compound
// field, the part; part is -1 for a field without parts.
type position struct{ Field, Part int }

// eventName is the name of an object's change event (Change Data Capture
// Developer Guide, "Subscription Channels"): Employee__c has Employee__ChangeEvent.
func eventName(object string) string {
	if base, custom := strings.CutSuffix(object, "__c"); custom {
		return base + "__ChangeEvent"
	}
	return object + "ChangeEvent"
}

// mintSchema makes the event schema of an object as its describe stands.
func mintSchema(o *object, symbols []string) *eventSchema {
	s := &eventSchema{Object: o.Name, Name: eventName(o.Name), Symbols: symbols}
	parts := compoundParts(o)
	for _, f := range o.Fields {
		if f.parent() != "" && parts[f.parent()] != nil || derived(o.Name, f) {
			continue
		}
		e := eventField{Name: f.Name, Source: f.Name}
		e.Type, e.Doc = avroType(f)
		if parts[f.Name] != nil {
			e.Type = recordName(f)
			e.Doc = "Data:" + e.Type
			e.Switch = e.Type == "Switchable_PersonName"
			e.Parts = parts[f.Name]
		}
		if f.Custom {
			e.Doc += ":" + customFieldID(o.Name, f.Name)
		}
		s.Fields = append(s.Fields, e)
	}
	s.finish()
	return s
}

// finish computes what the log does not keep.
func (s *eventSchema) finish() {
	s.leafs = make(map[string]position)
	for i, f := range s.Fields {
		if f.Parts == nil || f.Switch {
			s.leafs[f.Source] = position{i, -1}
		}
		for j, part := range f.Parts {
			if part.Source != "" { // a part that only another address of the object has
				s.leafs[part.Source] = position{i, j}
			}
		}
	}
	s.text = s.avro()
	s.id, _ = SchemaID(s.text) // it was written just above
}

// leaf is the event field at a position.
func (s *eventSchema) leaf(p position) *eventField {
	if p.Part < 0 {
		return &s.Fields[p.Field]
	}
	return &s.Fields[p.Field].Parts[p.Part]
}

// The members of an Avro schema in the order in which Salesforce writes them.
type (
	avroRecord struct {
		Name      string      `json:"name"`
		Namespace string      `json:"namespace,omitempty"`
		Type      string      `json:"type"`
		Fields    []avroField `json:"fields"`
	}
	avroField struct {
		Name    string          `json:"name"`
		Type    any             `json:"type"`
		Doc     string          `json:"doc,omitempty"`
		Default json.RawMessage `json:"default,omitempty"`
	}
	avroArray struct {
		Type  string `json:"type"`
		Items string `json:"items"`
	}
	avroEnum struct {
		Name    string   `json:"name"`
		Type    string   `json:"type"`
		Symbols []string `json:"symbols"`
	}
)

// headerFields are the members of ChangeEventHeader in wire order, which is
// that of the captured schemas: the documentation's table has commitUser before
// commitNumber.
func headerFields(symbols []string) []avroField {
	return []avroField{
		{Name: "entityName", Type: "string"},
		{Name: "recordIds", Type: avroArray{"array", "string"}},
		{Name: "changeType", Type: avroEnum{"ChangeType", "enum", symbols}},
		{Name: "changeOrigin", Type: "string"},
		{Name: "transactionKey", Type: "string"},
		{Name: "sequenceNumber", Type: "int"},
		{Name: "commitTimestamp", Type: "long"},
		{Name: "commitNumber", Type: "long"},
		{Name: "commitUser", Type: "string"},
		{Name: "nulledFields", Type: avroArray{"array", "string"}},
		{Name: "diffFields", Type: avroArray{"array", "string"}},
		{Name: "changedFields", Type: avroArray{"array", "string"}},
	}
}

// avro writes the schema. A record type is written out where it is first used
// and by its name from then on.
func (s *eventSchema) avro() []byte {
	fields := []avroField{{
		Name: "ChangeEventHeader",
		Type: avroRecord{Name: "ChangeEventHeader", Type: "record", Fields: headerFields(s.Symbols)},
		Doc:  "Data:ComplexValueType",
	}}
	written := make(map[string]bool)
	for _, f := range s.Fields {
		var branch any = f.Type
		if f.Parts != nil && !written[f.Type] {
			written[f.Type] = true
			branch = avroRecord{Name: f.Type, Type: "record", Fields: partFields(f.Parts)}
		}
		union := []any{"null", branch}
		if f.Switch {
			union = []any{"null", "string", branch}
		}
		fields = append(fields, avroField{f.Name, union, f.Doc, json.RawMessage("null")})
	}
	text, _ := json.Marshal(avroRecord{s.Name, "com.sforce.eventbus", "record", fields}) // strings and lists only
	return text
}

func partFields(parts []eventField) []avroField {
	fields := make([]avroField, len(parts))
	for i, p := range parts {
		fields[i] = avroField{Name: p.Name, Type: []any{"null", p.Type}, Default: json.RawMessage("null")}
	}
	return fields
}
