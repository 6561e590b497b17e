package minimize

import (
	"strconv"

	"github.com/goccy/go-yaml/ast"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// reader turns a YAML tree into a policy. It keeps the first error.
type reader struct {
	places places
	err    *fault.Error
}

func (r *reader) fail(n ast.Node, e *fault.Error) {
	if r.err == nil {
		at := placeOf(n)
		r.err = e.At(at.line, at.column)
	}
}

// keys tells what to do with the value of each key of a map.
type keys map[string]func(n ast.Node, path string)

func (r *reader) policy(n ast.Node, p *Policy) {
	p.Purposes, p.Objects = map[string]string{}, map[string]Object{}
	r.fixed(n, "", keys{
		"version": func(n ast.Node, _ string) { p.Version = r.number(n) },
		"purposes": func(n ast.Node, path string) {
			r.entries(n, path, func(name string, n ast.Node, _ string) { p.Purposes[name] = r.text(n) })
		},
		"objects": func(n ast.Node, path string) {
			r.entries(n, path, func(name string, n ast.Node, path string) { p.Objects[name] = r.object(n, path) })
		},
	})
}

func (r *reader) object(n ast.Node, path string) (o Object) {
	r.fixed(n, path, keys{
		"purpose": func(n ast.Node, path string) { o.Purpose = r.list(n, path) },
		"person":  func(n ast.Node, path string) { o.Person = r.list(n, path) },
		"retention": func(n ast.Node, path string) {
			r.fixed(n, path, keys{
				"days": func(n ast.Node, _ string) { o.Retention.Days = r.number(n) },
				"from": func(n ast.Node, _ string) { o.Retention.From = r.text(n) },
			})
		},
		"on_forget": func(n ast.Node, _ string) { o.OnForget = OnForget(r.choice(n, "delete")) },
		"full_read": func(n ast.Node, path string) {
			r.fixed(n, path, keys{"days": func(n ast.Node, _ string) { o.FullRead.Days = r.number(n) }})
		},
		"changes":  func(n ast.Node, _ string) { o.Changes = Source(r.choice(n, "stream")) },
		"channel":  func(n ast.Node, _ string) { o.Channel = r.text(n) },
		"accept":   func(n ast.Node, _ string) { o.Accept = r.text(n) },
		"was":      func(n ast.Node, path string) { o.Was = r.list(n, path) },
		"plain":    func(n ast.Node, path string) { o.Plain = r.fields(n, path) },
		"coarse":   func(n ast.Node, path string) { o.Coarse = r.fields(n, path) },
		"personal": func(n ast.Node, path string) { o.Personal = r.fields(n, path) },
	})
	return o
}

// fields reads a map of fields, or a list of their names.
func (r *reader) fields(n ast.Node, path string) map[string]Field {
	fields := map[string]Field{}
	if list, ok := n.(*ast.SequenceNode); ok {
		for i, name := range r.list(n, path) {
			if _, twice := fields[name]; twice {
				r.fail(list.Values[i], fault.New(fault.PolicyInvalid, parsing, "the field is listed twice; keep one of the two"))
			}
			fields[name] = Field{}
			r.places[path+"/"+name] = placeOf(list.Values[i])
		}
		return fields
	}
	r.entries(n, path, func(name string, n ast.Node, path string) {
		var f Field
		if _, null := n.(*ast.NullNode); !null {
			f = r.field(n, path)
		}
		fields[name] = f
	})
	return fields
}

func (r *reader) field(n ast.Node, path string) (f Field) {
	r.fixed(n, path, keys{
		"category": func(n ast.Node, _ string) { f.Category = r.text(n) },
		"purpose":  func(n ast.Node, path string) { f.Purpose = r.list(n, path) },
		"person":   func(n ast.Node, path string) { f.Person = r.list(n, path) },
		"find":     func(n ast.Node, _ string) { f.Find = Find(r.text(n)) },
		"conceal":  func(n ast.Node, _ string) { f.Conceal = r.truth(n) },
		"was":      func(n ast.Node, path string) { f.Was = r.list(n, path) },
	})
	return f
}

// fixed reads a map whose keys are known.
func (r *reader) fixed(n ast.Node, path string, known keys) {
	prefix := path
	if path != "" {
		prefix += "/"
	}
	r.each(n, prefix, func(key string, name, value ast.Node) {
		if read := known[key]; read != nil {
			read(value, prefix+key)
			return
		}
		if e := refuseName(key); e != nil {
			r.fail(name, e)
			return
		}
		r.fail(name, fault.New(fault.PolicyInvalid, parsing, "the key is not known here; check its spelling and indentation"))
	})
}

// entries reads a map whose keys are names.
func (r *reader) entries(n ast.Node, path string, read func(name string, n ast.Node, path string)) {
	r.each(n, path+"/", func(name string, _, value ast.Node) { read(name, value, path+"/"+name) })
}

// each calls read for every entry of a map, and notes where its key stands.
func (r *reader) each(n ast.Node, prefix string, read func(key string, name, value ast.Node)) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		r.fail(n, fault.New(fault.PolicyInvalid, parsing, "a map is needed here; write key: value"))
		return
	}
	for _, entry := range m.Values {
		name, ok := entry.Key.(*ast.StringNode)
		if !ok {
			r.fail(entry.Key, fault.New(fault.PolicyInvalid, parsing, "the key is not a plain name; write names without tags, anchors or merges"))
			return
		}
		path := prefix + name.Value
		if _, twice := r.places[path]; twice {
			r.fail(name, fault.New(fault.PolicyInvalid, parsing, "the key is given twice; keep one of the two"))
			return
		}
		r.places[path] = placeOf(name)
		read(name.Value, name, entry.Value)
	}
}

// list reads a list of names.
func (r *reader) list(n ast.Node, path string) (list []string) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		r.fail(n, fault.New(fault.PolicyInvalid, parsing, "a list is needed here; write [one, another]"))
		return nil
	}
	for i, item := range s.Values {
		r.places[path+"/"+strconv.Itoa(i)] = placeOf(item)
		list = append(list, r.text(item))
	}
	return list
}

// text reads a string that is not empty.
func (r *reader) text(n ast.Node) string {
	switch s := n.(type) {
	case *ast.StringNode:
		if s.Value != "" {
			return s.Value
		}
	case *ast.LiteralNode:
		if s.Value != nil && s.Value.Value != "" {
			return s.Value.Value
		}
	}
	r.fail(n, fault.New(fault.PolicyInvalid, parsing, "a text is needed here; write it in quotes if it looks like a number"))
	return ""
}

// choice reads a text; the default is the empty one.
func (r *reader) choice(n ast.Node, byDefault string) string {
	if s := r.text(n); s != byDefault {
		return s
	}
	return ""
}

// number reads a whole number above 0.
func (r *reader) number(n ast.Node) int {
	if i, ok := n.(*ast.IntegerNode); ok {
		if v, err := strconv.Atoi(i.Token.Value); err == nil && v > 0 {
			return v
		}
	}
	r.fail(n, fault.New(fault.PolicyInvalid, parsing, "a whole number above 0 is needed here"))
	return 0
}

func (r *reader) truth(n ast.Node) *bool {
	if b, ok := n.(*ast.BoolNode); ok {
		return &b.Value
	}
	r.fail(n, fault.New(fault.PolicyInvalid, parsing, "true or false is needed here"))
	return nil
}
