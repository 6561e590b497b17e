package sqlite

import (
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// maxShapes bounds the statements that are kept for one table: one for each
// set of columns that rows have been written with.
const maxShapes = 128

// The parameters of the statements that write a row. Those of the persons
// follow, then those of the owners, then those of the cells.
const (
	paramID = iota + 1
	paramKey
	paramBase
	paramEvented
	paramDirty
	paramMark
	paramN
	paramSeq
	paramPersons
)

// write puts one row into the table. It compares the row's Seq; a row that was
// written before in the same batch has the Seq n already, and may be written
// again.
func (t *table) write(c *conn, r *store.Row, n int64) error {
	switch {
	case r.Mark == store.Absent,
		len(r.Cells) != 0 && len(r.Cells) != len(t.Columns),
		len(r.Persons) != 0 && len(r.Persons) != len(t.Rules),
		len(r.Owners) != 0 && len(r.Owners) != len(t.Rules):
		return fault.New(fault.Internal, "sqlite.Apply", "a row does not fit its table; please report it").On(t.Object)
	}
	s, err := t.statement(c, r)
	if err != nil {
		return err
	}
	if err := t.bind(s, r, n); err != nil {
		return err
	}
	if err := s.Exec(); err != nil {
		return err
	}
	if c.Changes() == 0 {
		return fault.New(fault.Conflict, "sqlite.Apply", "a row was written since it was loaded; load it and make the batch again").On(t.Object)
	}
	return nil
}

// statement returns the statement for rows of this shape: whether the row was
// there or is patched, and which columns it sets.
func (t *table) statement(c *conn, r *store.Row) (*sqlite3.Stmt, error) {
	var buf [256]byte
	shape := append(buf[:0], 'u')
	switch {
	case r.Seq == 0:
		shape[0] = 'i'
	case r.Patch:
		shape[0] = 'p'
	}
	for i := range t.Columns {
		if t.sets(r, i) {
			shape = append(shape, '1')
		} else {
			shape = append(shape, '0')
		}
	}
	if s := t.shapes[string(shape)]; s != nil {
		return s, nil
	}
	if len(t.shapes) == maxShapes {
		for key, s := range t.shapes {
			s.Close()
			delete(t.shapes, key)
			break
		}
	}
	s, _, err := c.PrepareFlags(t.sql(r), sqlite3.PREPARE_PERSISTENT)
	if err == nil {
		t.shapes[string(shape)] = s
	}
	return s, err
}

// sets reports whether writing the row says what the column holds.
func (t *table) sets(r *store.Row, i int) bool {
	return !r.Patch || len(r.Cells) != 0 && r.Cells[i].State != store.Unset
}

// owns reports whether writing the row says who owns its persons. A patch leaves
// that as it is: to set a column to what it is costs an entry of its index.
func (t *table) owns(r *store.Row, rule int) bool { return t.Follows(rule) && (!r.Patch || r.Seq == 0) }

func (t *table) sql(r *store.Row) string {
	names := []string{"_key", "_base", "_evented", "_mark", "_seq"}
	params := []int{paramKey, paramBase, paramEvented, paramMark, paramN}
	for i := range t.Rules {
		names, params = append(names, personColumn(i)), append(params, paramPersons+i)
		if t.owns(r, i) {
			names, params = append(names, ownerColumn(i)), append(params, paramPersons+len(t.Rules)+i)
		}
	}
	for i, c := range t.Columns {
		if t.sets(r, i) {
			names, params = append(names, `"`+c.Name+`"`), append(params, paramPersons+2*len(t.Rules)+i)
		}
	}
	var set, list, values strings.Builder
	for i, n := range names {
		p := "?" + strconv.Itoa(params[i])
		set.WriteString(", " + n + " = " + p)
		list.WriteString(", " + n)
		values.WriteString(", " + p)
	}
	// A row stays dirty since the batch that first made it so.
	update := ` SET _dirty = iif(?5, iif(_dirty > 0, _dirty, ?7), 0)` + set.String()
	if r.Seq != 0 {
		return `UPDATE ` + name(t.Object) + update + ` WHERE Id = ?1 AND (_seq = ?8 OR _seq = ?7)`
	}
	return `INSERT INTO ` + name(t.Object) + ` (Id, _dirty` + list.String() + `) VALUES (?1, iif(?5, ?7, 0)` + values.String() + `)
		ON CONFLICT (Id) DO UPDATE` + update + ` WHERE (_seq = ?8 OR _seq = ?7)`
}

func (t *table) bind(s *sqlite3.Stmt, r *store.Row, n int64) error {
	err := first(
		s.BindText(paramID, r.ID), s.BindInt64(paramKey, int64(r.Key)), s.BindInt64(paramBase, r.Base),
		s.BindInt64(paramEvented, flags(r)), s.BindBool(paramDirty, r.Dirty), s.BindInt64(paramMark, int64(r.Mark)),
		s.BindInt64(paramN, n), s.BindInt64(paramSeq, r.Seq))
	for i := range t.Rules {
		if err != nil {
			return err
		}
		if len(r.Persons) == 0 {
			err = s.BindNull(paramPersons + i)
		} else {
			err = s.BindBlob(paramPersons+i, r.Persons[i][:])
		}
		if err == nil && t.owns(r, i) {
			err = bindOwner(s, paramPersons+len(t.Rules)+i, r.Owners, i)
		}
	}
	for i, c := range t.Columns {
		if err != nil {
			return err
		}
		if t.sets(r, i) {
			err = bindCell(s, paramPersons+2*len(t.Rules)+i, c.Sealed, r.Cells, i)
		}
	}
	return err
}

// What the column _evented says, as bits.
const (
	evented   = 1
	explained = 2
)

func flags(r *store.Row) (bits int64) {
	if r.Evented {
		bits |= evented
	}
	if r.Dirty && r.Explained {
		bits |= explained
	}
	return bits
}

func bindOwner(s *sqlite3.Stmt, param int, owners []string, i int) error {
	if len(owners) == 0 || owners[i] == "" {
		return s.BindNull(param)
	}
	return s.BindText(param, owners[i])
}

func bindCell(s *sqlite3.Stmt, param int, sealed bool, cells []store.Cell, i int) error {
	if len(cells) == 0 || cells[i].State == store.Unset {
		return s.BindNull(param)
	}
	var value []byte
	if cells[i].State == store.Value {
		value = cells[i].Bytes
	}
	switch {
	case !sealed:
		return s.BindText(param, string(value))
	case len(value) == 0:
		return s.BindZeroBlob(param, 0)
	}
	return s.BindBlob(param, value)
}

// scan reads the state of a row that was selected by stateColumns, and returns
// the number of the column behind it.
func scan(s *sqlite3.Stmt, t store.Table) (r store.Row, next int) {
	r = store.Row{
		ID: s.ColumnText(0), Key: crypto.KeyID(s.ColumnInt64(1)), Base: s.ColumnInt64(2), Evented: s.ColumnInt64(3)&evented != 0, Explained: s.ColumnInt64(3)&explained != 0,
		Dirty: s.ColumnInt64(4) > 0, Mark: store.Mark(s.ColumnInt(5)), Seq: s.ColumnInt64(6),
	}
	for i := range t.Rules {
		if b := s.ColumnRawBlob(7 + i); len(b) == len(crypto.Person{}) {
			r.Persons = append(r.Persons, crypto.Person(b))
		}
	}
	next = 7 + len(t.Rules)
	for i := range t.Rules {
		if !t.Follows(i) {
			continue
		}
		if id := s.ColumnText(next); id != "" {
			if r.Owners == nil {
				r.Owners = make([]string, len(t.Rules))
			}
			r.Owners[i] = id
		}
		next++
	}
	return r, next
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
