package avro

import "slices"

// Kind says what a type or a value is.
type Kind uint8

const (
	// Absent is a value that the payload does not contain: a record above it
	// is null, or a union took another branch.
	Absent Kind = iota
	// Null is Avro's null.
	Null
	// Bool is a boolean.
	Bool
	// Int is a signed number of 32 bits.
	Int
	// Long is a signed number of 64 bits.
	Long
	// Float is an IEEE 754 number of 32 bits.
	Float
	// Double is an IEEE 754 number of 64 bits.
	Double
	// String is text in UTF-8.
	String
	// Bytes is a run of bytes.
	Bytes
	// Enum is one symbol of a list.
	Enum
	// Fixed is a run of bytes whose length the schema gives.
	Fixed
	// Compound is a record. As a value it says only that a record stands there,
	// such as the name of a person account where a business account has text.
	Compound
	// Array is an array. As a value it says only that an array stands there.
	Array
	// Map is a map. As a value it says only that a map stands there.
	Map
	// Union is the kind of a type only: a value has the kind of its branch.
	Union
	// Strings is the kind of a value only: an array of strings.
	Strings
)

// primitives are the kinds that Avro names and that need no further schema.
var primitives = map[string]Kind{
	"null": Null, "boolean": Bool, "int": Int, "long": Long,
	"float": Float, "double": Double, "string": String, "bytes": Bytes,
}

// Type is a type of a schema. It may contain itself. It never changes.
type Type struct {
	kind     Kind
	name     string   // full name of a record, enum or fixed
	fields   []Field  // of a record
	branches []*Type  // of a union
	item     *Type    // of an array or map
	symbols  []string // of an enum
	width    int      // bytes of every value, or one of the two below
	steps    []step   // of a record: how to pass over it
}

const (
	varies    = -1 // values differ in length
	measuring = -2 // its width is being found
	unknown   = -3
)

// Kind is what the type is.
func (t *Type) Kind() Kind { return t.kind }

// Name is the full name of a record, enum or fixed, and "" of all others.
func (t *Type) Name() string { return t.name }

// Fields are a record's fields in their order on the wire.
func (t *Type) Fields() []Field { return slices.Clone(t.fields) }

// Branches are a union's branches in the order of the schema; of another type
// they are the type itself.
func (t *Type) Branches() []*Type {
	if t.kind != Union {
		return []*Type{t}
	}
	return slices.Clone(t.branches)
}

// Item is the type of an array's items or a map's values, or nil.
func (t *Type) Item() *Type { return t.item }

// Symbols are an enum's symbols in their order on the wire.
func (t *Type) Symbols() []string { return slices.Clone(t.symbols) }

// Size is the length of a fixed in bytes, and 0 of all other kinds.
func (t *Type) Size() int {
	if t.kind == Fixed {
		return t.width
	}
	return 0
}

// nullFirst reports whether one byte 0 says that the value is null.
func (t *Type) nullFirst() bool {
	return t.kind == Union && len(t.branches) > 0 && t.branches[0].kind == Null
}

// Field is a field of a record. Its index among the fields is its position in
// the bitmaps of a change event.
type Field struct {
	// Name is the field's API name.
	Name string
	// Doc is the field's doc attribute. Salesforce puts the semantic type there,
	// such as "Data:Currency" or "CreatedDate:DateTime".
	Doc string
	// Type is the field's type, nearly always a union with null.
	Type *Type
}

// Nullable reports whether the field can be null.
func (f Field) Nullable() bool { return f.Branch(Null) != nil }

// Branch is the first branch of the given kind, or nil. A type that is not a
// union is its own only branch.
func (f Field) Branch(kind Kind) *Type {
	if f.Type.kind == kind {
		return f.Type
	}
	for _, b := range f.Type.branches {
		if b.kind == kind {
			return b
		}
	}
	return nil
}

// Children are the fields of the record that can stand in this field, such as
// Street in MailingAddress, or nil.
func (f Field) Children() []Field {
	if t := f.Branch(Compound); t != nil {
		return t.Fields()
	}
	return nil
}
