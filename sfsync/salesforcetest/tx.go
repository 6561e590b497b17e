package salesforcetest

import (
	"errors"
	"maps"
	"slices"
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
	tx.write(o.Name, nil, &row{serial: t.next, stamp: tx.org.stampTime().Unix(), packed: pack(values)})
	return recordID(o.KeyPrefix, t.next), nil
}

// Update changes a record; a nil value sets null.
func (tx *Tx) Update(name, id string, fields map[string]any) error {
	return tx.change(name, id, func(o *object, old *row) (*row, error) {
		if old.deleted != 0 {
			return nil, refuse(404, "ENTITY_IS_DELETED", "entity is deleted")
		}
		values := old.values(make([]string, o.slots))
		if err := tx.fill(o, values, fields, false); err != nil {
			return nil, err
		}
		audit(o, values, tx.org.stampTime(), tx.user, false)
		complete(o, values)
		if err := required(o, values); err != nil {
			return nil, err
		}
		return &row{serial: old.serial, stamp: tx.org.stampTime().Unix(), packed: pack(values)}, nil
	})
}

// Delete puts a record into the Recycle Bin, and with it what is a part of it:
// the items of an order.
func (tx *Tx) Delete(name, id string) error {
	err := tx.change(name, id, func(o *object, old *row) (*row, error) {
		if old.deleted != 0 {
			return nil, refuse(404, "ENTITY_IS_DELETED", "entity is deleted")
		}
		now := tx.org.stampTime().Unix()
		return &row{serial: old.serial, stamp: now, deleted: now, packed: old.packed}, nil
	})
	if err != nil {
		return err
	}
	for _, part := range tx.org.partsOf(tx.org.object(name), id) {
		if err := tx.Delete(part.object, part.id); err != nil {
			return err
		}
	}
	return nil
}

type recordRef struct{ object, id string }

// partsOf finds the records that are deleted with a record, by the describes'
// cascadeDelete.
func (o *Org) partsOf(parent *object, id string) (parts []recordRef) {
	long, _ := longID(id)
	for _, obj := range *o.catalogue.Load() {
		for _, f := range obj.Fields {
			if obj.virtual || !f.CascadeDelete || !slices.Contains(f.ReferenceTo, parent.Name) {
				continue
			}
			for _, r := range o.snapshot(obj.Name) {
				if r != nil && r.deleted == 0 && r.value(obj, f) == long {
					parts = append(parts, recordRef{obj.Name, recordID(obj.KeyPrefix, r.serial)})
				}
			}
		}
	}
	return parts
}

// Undelete takes a record out of the Recycle Bin.
func (tx *Tx) Undelete(name, id string) error {
	return tx.change(name, id, func(o *object, old *row) (*row, error) {
		if old.deleted == 0 {
			return nil, refuse(400, "UNDELETE_FAILED", "Entity is not in the recycle bin")
		}
		return &row{serial: old.serial, stamp: tx.org.stampTime().Unix(), packed: old.packed}, nil
	})
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
	if old == nil {
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
	tx.changes[key] = &change{table, before, after}
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
