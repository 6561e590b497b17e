package salesforcetest

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// Tx is one transaction: its writes become visible, and their events are
// published, together. Stamps are taken when a method is called, not when it
// commits, so a long transaction commits records that look old: the case that
// polling by SystemModstamp loses. A Tx is for one goroutine.
type Tx struct {
	org     *Org
	user    string
	origin  string
	lenient bool // the Go API may set what users may not, such as CreatedDate
	silent  bool // no event tells of it
	changes map[rowKey]*change
	order   []rowKey
	begun   time.Time
	done    bool
}

type rowKey struct {
	table  string
	serial int64
}

var errDone = errors.New("salesforcetest: the transaction has ended")

// Begin opens a transaction that stays open, invisible and unpublished, until
// Commit or Rollback. Records that it wrote are locked: others get
// UNABLE_TO_LOCK_ROW. latestDateCovered stays behind its first stamp.
func (o *Org) Begin() *Tx { return o.begin(o.state.UserID, "", true) }

func (o *Org) begin(user, origin string, lenient bool) *Tx {
	tx := &Tx{org: o, user: user, origin: origin, lenient: lenient, changes: map[rowKey]*change{}, begun: o.stampTime()}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open[tx] = struct{}{}
	return tx
}

// Transaction runs fn and commits what it wrote, or nothing if it returns an
// error.
func (o *Org) Transaction(fn func(tx *Tx) error) error {
	tx := o.Begin()
	defer tx.Rollback()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// Insert creates a record and returns its id. Values may be string, bool,
// int, int64, float64, json.Number, time.Time or nil. It panics if the org
// refuses the write, as a test that sets up its data wrongly should stop
// there; use Transaction to see the error.
func (o *Org) Insert(object string, fields map[string]any) (id string) {
	o.mustWrite(func(tx *Tx) (err error) {
		id, err = tx.Insert(object, fields)
		return err
	})
	return id
}

// Update changes a record; a nil value sets null. It panics like Insert.
func (o *Org) Update(object, id string, fields map[string]any) {
	o.mustWrite(func(tx *Tx) error { return tx.Update(object, id, fields) })
}

// Delete puts a record into the Recycle Bin. It panics like Insert.
func (o *Org) Delete(object, id string) {
	o.mustWrite(func(tx *Tx) error { return tx.Delete(object, id) })
}

// Undelete takes a record out of the Recycle Bin. It panics like Insert.
func (o *Org) Undelete(object, id string) {
	o.mustWrite(func(tx *Tx) error { return tx.Undelete(object, id) })
}

func (o *Org) mustWrite(fn func(tx *Tx) error) {
	if err := o.Transaction(fn); err != nil {
		panic(err)
	}
}

// Insert creates a record and returns its id.
func (tx *Tx) Insert(object string, fields map[string]any) (string, error) {
	o := tx.org.object(object)
	if o == nil || o.virtual {
		return "", noSuchObject(object)
	}
	values := make([]string, o.slots)
	if err := tx.fill(o, values, fields, true); err != nil {
		return "", err
	}
	if err := required(o, values); err != nil {
		return "", err
	}
	tx.org.mu.Lock()
	defer tx.org.mu.Unlock()
	if tx.done {
		return "", errDone
	}
	t := tx.org.table(o.Name)
	t.next++
	number(o, values, t.next)
	audit(o, values, tx.org.stampTime(), tx.user, true)
	complete(o, values)
	tx.insertPerson(o, t.next, values)
	return recordID(o.KeyPrefix, t.next), nil
}

// Update changes a record; a nil value sets null.
func (tx *Tx) Update(name, id string, fields map[string]any) error {
	err := tx.change(name, id, func(o *object, old *row) (*row, error) {
		if old.deleted != 0 {
			return nil, refuse(404, "ENTITY_IS_DELETED", "entity is deleted")
		}
		values := old.values(make([]string, o.slots))
		if err := tx.fill(o, values, fields, false); err != nil {
			return nil, err
		}
		if f := o.field("IsConverted"); f != nil && !tx.lenient && old.value(o, f) == "true" {
			return nil, alreadyConverted()
		}
		if f := o.field("AccountId"); f != nil && old.person(o) && old.value(o, f) != values[f.slot] {
			return nil, refuse(400, "INVALID_PERSON_ACCOUNT_OPERATION", "a person's contact stays with its account", f.Name)
		}
		audit(o, values, tx.org.stampTime(), tx.user, false)
		complete(o, values)
		if err := required(o, values); err != nil {
			return nil, err
		}
		return &row{serial: old.serial, stamp: tx.org.stampTime().Unix(), packed: pack(values)}, nil
	})
	if err != nil {
		return err
	}
	return tx.updatePerson(tx.org.object(name), id)
}

// Delete puts a record into the Recycle Bin, and with it what is a part of it:
// the items of an order, the contact of a person account.
func (tx *Tx) Delete(name, id string) error {
	return tx.remove(name, id, tx.org.stampTime().Unix(), false)
}

// remove deletes a record and its parts, past the Recycle Bin if hard.
func (tx *Tx) remove(name, id string, at int64, hard bool) error {
	err := tx.change(name, id, func(o *object, old *row) (*row, error) {
		if old.deleted != 0 {
			return nil, refuse(404, "ENTITY_IS_DELETED", "entity is deleted")
		}
		return &row{serial: old.serial, stamp: at, deleted: at, purged: hard, packed: old.packed}, nil
	})
	if err != nil {
		return err
	}
	o := tx.org.object(name)
	if hard && !tx.org.hardDeletes.Load() {
		tx.changes[rowKey{o.Name, serialOf(o.KeyPrefix, id)}].silent = true
	}
	for _, part := range tx.partsOf(o, id, 0) {
		if err := tx.remove(part.object, part.id, at, hard); err != nil {
			return err
		}
	}
	return nil
}

// partsOf finds the records that are deleted and undeleted with a record, by
// the describes' cascadeDelete: those that were deleted at a time, 0 for live
// ones.
func (tx *Tx) partsOf(parent *object, id string, deleted int64) []pointer {
	parts := append(tx.pointing(parent, id, deleted, func(_ *object, f *field) bool { return f.CascadeDelete }), tx.twin(parent, id, deleted)...)
	slices.SortFunc(parts, func(a, b pointer) int {
		return cmp.Or(strings.Compare(a.object, b.object), strings.Compare(a.id, b.id))
	})
	return slices.CompactFunc(parts, func(a, b pointer) bool { return a.id == b.id })
}

// Undelete takes a record out of the Recycle Bin, and with it the parts that
// were deleted with it. Children that a merge moved stay where they are.
func (tx *Tx) Undelete(name, id string) error {
	deleted := int64(0)
	err := tx.change(name, id, func(o *object, old *row) (*row, error) {
		if old.deleted == 0 {
			return nil, refuse(400, "UNDELETE_FAILED", "Entity is not in the recycle bin")
		}
		deleted = old.deleted
		values := old.values(make([]string, o.slots))
		if f := o.field("MasterRecordId"); f != nil {
			values[f.slot] = ""
		}
		return &row{serial: old.serial, stamp: tx.org.stampTime().Unix(), packed: pack(values)}, nil
	})
	if err != nil {
		return err
	}
	for _, part := range tx.partsOf(tx.org.object(name), id, deleted) {
		if err := tx.Undelete(part.object, part.id); err != nil {
			return err
		}
	}
	return nil
}

// change replaces the row that this transaction sees.
func (tx *Tx) change(name, id string, next func(*object, *row) (*row, error)) error {
	o := tx.org.object(name)
	if o == nil || o.virtual {
		return noSuchObject(name)
	}
	tx.org.mu.Lock()
	defer tx.org.mu.Unlock()
	if tx.done {
		return errDone
	}
	key := rowKey{o.Name, serialOf(o.KeyPrefix, id)}
	if holder := tx.org.locks[key]; holder != nil && holder != tx {
		return refuse(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: "+id)
	}
	old := tx.org.table(o.Name).get(key.serial)
	if c := tx.changes[key]; c != nil {
		old = c.after
	}
	if old == nil || old.purged {
		return refuse(404, "NOT_FOUND", "The requested resource does not exist")
	}
	r, err := next(o, old)
	if err == nil {
		tx.write(o.Name, old, r)
	}
	return err
}

// write notes the new state of a row and locks it. The caller holds org.mu.
func (tx *Tx) write(table string, before, after *row) {
	key := rowKey{table, after.serial}
	tx.org.locks[key] = tx
	if c := tx.changes[key]; c != nil {
		c.after = after
		return
	}
	tx.changes[key] = &change{table: table, before: before, after: after, silent: tx.silent}
	tx.order = append(tx.order, key)
}

// Commit makes the writes visible and publishes their events.
func (tx *Tx) Commit() error {
	tx.org.mu.Lock()
	defer tx.org.mu.Unlock()
	if tx.done {
		return errDone
	}
	defer tx.end()
	if len(tx.order) == 0 {
		return nil
	}
	changes := make([]change, len(tx.order))
	for i, key := range tx.order {
		changes[i] = *tx.changes[key]
	}
	return tx.org.commit(tx.user, tx.origin, changes)
}

// Rollback undoes the transaction; after Commit it does nothing.
func (tx *Tx) Rollback() {
	tx.org.mu.Lock()
	defer tx.org.mu.Unlock()
	if !tx.done {
		tx.end()
	}
}

func (tx *Tx) end() {
	tx.done = true
	delete(tx.org.open, tx)
	maps.DeleteFunc(tx.org.locks, func(_ rowKey, holder *Tx) bool { return holder == tx })
}
