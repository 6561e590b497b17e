package salesforcetest

// Silent changes a record without any event: what only a reconciliation finds.
// SystemModstamp moves and LastModifiedDate does not, as after work of the
// service's own. A nil value sets null. It panics like Insert.
func (o *Org) Silent(object, id string, fields map[string]any) { o.amend(object, id, fields, true) }

// SilentUnstamped changes a record without any event and without a new stamp,
// as an edited formula or a renamed state of the state and country picklists
// does. It panics like Insert.
func (o *Org) SilentUnstamped(object, id string, fields map[string]any) {
	o.amend(object, id, fields, false)
}

func (o *Org) amend(name, id string, fields map[string]any, stamp bool) {
	o.mustWrite(func(tx *Tx) error {
		tx.silent = true
		return tx.change(name, id, func(obj *object, old *row) (*row, error) {
			values := old.values(make([]string, obj.slots))
			if err := tx.fill(obj, values, fields, false); err != nil {
				return nil, err
			}
			complete(obj, values)
			r := &row{serial: old.serial, stamp: old.stamp, deleted: old.deleted, packed: pack(values)}
			if stamp {
				r.stamp = o.stampTime().Unix()
			}
			return r, nil
		})
	})
}

// SetHardDeleteEvents says whether a hard delete of a live record publishes a
// DELETE event. Salesforce documents neither; a new org publishes none.
func (o *Org) SetHardDeleteEvents(published bool) { o.hardDeletes.Store(published) }

// HardDelete deletes a live record past the Recycle Bin, and its parts with
// it, as Bulk hardDelete does. It panics like Insert.
func (o *Org) HardDelete(object, id string) {
	o.mustWrite(func(tx *Tx) error { return tx.HardDelete(object, id) })
}

// HardDelete deletes a live record past the Recycle Bin.
func (tx *Tx) HardDelete(name, id string) error {
	return tx.remove(name, id, tx.org.stampTime().Unix(), true)
}
