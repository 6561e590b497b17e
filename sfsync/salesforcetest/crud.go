package salesforcetest

import (
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"strings"
)

func fingerprint(b []byte) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(b)) }

// transact runs one write of a call in a transaction of its own.
func (o *Org) transact(c *call, fn func(tx *Tx) error) error {
	if c.tx != nil {
		return fn(c.tx)
	}
	tx := o.begin(o.state.UserID, c.origin("rest"), false)
	defer tx.Rollback()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func (o *Org) serveInsert(c *call, obj *object) (*answer, error) {
	var fields map[string]any
	if err := c.decode(&fields); err != nil {
		return nil, err
	}
	id := ""
	err := o.transact(c, func(tx *Tx) (err error) {
		id, err = tx.Insert(obj.Name, fields)
		return err
	})
	if err != nil {
		return nil, err
	}
	return created(c, obj, id)
}

func created(c *call, obj *object, id string) (*answer, error) {
	return &answer{status: http.StatusCreated, header: map[string]string{"Location": "/services/data/" + c.version + "/sobjects/" + obj.Name + "/" + id},
		body: encode(map[string]any{"id": id, "success": true, "errors": []any{}})}, nil
}

// serveRecord answers GET, PATCH and DELETE of one record.
func (o *Org) serveRecord(c *call, obj *object, id string) (*answer, error) {
	switch c.Method {
	case http.MethodGet, http.MethodHead:
		return o.serveRow(c, obj, id)
	case http.MethodPatch:
		var fields map[string]any
		if err := c.decode(&fields); err != nil {
			return nil, err
		}
		err := o.transact(c, func(tx *Tx) error { return tx.Update(obj.Name, id, fields) })
		return &answer{status: http.StatusNoContent}, err
	case http.MethodDelete:
		err := o.transact(c, func(tx *Tx) error { return tx.Delete(obj.Name, id) })
		return &answer{status: http.StatusNoContent}, err
	}
	return nil, notAllowed(c)
}

// serveRow answers one record: all fields, or those in ?fields=.
func (o *Org) serveRow(c *call, obj *object, id string) (*answer, error) {
	names := strings.FieldsFunc(c.URL.Query().Get("fields"), func(r rune) bool { return r == ',' })
	s, err := o.selectFields(obj, names)
	if err != nil {
		return nil, err
	}
	if err := o.poison(id); err != nil {
		return nil, err
	}
	v := o.look(s, false)
	found := v.pick(obj, o.serial(obj, id))
	if found == nil {
		return nil, noSuchResource()
	}
	if found.deleted != 0 {
		return nil, refuse(http.StatusNotFound, "ENTITY_IS_DELETED", "entity is deleted")
	}
	return ok(newRecordWriter(s, v, c.version).append(nil, found))
}

// serial is where a record is in its table. Set-up objects have one row each
// at most that is asked for by id.
func (o *Org) serial(obj *object, id string) int64 {
	if n := serialOf(obj.KeyPrefix, id); obj.Name != "Organization" || n != o.state.OrgSerial {
		return n
	}
	return 1
}

// selectFields makes a selection from names, of all fields if there are none.
func (o *Org) selectFields(obj *object, names []string) (*selection, error) {
	s := &selection{object: obj, limit: -1}
	if len(names) == 0 {
		for _, f := range obj.Fields {
			if o.readable(obj.Name, f.Name) {
				s.columns = append(s.columns, &column{text: f.Name, of: obj, field: f})
			}
		}
		return s, nil
	}
	p := &soql{find: o.visible, reads: o.readable, from: obj}
	for _, name := range names {
		p.text, p.at = name, 0
		p.tokens = []token{{'w', strings.TrimSpace(name), 0}, {}}
		col, err := p.column()
		if err != nil {
			return nil, noSuchField(name, obj.Name)
		}
		s.columns = append(s.columns, col)
	}
	return s, nil
}

// serveExternal answers a record by an external id, PATCH being an upsert.
func (o *Org) serveExternal(c *call, obj *object, key, value string) (*answer, error) {
	if unescaped, err := url.PathUnescape(value); err == nil {
		value = unescaped
	}
	f := obj.field(key)
	if f == nil || !f.IDLookup && f.Name != "Id" || !o.readable(obj.Name, f.Name) {
		return nil, noSuchResource()
	}
	found := o.lookup(obj, f, value)
	switch {
	case len(found) > 1:
		return &answer{status: http.StatusMultipleChoices, body: encode(o.links(c, obj, found))}, nil
	case len(found) == 1 && c.Method != http.MethodPatch:
		return o.serveRecord(c, obj, found[0])
	case len(found) == 0 && c.Method != http.MethodPatch:
		return nil, noSuchResource()
	}
	var fields map[string]any
	if err := c.decode(&fields); err != nil {
		return nil, err
	}
	id, isNew, err := o.upsert(c, obj, f, value, fields)
	if err != nil {
		return nil, err
	}
	a, err := created(c, obj, id)
	if !isNew {
		a.status = http.StatusOK
	}
	a.body = encode(map[string]any{"id": id, "success": true, "errors": []any{}, "created": isNew})
	return a, err
}

func (o *Org) links(c *call, obj *object, ids []string) []string {
	var links []string
	for _, id := range ids {
		links = append(links, "/services/data/"+c.version+"/sobjects/"+obj.Name+"/"+id)
	}
	return links
}

// lookup finds the records with a value of a field.
func (o *Org) lookup(obj *object, f *field, value string) []string {
	s := &selection{object: obj, limit: 2, where: &comparison{column: &column{of: obj, field: f}, operator: "=", values: []string{value}}}
	var ids []string
	for _, r := range o.look(s, false).run(s) {
		ids = append(ids, recordID(obj.KeyPrefix, r.serial))
	}
	return ids
}

func (o *Org) upsert(c *call, obj *object, f *field, value string, fields map[string]any) (id string, isNew bool, err error) {
	found := o.lookup(obj, f, value)
	err = o.transact(c, func(tx *Tx) (err error) {
		id, isNew, err = upsertIn(tx, obj, f, value, fields, found)
		return err
	})
	return id, isNew, err
}

func upsertIn(tx *Tx, obj *object, f *field, value string, fields map[string]any, found []string) (id string, isNew bool, err error) {
	delete(fields, f.Name)
	switch {
	case len(found) > 1:
		return "", false, refuse(http.StatusMultipleChoices, "DUPLICATE_EXTERNAL_ID", f.Name+": more than one record found for external id field: "+value)
	case len(found) == 1:
		return found[0], false, tx.Update(obj.Name, found[0], fields)
	case f.Name == "Id" && value != "":
		return "", false, refuse(http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
	case f.Name != "Id":
		fields[f.Name] = value
	}
	id, err = tx.Insert(obj.Name, fields)
	return id, true, err
}
