package salesforcetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// object is one sObject as its describe tells it. It is immutable once in the
// catalogue: adding or dropping a field puts a new object in its place.
type object struct {
	Name          string   `json:"name"`
	Label         string   `json:"label"`
	LabelPlural   string   `json:"labelPlural"`
	KeyPrefix     string   `json:"keyPrefix"`
	Custom        bool     `json:"custom"`
	Replicateable bool     `json:"replicateable"`
	Fields        []*field `json:"fields"`

	raw     []byte            // the describe as it was loaded
	edited  bool              // fields were added or dropped since
	byName  map[string]*field // by name, as it is and in lower case
	slots   int               // how many places a stored row has; a dropped field keeps its own
	virtual bool              // its rows are computed when asked for (PermissionSet and the like)
	tooling bool              // answered by the tooling query only
}

// field is one field of a describe: the part of it that the org acts on. The
// keys it leaves out have their usual values in wire/field.json.
type field struct {
	Name              string          `json:"name"`
	Label             string          `json:"label"`
	Type              string          `json:"type"`
	SoapType          string          `json:"soapType"`
	ExtraTypeInfo     *string         `json:"extraTypeInfo"`
	CompoundFieldName *string         `json:"compoundFieldName"`
	RelationshipName  *string         `json:"relationshipName"`
	ReferenceTo       []string        `json:"referenceTo"`
	PicklistValues    []picklistValue `json:"picklistValues"`
	Length            int             `json:"length"`
	ByteLength        int             `json:"byteLength"`
	Digits            int             `json:"digits"`
	Precision         int             `json:"precision"`
	Scale             int             `json:"scale"`
	AutoNumber        bool            `json:"autoNumber"`
	Calculated        bool            `json:"calculated"`
	CascadeDelete     bool            `json:"cascadeDelete"`
	Createable        bool            `json:"createable"`
	Custom            bool            `json:"custom"`
	DefaultedOnCreate bool            `json:"defaultedOnCreate"`
	ExternalID        bool            `json:"externalId"`
	Filterable        bool            `json:"filterable"`
	Groupable         bool            `json:"groupable"`
	IDLookup          bool            `json:"idLookup"`
	NameField         bool            `json:"nameField"`
	Nillable          bool            `json:"nillable"`
	Permissionable    bool            `json:"permissionable"`
	Sortable          bool            `json:"sortable"`
	Unique            bool            `json:"unique"`
	Updateable        bool            `json:"updateable"`

	raw  []byte // the field's own member of the describe
	slot int    // its place in a stored row
}

type picklistValue struct {
	Active       bool    `json:"active"`
	DefaultValue bool    `json:"defaultValue"`
	Label        string  `json:"label"`
	ValidFor     *string `json:"validFor"`
	Value        string  `json:"value"`
}

// plainField is a field without MarshalJSON.
type plainField field

// parent is the compound field this one is a part of, or "". A field that
// names itself, as Account.Name does, has none.
func (f *field) parent() string {
	if f.CompoundFieldName == nil || *f.CompoundFieldName == f.Name {
		return ""
	}
	return *f.CompoundFieldName
}

// extra is extraTypeInfo, or "".
func (f *field) extra() string {
	if f.ExtraTypeInfo == nil {
		return ""
	}
	return *f.ExtraTypeInfo
}

// compound reports an address or geolocation, whose value is that of its parts.
func (f *field) compound() bool { return f.Type == "address" || f.Type == "location" }

// field finds a field by name in any case, as SOQL does.
func (o *object) field(name string) *field {
	if f := o.byName[name]; f != nil {
		return f
	}
	return o.byName[strings.ToLower(name)]
}

// parts lists the fields of a compound field, in the order of the describe.
func (o *object) parts(compound string) []*field {
	var parts []*field
	for _, f := range o.Fields {
		if f.parent() == compound {
			parts = append(parts, f)
		}
	}
	return parts
}

// parseDescribe reads the answer of sObject Describe, keeping its bytes.
func parseDescribe(raw []byte) (*object, error) {
	o := &object{raw: raw}
	var members struct {
		Fields []json.RawMessage `json:"fields"`
	}
	if err := json.Unmarshal(raw, o); err != nil {
		return nil, fmt.Errorf("salesforcetest: describe: %w", err)
	}
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, fmt.Errorf("salesforcetest: describe: %w", err)
	}
	if o.Name == "" || len(o.Fields) == 0 {
		return nil, fmt.Errorf("salesforcetest: describe: no name or no fields")
	}
	for i, f := range o.Fields {
		f.raw = members.Fields[i]
		f.slot = i
	}
	o.slots = len(o.Fields)
	o.index()
	return o, nil
}

// clone is a copy that may be changed.
func (o *object) clone() *object {
	c := *o
	c.Fields = make([]*field, len(o.Fields))
	for i, f := range o.Fields {
		own := *f
		own.ReferenceTo, own.PicklistValues = slices.Clone(f.ReferenceTo), slices.Clone(f.PicklistValues)
		c.Fields[i] = &own
	}
	c.index()
	return &c
}

func (o *object) index() {
	o.byName = make(map[string]*field, 2*len(o.Fields))
	for _, f := range o.Fields {
		o.byName[f.Name] = f
		o.byName[strings.ToLower(f.Name)] = f
	}
}

// describe is the answer of sObject Describe with the fields that visible
// admits. A describe that nothing was taken from is answered byte for byte.
func (o *object) describe(visible func(*field) bool) []byte {
	var shown [][]byte
	for _, f := range o.Fields {
		if visible(f) {
			shown = append(shown, f.raw)
		}
	}
	if len(shown) == len(o.Fields) && !o.edited {
		return o.raw
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(o.raw, &members) // it was parsed when loaded
	fields := append([]byte("["), bytes.Join(shown, []byte(","))...)
	return bytes.Replace(o.raw, members["fields"], append(fields, ']'), 1)
}

// with is a copy of the object that has one more field.
func (o *object) with(f *field) *object {
	c := *o
	f.slot = o.slots
	c.slots, c.edited = o.slots+1, true
	c.Fields = append(slices.Clip(slices.Clone(o.Fields)), f)
	c.index()
	return &c
}

// MarshalJSON writes a field with every member a describe has.
func (f *field) MarshalJSON() ([]byte, error) { return f.raw, nil }

// without is a copy of the object that lacks the field. Its place in stored
// rows stays taken, so the rows need no rewriting.
func (o *object) without(name string) *object {
	c := *o
	c.edited = true
	c.Fields = slices.DeleteFunc(slices.Clone(o.Fields), func(f *field) bool { return f.Name == name })
	c.index()
	return &c
}
