package sfsync

import (
	"slices"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// maker makes one object's part of a batch, under the object's lock.
type maker struct {
	*sealing
	o          *object
	references int
	records    map[string]*record
	order      []string // ids in the order they were first named
	owe        bool     // everything is owed again
	moved      []string // records that may be another person's than their rows said
	lost       int64    // rows whose records a read by id did not find, and nothing said why
	seen       []string // records that a read of stamps found as their rows say
}

// result is the batch of what was made; N and the numbers after it are taken
// from the object, which moves on.
func (m *maker) result() store.ObjectBatch {
	b := store.ObjectBatch{Object: m.o.name, N: m.o.n, Seen: store.Seen{IDs: m.seen}, Lost: m.lost}
	m.o.digests, m.o.holds = m.digests, m.holds
	for _, id := range m.order {
		if r := m.records[id]; r.written {
			r.row.Patch = r.row.Patch && !r.replaced
			b.Rows = append(b.Rows, r.row)
			if !r.row.Dirty {
				m.o.clean(id)
			}
		}
	}
	if m.owe {
		b.Owe, b.Floor = []store.Range{store.Whole(store.Full)}, !m.off(floorVoidsReads)
	}
	return b
}

// The cells of a batch share memory, taken in pieces of arenaSize bytes;
// sealRoom is what sealing a short value adds to it at most.
const (
	arenaSize = 64 << 10
	sealRoom  = 512
)

// sealing turns decoded changes into the cells of one batch. It can seal and
// nothing else: there is no way from here back to a value.
type sealing struct {
	name     string
	table    store.Table
	columns  []minimize.Column
	keys     *crypto.Batch
	arena    []byte
	cells    []store.Cell
	names    map[string]string // API name -> stable name of the policy's objects
	digests  digests
	holds    map[string][]crypto.Entry // by record that is held: the entries which say so
	pace     pace
	disabled rule
	moves    int64 // of the object when the persons were asked for
}

func (s *session) sealing(o *object, keys *crypto.Batch) *sealing {
	return &sealing{name: o.name, table: o.schema, columns: o.columns, keys: keys, names: s.names, pace: s.pace, disabled: s.disabled}
}

func (s *sealing) off(r rule) bool { return s.disabled&r != 0 }

// seal returns a cell for each column, Unset where the change says nothing,
// and whether the change says all that it touches. A record with the address of
// a forgotten person is in holds then, and its cells are not to be kept.
func (s *sealing) seal(id string, subjects []crypto.Subject, c minimize.Change) ([]store.Cell, bool, error) {
	cells, complete := s.row(), true
	for i := range s.columns {
		state, text := c.Value(i)
		if state == minimize.Hidden && s.off(hiddenIsNotNull) {
			state = minimize.Null
		}
		switch state {
		case minimize.Null, minimize.Known:
			cell, err := s.cell(id, subjects[s.columns[i].Rule], i, state == minimize.Null, text)
			if err != nil {
				return nil, false, err
			}
			cells[i] = cell
		case minimize.Hidden, minimize.Diff, minimize.Imprecise:
			complete = false
		}
	}
	return cells, complete, nil
}

// cell is one field: sealed for its person, or plain as the policy says.
func (s *sealing) cell(id string, subject crypto.Subject, i int, null bool, text []byte) (store.Cell, error) {
	column := &s.columns[i]
	sealed := column.Class == minimize.Personal
	if null && !(sealed && column.Conceal) {
		return store.Cell{State: store.Null}, nil
	}
	if sealed && subject.Forgotten() {
		return store.Cell{}, nil
	}
	if cap(s.arena)-len(s.arena) < len(text)+sealRoom {
		s.arena = make([]byte, 0, max(arenaSize, len(text)+sealRoom))
	}
	start := len(s.arena)
	if !sealed {
		s.arena = append(s.arena, text...)
		return store.Cell{State: store.Value, Bytes: s.arena[start:len(s.arena):len(s.arena)]}, nil
	}
	spec := &s.table.Columns[i]
	field := crypto.Field{Object: s.name, Record: id, Name: column.Name, Type: spec.Type, Small: spec.Small}
	arena, err := s.keys.Seal(s.arena, subject, field, null, text)
	if err != nil {
		return store.Cell{}, err
	}
	s.arena = arena
	cell := store.Cell{State: store.Value, Bytes: arena[start:len(arena):len(arena)]}
	if column.Find != minimize.FindNone && !null {
		s.indexed(cell.Bytes, subject, field, column.Find, text)
	}
	return cell, nil
}

// row takes the cells of one row from a slab, so that a batch of a thousand
// rows makes a few allocations and not a thousand.
func (s *sealing) row() []store.Cell {
	n := len(s.columns)
	if len(s.cells) < n {
		s.cells = make([]store.Cell, 256*n)
	}
	cells := s.cells[:n:n]
	s.cells = s.cells[n:]
	return cells
}

// wants lists whose record a complete description is: one want for each
// person rule, the record's own first.
func (s *sealing) wants(wants []crypto.Want, table *minimize.Table, id string, c minimize.Change) []crypto.Want {
	record := crypto.Link{Object: s.name, Record: id}
	for k, rule := range table.Rules() {
		owner, at := s.owner(table, rule, c)
		want := crypto.Want{Owner: owner}
		if k == 0 {
			want.Record, want.Named = record, table.Names() && at == 0
		} else if want.Owner == (crypto.Link{}) {
			want.Owner = record
		}
		wants = append(wants, want)
	}
	return wants
}

// owner is the first reference of the rule that is set, and its place in the
// rule; none: the record is its own person.
func (s *sealing) owner(table *minimize.Table, rule []int, c minimize.Change) (owner crypto.Link, at int) {
	for at, i := range rule {
		if state, id := c.Reference(i); state == minimize.Known {
			ref := string(id)
			object := table.ReferenceObject(i, ref)
			if stable, ok := s.names[object]; ok {
				object = stable
			}
			return crypto.Link{Object: object, Record: ref}, at
		}
	}
	return crypto.Link{}, -1
}

// ids appends the records of a change that are not in the list yet.
func ids(list []string, seen map[string]bool, c minimize.Change) []string {
	list = slices.Grow(list, c.Len())
	for i := range c.Len() {
		if id := c.RecordID(i); !seen[id] {
			seen[id] = true
			list = append(list, id)
		}
	}
	return list
}
