package salesforcetest

import (
	"slices"
	"time"
)

// Kind is what a write did to a record, in the words of a change event's
// changeType.
type Kind string

const (
	Create   Kind = "CREATE"
	Update   Kind = "UPDATE"
	Delete   Kind = "DELETE"
	Undelete Kind = "UNDELETE"
)

// Write is what one transaction did to one record: several statements on the
// same record are one Write, with the kind of the first and the values of the
// last (Change Data Capture Developer Guide, "Transaction-Based Replication").
type Write struct {
	Object string
	Kind   Kind
	ID     string // 18 characters

	// Before and After are the values by field name, in the one text form of
	// the org: datetimes 2006-01-02T15:04:05.000Z, dates 2006-01-02, booleans
	// true and false, numbers as plain decimals. A null has no entry. Before
	// is nil for Create. After holds the last values for Delete. Compound
	// addresses are there as their parts only.
	Before, After map[string]string

	// Changed are the fields whose value differs, in the order of the
	// describe, audit fields included.
	Changed []string
}

// Commit is one transaction, handed to onCommit exactly once, in the order of
// commits.
type Commit struct {
	// Number counts commits over the whole life of the org. The record log is
	// the commit point: an event of a commit whose number is above the number
	// the org was loaded with (Org.number) was never committed, and is to be
	// dropped when the event log is opened.
	Number int64
	// Time is when it committed. The writes' SystemModstamp may be older
	// (SetCommitLag, Begin), which is what a real org does under load.
	Time   time.Time
	User   string // whose 18-character id
	Origin string // changeOrigin, "" for system work
	Writes []Write
}

// newWrite compares two states of a record. It returns false where nothing
// was done.
func newWrite(o *object, before, after *row) (Write, bool) {
	w := Write{Object: o.Name, ID: recordID(o.KeyPrefix, after.serial)}
	switch {
	case before == nil && after.deleted != 0:
		return w, false
	case before == nil:
		w.Kind = Create
	case before.deleted != 0 && after.deleted != 0:
		return w, false
	case after.deleted != 0:
		w.Kind = Delete
	case before.deleted != 0:
		w.Kind = Undelete
	default:
		w.Kind = Update
	}
	if before != nil {
		w.Before = before.fields(o)
	}
	w.After = after.fields(o)
	for _, f := range o.Fields {
		if !f.compound() && w.Before[f.Name] != w.After[f.Name] {
			w.Changed = append(w.Changed, f.Name)
		}
	}
	return w, true
}

// commit makes a transaction durable and visible: its events are written
// first, then its rows, and only then can anyone see either. The caller holds
// o.mu.
func (o *Org) commit(user, origin string, changes []change) error {
	c := Commit{Number: o.number + 1, Time: o.now(), User: user, Origin: origin}
	for _, ch := range changes {
		if w, ok := newWrite(o.object(ch.table), ch.before, ch.after); ok && !ch.silent {
			c.Writes = append(c.Writes, w)
		}
	}
	publish, err := o.onCommit(c)
	if err != nil {
		return err
	}
	if err := o.install(c.Number, changes); err != nil {
		return err
	}
	publish()
	return nil
}

// install writes the rows to the record log and puts them in their tables.
func (o *Org) install(number int64, changes []change) error {
	if o.log != nil {
		if err := o.log.append(number, changes, o.object); err != nil {
			return err
		}
	}
	o.number = number
	for _, ch := range changes {
		o.table(ch.table).put(ch.after)
	}
	return nil
}

// change is the state of one row before and after a transaction.
type change struct {
	table         string
	before, after *row
	silent        bool // no event tells of it
}

// Record is the record's values by field name, nulls left out, or nil if
// there is none or it was deleted. Field-level security does not apply.
func (o *Org) Record(object, id string) map[string]string {
	o.mu.RLock()
	defer o.mu.RUnlock()
	r := o.find(object, id)
	if r == nil || r.deleted != 0 {
		return nil
	}
	return r.fields(o.object(object))
}

// Count is the number of records of the object, deleted ones left out.
func (o *Org) Count(object string) int {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if t := o.tables[o.canonical(object)]; t != nil {
		return t.live
	}
	return 0
}

// Records goes over the records of an object as they are now, by id, deleted
// ones left out: the truth that a copy is compared with.
func (o *Org) Records(object string) func(yield func(string, map[string]string) bool) {
	return func(yield func(string, map[string]string) bool) {
		obj := o.object(object)
		if obj == nil {
			return
		}
		for _, r := range o.snapshot(obj.Name) {
			if r != nil && r.deleted == 0 && !yield(recordID(obj.KeyPrefix, r.serial), r.fields(obj)) {
				return
			}
		}
	}
}

// snapshot is the rows of a table as they are now. Rows never change, so the
// slice is all that has to be copied.
func (o *Org) snapshot(table string) []*row {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if t := o.tables[table]; t != nil {
		return slices.Clone(t.rows)
	}
	return nil
}

// object finds an object by name in any case, or nil.
func (o *Org) object(name string) *object { return (*o.catalogue.Load())[lower(name)] }

// canonical is the object's name as the describe spells it.
func (o *Org) canonical(name string) string {
	if obj := o.object(name); obj != nil {
		return obj.Name
	}
	return ""
}
