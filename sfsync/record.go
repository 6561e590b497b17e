package sfsync

import (
	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// record is one row while a batch is made: as it was loaded, then as the batch
// will leave it. Only the maker that loaded it uses it.
type record struct {
	row      store.Row
	subjects []crypto.Subject // of row.Persons, in their order
	written  bool             // the batch writes the row
	replaced bool             // the batch writes all of it, so Cells are complete
}

// happened notes what the row stands for in the batch.
func (r *record) happened(op store.Op, c minimize.Change) {
	r.written = true
	r.row.Op = op
	r.row.Commit, r.row.Transaction, r.row.Sequence = c.Commit(), c.TransactionKey(), c.Sequence()
}

// empty leaves the row with a mark and nothing of the record.
func (r *record) empty(mark store.Mark) {
	r.written, r.replaced = true, true
	r.subjects = nil
	r.row.Mark, r.row.Persons, r.row.Owners, r.row.Key, r.row.Cells = mark, nil, nil, 0, nil
	r.row.Base, r.row.Evented, r.row.Dirty, r.row.Explained, r.row.Patch = 0, false, false, false, false
}

// stub empties the row and owes a read: the record exists, and nothing that is
// held of it could be trusted or opened.
func (r *record) stub() {
	r.empty(store.Live)
	r.row.Dirty, r.row.Evented = true, true
}

// suppress empties the row of a forgotten person. The row stays, so that a
// later event does not read the record again; it names nobody.
func (r *record) suppress(base int64) {
	r.empty(store.Suppressed)
	r.row.Base, r.row.Evented = base, base == 0
}

// hold empties the row of a record that has the address of a forgotten person.
// It keeps whose it is, so that forgetting them too finds it.
func (r *record) hold(subjects []crypto.Subject, base int64) {
	r.replace(subjects, nil)
	r.row.Mark, r.row.Key = store.Held, 0
	r.row.Base, r.row.Evented = base, base == 0
}

// mark owes a read of the row and keeps what is held of it.
func (r *record) mark() {
	if !r.written {
		r.row.Op = store.OpMark
	}
	r.keep()
	r.row.Dirty = true
}

// keep writes the row's state and keeps what is held of the record.
func (r *record) keep() {
	r.written = true
	r.row.Patch = !r.replaced
}

// replace makes the row what one complete description of the record says.
func (r *record) replace(subjects []crypto.Subject, cells []store.Cell) {
	dirty, explained := r.row.Dirty && r.row.Mark.Exists(), r.row.Explained
	r.empty(store.Live)
	r.subjects, r.row.Cells, r.row.Dirty, r.row.Explained = subjects, cells, dirty, dirty && explained
	r.row.Key = subjects[0].Key()
	r.row.Persons = make([]crypto.Person, len(subjects))
	for i, s := range subjects {
		r.row.Persons[i] = s.Person()
	}
}

// patch applies a delta: the cells that it sets, and no other.
func (r *record) patch(cells []store.Cell) {
	r.keep()
	if r.row.Cells == nil {
		r.row.Cells = cells
		return
	}
	for i, cell := range cells {
		if cell.State != store.Unset {
			r.row.Cells[i] = cell
		}
	}
}
