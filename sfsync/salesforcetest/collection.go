package salesforcetest

import (
	"fmt"
	"net/http"
	"strings"
)

// The sizes of sObject collections (REST API Developer Guide).
const (
	maxCollection = 200
	maxRetrieved  = 2000
)

type collectionRequest struct {
	AllOrNone bool             `json:"allOrNone"`
	Records   []map[string]any `json:"records"`
	IDs       []string         `json:"ids"`
	Fields    []string         `json:"fields"`
}

// serveCollection answers composite/sobjects: up to 200 records written, or
// up to 2,000 read, in one call and one transaction.
func (o *Org) serveCollection(c *call) (*answer, error) {
	var batch collectionRequest
	query := c.URL.Query()
	list := func(name string) []string {
		return strings.FieldsFunc(query.Get(name), func(r rune) bool { return r == ',' })
	}
	if c.Method == http.MethodGet || c.Method == http.MethodDelete {
		batch = collectionRequest{AllOrNone: query.Get("allOrNone") == "true", IDs: list("ids"), Fields: list("fields")}
	} else if err := c.decode(&batch); err != nil {
		return nil, err
	}
	if c.at(2) != "" && c.Method != http.MethodPatch {
		return o.retrieve(c, &batch)
	}
	if n := len(batch.Records) + len(batch.IDs); n > maxCollection {
		return nil, refuse(http.StatusBadRequest, "EXCEEDED_MAX_SIZE_REQUEST", fmt.Sprintf("record limit reached. cannot submit more than %d records in this call", maxCollection))
	}
	switch c.Method {
	case http.MethodPost:
		return o.each(c, batch.AllOrNone, len(batch.Records), func(tx *Tx, i int) (result, error) { return createRecord(tx, batch.Records[i]) })
	case http.MethodPatch:
		return o.patchCollection(c, &batch)
	case http.MethodDelete:
		return o.each(c, batch.AllOrNone, len(batch.IDs), func(tx *Tx, i int) (result, error) {
			return result{id: batch.IDs[i]}, tx.Delete(o.nameOf(batch.IDs[i]), batch.IDs[i])
		})
	}
	return nil, notAllowed(c)
}

// result is one line of a collection's answer.
type result struct {
	id      string
	created *bool
}

func createRecord(tx *Tx, fields map[string]any) (result, error) {
	id, err := tx.Insert(typeOf(fields), fields)
	return result{id: id}, err
}

// typeOf is the object that a record's attributes name.
func typeOf(fields map[string]any) string {
	attributes, _ := fields["attributes"].(map[string]any)
	name, _ := attributes["type"].(string)
	return name
}

// nameOf is the object that an id belongs to.
func (o *Org) nameOf(id string) string {
	for _, obj := range *o.catalogue.Load() {
		if len(id) >= 15 && obj.KeyPrefix != "" && strings.HasPrefix(id, obj.KeyPrefix) {
			return obj.Name
		}
	}
	return ""
}

// patchCollection updates by id, or upserts by the external id in the path.
func (o *Org) patchCollection(c *call, batch *collectionRequest) (*answer, error) {
	if c.at(2) == "" {
		return o.each(c, batch.AllOrNone, len(batch.Records), func(tx *Tx, i int) (result, error) {
			fields := batch.Records[i]
			id, key := idOf(fields)
			delete(fields, key)
			return result{id: id}, tx.Update(typeOf(fields), id, fields)
		})
	}
	obj := o.visible(c.at(2))
	if obj == nil || obj.field(c.at(3)) == nil {
		return nil, noSuchResource()
	}
	f := obj.field(c.at(3))
	return o.each(c, batch.AllOrNone, len(batch.Records), func(tx *Tx, i int) (result, error) {
		fields := batch.Records[i]
		value, _ := fields[f.Name].(string)
		var found []string
		if value != "" {
			found = o.lookup(obj, f, value)
		}
		id, isNew, err := upsertIn(tx, obj, f, value, fields, found)
		return result{id: id, created: &isNew}, err
	})
}

func idOf(fields map[string]any) (id, key string) {
	for _, key := range []string{"Id", "id", "ID"} {
		if id, ok := fields[key].(string); ok {
			return id, key
		}
	}
	return "", "Id"
}

// each runs a write for each record, all in one transaction, and answers one
// result for each. With allOrNone one failure undoes them all.
func (o *Org) each(c *call, allOrNone bool, n int, write func(tx *Tx, i int) (result, error)) (*answer, error) {
	tx := c.tx
	if tx == nil {
		tx = o.begin(o.state.UserID, c.origin("rest"), false)
		defer tx.Rollback()
	}
	lines := make([]map[string]any, n)
	failed := false
	for i := range n {
		r, err := write(tx, i)
		lines[i] = line(r, err)
		failed = failed || err != nil
	}
	if failed && allOrNone {
		tx.Rollback()
		undone := refuse(400, "ALL_OR_NONE_OPERATION_ROLLED_BACK", "Record rolled back because not all records were valid and the request was using AllOrNone header")
		for i, l := range lines {
			if l["success"] == true {
				lines[i] = line(result{}, undone)
			}
		}
		return okValue(lines)
	}
	if c.tx == nil {
		if err := tx.Commit(); err != nil {
			return nil, err
		}
	}
	return okValue(lines)
}

func line(r result, err error) map[string]any {
	if err == nil {
		l := map[string]any{"id": r.id, "success": true, "errors": []any{}}
		if r.created != nil {
			l["created"] = *r.created
		}
		return l
	}
	e, ok := err.(*refusal)
	if !ok {
		e = &refusal{code: "UNKNOWN_EXCEPTION", message: err.Error()}
	}
	return map[string]any{"success": false, "errors": []any{e.body("statusCode")}}
}

// retrieve reads records by id in the order asked for; one that is not there,
// or was deleted, is null. A malformed id refuses them all.
func (o *Org) retrieve(c *call, batch *collectionRequest) (*answer, error) {
	obj := o.visible(c.at(2))
	if obj == nil {
		return nil, noSuchObject(c.at(2))
	}
	if len(batch.IDs) > maxRetrieved || len(batch.IDs) == 0 || len(batch.Fields) == 0 {
		return nil, refuse(http.StatusBadRequest, "INVALID_BATCH_SIZE", fmt.Sprintf("1 to %d ids and at least one field are needed", maxRetrieved))
	}
	s, err := o.selectFields(obj, batch.Fields)
	if err != nil {
		return nil, err
	}
	for _, id := range batch.IDs {
		if err := o.readableID(id); err != nil {
			return nil, err
		}
	}
	v := o.look(s, false)
	out := newRecordWriter(s, v, c.version)
	b := []byte{'['}
	for i, id := range batch.IDs {
		if i > 0 {
			b = append(b, ',')
		}
		if found := v.pick(obj, serialOf(obj.KeyPrefix, id)); found != nil && found.deleted == 0 {
			b = out.append(b, found)
		} else {
			b = append(b, "null"...)
		}
	}
	return ok(append(b, ']'))
}
