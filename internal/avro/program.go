package avro

import (
	"strings"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Program is a list of paths compiled against a schema. It never changes and is
// safe for concurrent use.
type Program struct {
	steps     []step
	symbols   []string // of every enum wanted, one list after another
	positions []position
	object    string // event's API name, for errors
}

type position struct{ top, child int }

// step is one field of a record, or a run of bytes that nobody wants.
type step struct {
	is    *Type
	want  *want // nil: pass over
	nulls int   // as many fields from here on are unwanted, and null if their byte is 0
}

// want says what to build where a type stands.
type want struct {
	slot     int     // index of the path, or -1 if only what is inside is wanted
	steps    []step  // of a record
	branches []*want // of a union; nil: pass over
	symbols  int     // of an enum: where its list starts in the program's
}

// tree holds the paths by their first parts.
type tree struct {
	slot int
	kids map[string]*tree
}

// Compile prepares to scan payloads for the values at the given paths. A path is
// a field's name, or the names that lead to it, joined by dots:
// "ChangeEventHeader.recordIds", "MailingAddress.City". It leads through records
// and unions, not into arrays or maps. Both a record and its children can be
// named, since the field of either a business or a person account's name is one
// of the two.
//
// The error is fault.FieldLost with the paths that the schema lacks, or
// fault.ConfigInvalid for a path given twice.
func (s *Schema) Compile(paths []string) (*Program, error) {
	all := &tree{slot: -1}
	for i, path := range paths {
		if !all.add(path, i) {
			return nil, fault.New(fault.ConfigInvalid, "avro.Compile", "the path is given twice; keep one of the two").On(s.object(), path)
		}
	}
	c := compiler{
		Program: &Program{positions: make([]position, len(paths)), object: s.object()},
		found:   make([]bool, len(paths)),
	}
	c.steps = s.root.steps
	if root := c.want(s.root, all, nil); root != nil {
		c.steps = root.steps
	}
	var lost []string
	for i, path := range paths {
		if !c.found[i] {
			lost = append(lost, path)
		}
	}
	if lost != nil {
		return nil, fault.New(fault.FieldLost, "avro.Compile", "the events have no such field; restore it in the org or take it out of the policy").On(s.object(), lost...)
	}
	return c.Program, nil
}

// Position is the place of the i-th path in the bitmaps of a change event: the
// index of its top-level field, and the index of the child in that field's
// record, or -1 for a path to the top-level field itself.
func (p *Program) Position(i int) (top, child int) {
	return p.positions[i].top, p.positions[i].child
}

// object is the last part of the schema's name: an event's API name.
func (s *Schema) object() string {
	return s.root.name[strings.LastIndexByte(s.root.name, '.')+1:]
}

func (t *tree) add(path string, slot int) bool {
	for part := range strings.SplitSeq(path, ".") {
		kid := t.kids[part]
		if kid == nil {
			kid = &tree{slot: -1}
			if t.kids == nil {
				t.kids = map[string]*tree{}
			}
			t.kids[part] = kid
		}
		t = kid
	}
	free := t.slot < 0
	t.slot = slot
	return free
}

// compiler is a program in the making.
type compiler struct {
	*Program
	found []bool
}

// want compiles what is wanted of a type that stands at the given place, the
// indexes of the fields that lead to it. It is nil if nothing is.
func (c *compiler) want(t *Type, paths *tree, place []int) *want {
	w := &want{slot: paths.slot}
	inside := false
	switch t.kind {
	case Union:
		w.branches = make([]*want, len(t.branches))
		for i, b := range t.branches {
			w.branches[i] = c.want(b, paths, place)
			inside = inside || w.branches[i] != nil
		}
	case Compound:
		wants := make([]*want, len(t.fields))
		for i, f := range t.fields {
			if kid := paths.kids[f.Name]; kid != nil {
				wants[i] = c.want(f.Type, kid, append(place, i))
				inside = inside || wants[i] != nil
			}
		}
		if w.steps = t.steps; inside {
			w.steps = compile(t.fields, wants)
		}
	case Enum:
		w.symbols = len(c.symbols)
		if w.slot >= 0 {
			c.symbols = append(c.symbols, t.symbols...)
		}
	}
	if w.slot >= 0 {
		c.find(w.slot, place)
	} else if !inside {
		return nil
	}
	return w
}

func (c *compiler) find(slot int, place []int) {
	p := position{top: place[0], child: -1}
	if len(place) > 1 {
		p.child = place[1]
	}
	c.found[slot], c.positions[slot] = true, p
}

// compile lists the steps through the fields of a record. Unwanted fields of
// fixed width next to each other are one step, however many they are.
func compile(fields []Field, wants []*want) []step {
	var steps []step
	for i, f := range fields {
		s := step{is: f.Type}
		if wants != nil {
			s.want = wants[i]
		}
		last := len(steps) - 1
		switch {
		case s.want != nil || f.Type.width == varies:
			steps = append(steps, s)
		case last >= 0 && steps[last].want == nil && steps[last].is.width >= 0:
			sum := min(steps[last].is.width+f.Type.width, maxWidth)
			steps[last].is = &Type{kind: Fixed, width: sum}
		default:
			steps = append(steps, s)
		}
	}
	for i := len(steps) - 1; i >= 0; i-- {
		if s := &steps[i]; s.want == nil && s.is.nullFirst() {
			s.nulls = 1
			if i+1 < len(steps) {
				s.nulls += steps[i+1].nulls
			}
		}
	}
	return steps
}
