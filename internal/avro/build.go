package avro

import (
	"strings"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/twmb/avro"
)

// builder turns a Parsing Canonical Form into types. There every name is a full
// name and every attribute that does not touch the wire is gone, so no rule of
// scoping has to be known here.
type builder struct {
	named map[string]*Type    // filled when the definition is met, which may be after a reference
	docs  map[string][]string // by full name of the record, in the order of its fields
	all   []*Type
}

// build returns the type of the top-level record. The canonical form has no doc
// attributes; they come from the schema as it was written.
func build(canonical any, written *avro.SchemaNode) (*Type, error) {
	b := builder{named: map[string]*Type{}, docs: map[string][]string{}}
	b.document(written)
	root := b.typ(canonical)
	if root.kind != Compound {
		return nil, fault.New(fault.SchemaInvalid, "avro.Parse", "the schema is not that of an event, whose top level is a record; fetch it again by its id")
	}
	for _, t := range b.all {
		if t.kind == Absent { // the validation before should not let this pass
			return nil, fault.New(fault.SchemaInvalid, "avro.Parse", "the schema names a type it does not define; fetch it again by its id")
		}
		if !t.measure() {
			return nil, fault.New(fault.SchemaInvalid, "avro.Parse", "a record of the schema contains itself without an end; fetch the schema again by its id")
		}
	}
	for _, t := range b.all {
		t.steps = compile(t.fields, nil)
	}
	return root, nil
}

// document collects the doc attributes of all fields.
func (b *builder) document(n *avro.SchemaNode) {
	if n == nil {
		return
	}
	name := n.Name
	if n.Namespace != "" && !strings.Contains(name, ".") {
		name = n.Namespace + "." + name
	}
	for i := range n.Fields {
		b.docs[name] = append(b.docs[name], n.Fields[i].Doc)
		b.document(&n.Fields[i].Type)
	}
	for i := range n.Branches {
		b.document(&n.Branches[i])
	}
	b.document(n.Items)
	b.document(n.Values)
}

// typ builds the type of one node: a name, a union's list or an object.
func (b *builder) typ(node any) *Type {
	switch n := node.(type) {
	case string:
		if kind, ok := primitives[n]; ok {
			return b.add(&Type{kind: kind, width: primitiveWidth(kind)})
		}
		return b.name(n)
	case []any:
		t := b.add(&Type{kind: Union, width: varies})
		for _, branch := range n {
			t.branches = append(t.branches, b.typ(branch))
		}
		return t
	case map[string]any:
		return b.object(n)
	}
	return b.add(&Type{})
}

func (b *builder) object(n map[string]any) *Type {
	kind, _ := n["type"].(string)
	name, _ := n["name"].(string)
	switch kind {
	case "record", "error":
		t := b.name(name)
		t.kind = Compound
		b.fields(t, n["fields"])
		return t
	case "enum":
		t := b.name(name)
		t.kind, t.width = Enum, varies
		symbols, _ := n["symbols"].([]any)
		for _, s := range symbols {
			symbol, _ := s.(string)
			t.symbols = append(t.symbols, symbol)
		}
		return t
	case "fixed":
		t := b.name(name)
		size, _ := n["size"].(float64)
		t.kind, t.width = Fixed, int(min(size, maxWidth))
		return t
	case "array":
		return b.add(&Type{kind: Array, width: varies, item: b.typ(n["items"])})
	case "map":
		return b.add(&Type{kind: Map, width: varies, item: b.typ(n["values"])})
	}
	return b.typ(n["type"])
}

func (b *builder) fields(t *Type, list any) {
	docs := b.docs[t.name]
	fields, _ := list.([]any)
	for i, f := range fields {
		f, _ := f.(map[string]any)
		name, _ := f["name"].(string)
		field := Field{Name: name, Type: b.typ(f["type"])}
		if i < len(docs) {
			field.Doc = docs[i]
		}
		t.fields = append(t.fields, field)
	}
}

// name returns the type of that full name, yet undefined if this is the first
// time it is met.
func (b *builder) name(full string) *Type {
	t := b.named[full]
	if t == nil {
		t = b.add(&Type{name: full, width: unknown})
		b.named[full] = t
	}
	return t
}

func (b *builder) add(t *Type) *Type {
	b.all = append(b.all, t)
	return t
}

func primitiveWidth(kind Kind) int {
	switch kind {
	case Null:
		return 0
	case Bool:
		return 1
	case Float:
		return 4
	case Double:
		return 8
	}
	return varies
}

// measure finds the width of a record and of the records directly in it. It is
// false for a record that directly contains itself: no value of it ends.
func (t *Type) measure() bool {
	if t.width == measuring {
		return false
	}
	if t.width != unknown {
		return true
	}
	t.width = measuring
	sum := 0
	for _, f := range t.fields {
		if !f.Type.measure() {
			return false
		}
		if f.Type.width == varies || sum == varies {
			sum = varies
			continue
		}
		sum = min(sum+f.Type.width, maxWidth)
	}
	t.width = sum
	return true
}
