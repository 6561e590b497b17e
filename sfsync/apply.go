package sfsync

import (
	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// apply is the rule for one event and one record it names. Events come here in
// stream order. What an event cannot say makes the row dirty: a debt that only
// a read pays. who are the record's persons as a complete event names
// them, empty for any other event.
func (m *maker) apply(r *record, c minimize.Change, who persons) error {
	kind := c.Kind()
	switch {
	case m.contained(r, c):
		return nil
	case kind == minimize.Delete:
		// A mark stays: a read begun before the deletion still has the record,
		// and would bring it back. The body of a DELETE is never used.
		r.empty(store.Gone)
		r.row.Dirty = m.o.table.Merges() && !m.off(goneMark) // a read tells whom it was merged with
		r.happened(store.OpDelete, c)
	case (kind == minimize.Create || kind == minimize.Undelete) && who.subjects != nil:
		return m.create(r, c, who.subjects, who.owners)
	case kind != minimize.Update || r.row.Mark == store.Absent || r.row.Mark == store.Gone || r.row.Stub():
		m.gap(r, c)
	case r.row.Mark == store.Suppressed || r.row.Mark == store.Held:
		switch {
		case m.movesPerson(c) || r.row.Mark == store.Held && m.readdresses(c):
			r.stub()
			r.happened(store.OpMark, c)
		case r.row.Mark == store.Suppressed && m.o.keepsPlain && m.impersonal(c):
			r.mark() // a read tells whether it may be kept
			r.happened(store.OpMark, c)
		}
	case m.movesPerson(c):
		// Nothing stays under the key of the person it no longer is about.
		r.stub()
		r.happened(store.OpMark, c)
	case c.Touched() || m.mayRename(r, c):
		return m.update(r, c)
	case !r.row.Evented:
		// Nothing that is kept changed, but SystemModstamp did: a comparison
		// must not take that for drift. A row is written so once between two reads.
		r.keep()
		r.row.Evented = true
		r.happened(store.OpMark, c)
	}
	return nil
}

// contained reports whether the read that filled the row saw the event's
// transaction. Both are whole seconds, and a row that an event has touched
// since may hold a change that the read did not see. Nothing depends on the
// answer: applying such an event again is harmless.
func (m *maker) contained(r *record, c minimize.Change) bool {
	base := r.row.Base
	if m.off(skipStrictlyOlder) && base > 0 {
		return c.Commit() <= base
	}
	return r.row.Mark == store.Live && !r.row.Evented && base > 0 && c.Commit() < base
}

// create replaces the row: the event describes all of the record. A row that
// was dirty stays so, as only a read clears that.
func (m *maker) create(r *record, c minimize.Change, subjects []crypto.Subject, owners []string) error {
	if subjects[0].Forgotten() {
		r.suppress(0)
		r.row.Dirty = m.o.keepsPlain // a read tells what may be kept
		r.happened(store.OpForget, c)
		return nil
	}
	if r.row.Mark == store.Live && len(r.row.Persons) > 0 && r.row.Persons[0] != subjects[0].Person() {
		r.stub() // come again, with the person it once had: a read tells who has it now
		r.happened(store.OpMark, c)
		return nil
	}
	cells, complete, err := m.seal(r.row.ID, subjects, c)
	if err != nil {
		return err
	}
	if m.holds[r.row.ID] != nil {
		r.hold(subjects, 0)
		r.row.Owners = owners
		r.happened(store.OpHold, c)
		return nil
	}
	r.replace(subjects, cells)
	r.row.Evented, r.row.Owners = true, owners
	r.happened(operation(c.Kind()), c)
	if !complete {
		r.mark()
	}
	return nil
}

// gap owes a read: the event says that the record changed, not how, or it is a
// delta for a record of which nothing is held.
func (m *maker) gap(r *record, c minimize.Change) {
	if m.off(deltaWithoutRow) && r.row.Mark == store.Absent && c.Kind() == minimize.Update ||
		m.off(gapOwesRead) && c.Kind() == minimize.Gap {
		return
	}
	if r.row.Mark != store.Live {
		r.stub()
	}
	r.mark()
	r.row.Evented, r.row.Explained = true, r.row.Explained || c.Kind() == minimize.Gap
	r.happened(store.OpMark, c)
}

// update applies a delta: only the fields whose changed bit is set. A value
// that the event hides, sends as a diff or cannot hold exactly is not null:
// the row becomes dirty.
func (m *maker) update(r *record, c minimize.Change) error {
	if m.off(dirtyAppliesEvents) && r.row.Dirty {
		return nil
	}
	if len(r.subjects) != len(m.table.Rules) || unusable(r) {
		r.stub()
		r.happened(store.OpMark, c)
		return nil
	}
	cells, complete, err := m.seal(r.row.ID, r.subjects, c)
	if err != nil {
		return err
	}
	if m.holds[r.row.ID] != nil { // a read settles it
		r.stub()
		r.happened(store.OpHold, c)
		return nil
	}
	r.patch(cells)
	r.row.Key, r.row.Evented = r.subjects[0].Key(), true
	r.row.Dirty = r.row.Dirty && !m.off(readClearsDirty)
	r.happened(store.OpUpdate, c)
	if !complete || m.mayRename(r, c) {
		r.mark()
	}
	return nil
}

// mayRename reports whether the row's name may be another after an update that
// does not say so: it is of a person account. Whatever changes of one, its name
// among it, is an event of the account and one of its contact, and what is the
// contact's may be in the second alone (Change Data Capture guide, "Updating a
// Person Account"). The first is in stream order with the account's others, so
// this holds whatever becomes of the second.
func (m *maker) mayRename(r *record, c minimize.Change) bool {
	return c.Kind() == minimize.Update && m.o.renames && len(r.row.Owners) > 0 && !m.off(renameAccounts)
}

// movesPerson reports whether an update may change whose record it is: it
// touches a reference to a person, or the record type of an Account.
func (m *maker) movesPerson(c minimize.Change) bool {
	if m.off(personChange) {
		return false
	}
	if c.Kind() != minimize.Update {
		return false
	}
	for i := range m.references {
		if state, _ := c.Reference(i); state != minimize.Unset {
			return true
		}
	}
	return c.Retyped()
}

// readdresses reports whether an update touches an address by which the record
// may be held.
func (m *maker) readdresses(c minimize.Change) bool {
	for i := range m.columns {
		if state, _ := c.Value(i); m.columns[i].Find == minimize.FindEmail && state != minimize.Unset {
			return true
		}
	}
	return false
}

// impersonal reports whether an event touches a field that may stay of a
// forgotten person's record.
func (m *maker) impersonal(c minimize.Change) bool {
	for i, column := range m.table.Columns {
		if state, _ := c.Value(i); state != minimize.Unset && !column.Sealed && !column.Link {
			return true
		}
	}
	return false
}

// unusable reports whether a delta cannot be sealed for the row's persons: a key
// is missing or destroyed. Fields of a person whom the row names no more are
// erased, and stay so.
func unusable(r *record) bool {
	for k, s := range r.subjects {
		if s.Missing() || s.Forgotten() && !erased(r.row, k) {
			return true
		}
	}
	return false
}

func operation(kind minimize.Kind) store.Op {
	switch kind {
	case minimize.Create:
		return store.OpCreate
	case minimize.Undelete:
		return store.OpUndelete
	case minimize.Read:
		return store.OpRead
	}
	return store.OpUpdate
}
