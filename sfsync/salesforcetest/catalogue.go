package salesforcetest

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// What a new org consists of, and the usual values of the describe members
// that wire/objects.txt does not tell.
var (
	//go:embed wire/objects.txt
	objectsText []byte
	//go:embed wire/object.json
	objectDefaults []byte
	//go:embed wire/field.json
	fieldDefaults []byte
)

// embedded are the objects of wire/objects.txt. To read them takes most of the time
// that a new org does, so it is done once; they are not changed.
var embedded = sync.OnceValues(func() (list []*object, err error) {
	for _, paragraph := range bytes.Split(objectsText, []byte("\n\n")) {
		o, err := parseParagraph(string(paragraph))
		if err != nil {
			return nil, err
		}
		if o != nil {
			list = append(list, o)
		}
	}
	return list, nil
})

// catalogue is every object of the org, by lower-case name.
type catalogue map[string]*object

// newCatalogue reads the embedded objects, then the describes in files, which
// take the place of embedded objects of the same name. Files without fields,
// such as a global describe, are left out.
func newCatalogue(files fs.FS) (catalogue, error) {
	objects, err := embedded()
	if err != nil {
		return nil, err
	}
	all := catalogue{}
	for _, o := range objects {
		all[strings.ToLower(o.Name)] = o.clone()
	}
	if files == nil {
		return all, nil
	}
	names, err := fs.Glob(files, "*_describe.json")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		raw, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		if o, err := parseDescribe(raw); err == nil {
			all[strings.ToLower(o.Name)] = o
		} else if !strings.HasPrefix(name, "Global") {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return all, nil
}

// sorted lists the objects by name.
func (c catalogue) sorted() []*object {
	return slices.SortedFunc(maps.Values(c), func(a, b *object) int { return strings.Compare(a.Name, b.Name) })
}

// parseParagraph turns a paragraph of wire/objects.txt into a full describe
// and reads that as if it had been loaded.
func parseParagraph(text string) (*object, error) {
	var o object
	var flags []string
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 0 || words[0] == "#":
		case o.Name == "":
			o = object{Name: words[0], Label: label(words[0]), KeyPrefix: words[1], Replicateable: true,
				Custom: strings.HasSuffix(words[0], "__c")}
			o.LabelPlural = o.Label + "s"
			flags = words[2:]
			o.Fields = append(o.Fields, systemHead(flags)...)
		default:
			o.Fields = append(o.Fields, newField(words[0], words[1], words[2:]...))
		}
	}
	if o.Name == "" {
		return nil, nil
	}
	o.Fields = append(o.Fields, systemTail(flags)...)
	for _, f := range o.Fields {
		f.raw = overlay(fieldDefaults, (*plainField)(f))
	}
	parsed, err := parseDescribe(overlay(objectDefaults, &o))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name, err)
	}
	parsed.virtual, parsed.tooling = slices.Contains(flags, "virtual"), slices.Contains(flags, "tooling")
	return parsed, nil
}

// systemHead and systemTail are the fields every object has, in the order of
// real describes.
func systemHead(flags []string) []*field {
	head := []*field{newField("Id", "id", "18", "required", "readonly", "nofls", "default")}
	if !slices.Contains(flags, "nodelete") {
		head = append(head, newField("IsDeleted", "boolean", "readonly", "nofls"))
	}
	return head
}

func systemTail(flags []string) []*field {
	var tail []*field
	if slices.Contains(flags, "owned") {
		tail = append(tail, newField("OwnerId", "reference", "required", "nofls", "default", "to=User"))
	}
	audit := []string{"required", "readonly", "nofls", "default"}
	return append(tail,
		newField("CreatedDate", "datetime", audit...),
		newField("CreatedById", "reference", append(audit, "to=User")...),
		newField("LastModifiedDate", "datetime", audit...),
		newField("LastModifiedById", "reference", append(audit, "to=User")...),
		newField("SystemModstamp", "datetime", audit...))
}

// soapTypes are the types whose soapType is not xsd:string.
var soapTypes = map[string]string{
	"id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "double": "xsd:double", "currency": "xsd:double",
	"percent": "xsd:double", "int": "xsd:int", "date": "xsd:date", "datetime": "xsd:dateTime", "time": "xsd:time",
	"address": "urn:address", "location": "urn:location",
}

// newField builds a field from the words of a line of wire/objects.txt.
func newField(name, kind string, words ...string) *field {
	f := &field{Name: name, Label: label(name), Type: kind, SoapType: soapTypes[kind], ReferenceTo: []string{},
		PicklistValues: []picklistValue{}, Filterable: true, Custom: strings.HasSuffix(name, "__c"),
		Nillable: kind != "boolean", DefaultedOnCreate: kind == "boolean", Permissionable: true}
	if f.SoapType == "" {
		f.SoapType = "xsd:string"
	}
	plain := !f.compound() && kind != "textarea"
	f.Createable, f.Updateable, f.Sortable, f.Groupable = !f.compound(), !f.compound(), plain, plain && kind != "double"
	if kind == "reference" {
		f.Length = 18
		f.RelationshipName = ptr(relationship(name))
	}
	if kind == "textarea" {
		f.ExtraTypeInfo = ptr("plaintextarea")
	}
	for _, word := range words {
		f.flag(word)
	}
	if kind == "textarea" && f.Length > 255 {
		f.Filterable = false // a long text is a CLOB
	}
	f.ByteLength = 3 * f.Length
	if f.SoapType == "tns:ID" {
		f.ByteLength = f.Length
	}
	return f
}

func (f *field) flag(word string) {
	key, value, _ := strings.Cut(word, "=")
	switch key {
	case "required":
		f.Nillable, f.Permissionable = false, false
	case "readonly":
		f.Createable, f.Updateable = false, false
	case "createonly":
		f.Updateable = false
	case "nofls":
		f.Permissionable = false
	case "default":
		f.DefaultedOnCreate = true
	case "auto":
		f.AutoNumber, f.Nillable, f.DefaultedOnCreate = true, false, true
	case "name":
		f.NameField, f.IDLookup = true, true
	case "extid":
		f.ExternalID, f.IDLookup, f.Unique = true, true, true
	case "cascade":
		f.CascadeDelete = true
	case "in":
		f.CompoundFieldName = ptr(value)
	case "extra":
		f.ExtraTypeInfo = ptr(value)
	case "to":
		f.ReferenceTo = strings.Split(value, ",")
	case "v":
		for v := range strings.SplitSeq(strings.ReplaceAll(value, "~", " "), ";") {
			f.PicklistValues = append(f.PicklistValues, picklistValue{Active: true, Label: v, Value: v})
		}
	default:
		f.size(word)
	}
}

// size reads a length, or precision and scale.
func (f *field) size(word string) {
	precision, scale, number := strings.Cut(word, ",")
	n, _ := strconv.Atoi(precision)
	switch {
	case f.Type == "int":
		f.Digits = n
	case number:
		f.Precision = n
		f.Scale, _ = strconv.Atoi(scale)
	default:
		f.Length = n
	}
}

var words = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// label is the label that Salesforce would give a field of this name.
func label(name string) string {
	name = strings.ReplaceAll(strings.TrimSuffix(name, "__c"), "_", " ")
	name = words.ReplaceAllString(name, "$1 $2")
	if before, ok := strings.CutSuffix(name, " Id"); ok {
		return before + " ID"
	}
	return name
}

// relationship is the name by which SOQL follows a reference.
func relationship(name string) string {
	if before, ok := strings.CutSuffix(name, "__c"); ok {
		return before + "__r"
	}
	return strings.TrimSuffix(name, "Id")
}

// overlay writes a value over the members of a JSON object; the result has its
// members in alphabetical order, as describes have.
func overlay(defaults []byte, value any) []byte {
	members := map[string]json.RawMessage{}
	for _, layer := range [][]byte{defaults, must(json.Marshal(value))} {
		if err := json.Unmarshal(layer, &members); err != nil {
			panic("salesforcetest: embedded describe: " + err.Error())
		}
	}
	return must(json.Marshal(members))
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic("salesforcetest: " + err.Error())
	}
	return b
}

func ptr[T any](v T) *T { return &v }
