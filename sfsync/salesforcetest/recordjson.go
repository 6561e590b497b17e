package salesforcetest

import "strings"

// recordWriter writes records as query results have them: attributes first,
// then the selected fields in their order, parents as objects inside.
type recordWriter struct {
	query   *selection
	view    *view
	version string
	tree    *branch
}

// branch is what is selected of one object: fields, and parents with theirs.
type branch struct {
	object  *object
	members []member
}

type member struct {
	field  *field // or a parent
	name   string
	step   step
	parent *branch
}

func newRecordWriter(s *selection, v *view, version string) *recordWriter {
	w := &recordWriter{query: s, view: v, version: version, tree: &branch{object: s.object}}
	for _, c := range s.columns {
		b := w.tree
		for _, step := range c.steps {
			b = b.down(step)
		}
		b.members = append(b.members, member{field: c.field, name: c.field.Name})
	}
	return w
}

// down finds or makes the branch of a parent.
func (b *branch) down(s step) *branch {
	name := *s.via.RelationshipName
	for _, m := range b.members {
		if m.name == name {
			return m.parent
		}
	}
	parent := &branch{object: s.to}
	b.members = append(b.members, member{name: name, step: s, parent: parent})
	return parent
}

func (w *recordWriter) append(b []byte, r *row) []byte { return w.branch(b, r, w.tree) }

func (w *recordWriter) branch(b []byte, r *row, br *branch) []byte {
	o := br.object
	values := r.values(make([]string, o.slots))
	id := recordID(o.KeyPrefix, r.serial)
	b = append(b, `{"attributes":{"type":"`+o.Name+`","url":"/services/data/`+w.version+`/sobjects/`+o.Name+`/`+id+`"}`...)
	for _, m := range br.members {
		b = append(append(append(b, ',', '"'), m.name...), '"', ':')
		if m.parent == nil {
			b = o.appendField(b, r, m.field, values)
		} else if p := w.view.parent(r, m.step); p != nil {
			b = w.branch(b, p, m.parent)
		} else {
			b = append(b, "null"...)
		}
	}
	return append(b, '}')
}

// appendField writes one value; values is the row, spread out.
func (o *object) appendField(b []byte, r *row, f *field, values []string) []byte {
	switch {
	case f.compound():
		return o.appendCompound(b, f, values)
	case f.Name == "Id" || f.Name == "IsDeleted" || f.Name == "SystemModstamp":
		return f.appendJSON(b, r.value(o, f))
	case f.Type == "boolean" && values[f.slot] == "":
		return append(b, "false"...)
	}
	return f.appendJSON(b, values[f.slot])
}

// appendCompound writes an address with members in lower camel case, or null
// if all of them are.
func (o *object) appendCompound(b []byte, f *field, values []string) []byte {
	parts := o.parts(f.Name)
	empty := true
	for _, part := range parts {
		empty = empty && values[part.slot] == ""
	}
	if empty {
		return append(b, "null"...)
	}
	prefix := strings.TrimSuffix(f.Name, "Address")
	b = append(b, '{')
	for i, part := range parts {
		if i > 0 {
			b = append(b, ',')
		}
		name := strings.TrimPrefix(part.Name, prefix)
		if f.Type == "location" {
			name = name[strings.Index(name, "__")+2:]
			name = strings.TrimSuffix(name, "__s")
		}
		b = appendQuoted(b, lower(name[:1])+name[1:])
		b = part.appendJSON(append(b, ':'), values[part.slot])
	}
	return append(b, '}')
}
