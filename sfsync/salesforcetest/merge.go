package salesforcetest

import "slices"

// Merge merges records into the winner: the losers go to the Recycle Bin with
// MasterRecordId set, and what referred to them refers to the winner (REST API
// Developer Guide and SOAP merge(): one transaction, a DELETE event for each
// loser, an UPDATE event for each child that moved). It panics like Insert.
func (o *Org) Merge(object, winner string, losers ...string) {
	o.mustWrite(func(tx *Tx) error { return tx.Merge(object, winner, losers...) })
}

// Merge merges records into the winner. The person accounts that take part are
// merged as what they are: accounts and contacts.
func (tx *Tx) Merge(object, winner string, losers ...string) error {
	o := tx.org.object(object)
	if o == nil || o.field("MasterRecordId") == nil {
		return noSuchObject(object)
	}
	kept := tx.see(o, winner)
	if kept == nil || kept.deleted != 0 {
		return refuse(404, "ENTITY_IS_DELETED", "entity is deleted")
	}
	master, at := recordID(o.KeyPrefix, kept.serial), tx.org.stampTime().Unix()
	persons := tx.twin(o, master, 0)
	for _, loser := range losers {
		others := tx.twin(o, loser, 0)
		if len(others) != len(persons) || o.Name == "Contact" && len(persons) > 0 || loser == master {
			return refuse(400, "INVALID_PERSON_ACCOUNT_OPERATION", "these records cannot be merged: a person's contact is merged by its account, a person with a person, and no record with itself")
		}
		if err := tx.mergeOne(o, master, loser, at); err != nil {
			return err
		}
		if len(persons) == 0 {
			continue
		}
		if err := tx.mergeOne(tx.org.object("Contact"), persons[0].id, others[0].id, at); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) mergeOne(o *object, master, loser string, at int64) error {
	moved := slices.DeleteFunc(tx.pointing(o, loser, 0, func(_ *object, f *field) bool { return f.Name != "MasterRecordId" }), tx.personal)
	err := tx.change(o.Name, loser, func(o *object, old *row) (*row, error) {
		if old.deleted != 0 {
			return nil, refuse(404, "ENTITY_IS_DELETED", "entity is deleted")
		}
		values := old.values(make([]string, o.slots))
		values[o.field("MasterRecordId").slot] = master
		return &row{serial: old.serial, stamp: at, deleted: at, packed: pack(values)}, nil
	})
	for _, child := range moved {
		if err == nil {
			err = tx.Update(child.object, child.id, map[string]any{child.field: master})
		}
	}
	return err
}

// pointer is a field of a record that refers to another record.
type pointer struct{ object, id, field string }

// pointing finds the references to a record, in the fields that follow admits,
// as this transaction sees them: of live records, or of those deleted at a time.
func (tx *Tx) pointing(target *object, id string, deleted int64, follow func(of *object, f *field) bool) (found []pointer) {
	long, _ := longID(id)
	for _, obj := range tx.org.catalogue.Load().sorted() {
		for _, f := range obj.Fields {
			if obj.virtual || !slices.Contains(f.ReferenceTo, target.Name) || !follow(obj, f) {
				continue
			}
			for _, r := range tx.rows(obj.Name) {
				if r != nil && r.deleted == deleted && r.value(obj, f) == long {
					found = append(found, pointer{obj.Name, recordID(obj.KeyPrefix, r.serial), f.Name})
				}
			}
		}
	}
	return found
}

// rows are the rows of a table as this transaction sees them.
func (tx *Tx) rows(table string) []*row {
	rows := tx.org.snapshot(table)
	for _, key := range tx.order {
		if key.table != table {
			continue
		}
		for int64(len(rows)) < key.serial {
			rows = append(rows, nil)
		}
		rows[key.serial-1] = tx.changes[key].after
	}
	return rows
}

// see is a record as this transaction sees it, or nil.
func (tx *Tx) see(o *object, id string) *row {
	key := rowKey{o.Name, serialOf(o.KeyPrefix, id)}
	if c := tx.changes[key]; c != nil {
		return c.after
	}
	tx.org.mu.RLock()
	defer tx.org.mu.RUnlock()
	return tx.org.table(o.Name).get(key.serial)
}
