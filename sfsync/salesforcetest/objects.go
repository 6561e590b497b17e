package salesforcetest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// serveObjects answers sobjects: describes, records and replication.
func (o *Org) serveObjects(c *call) (*answer, error) {
	if len(c.path) == 1 {
		return o.serveGlobal(c)
	}
	obj := o.visible(c.path[1])
	if obj == nil || obj.tooling {
		return nil, noSuchResource()
	}
	switch what := c.at(2); {
	case what == "" && c.Method == http.MethodPost:
		return o.serveInsert(c, obj)
	case what == "":
		return ok(append(append([]byte(`{"objectDescribe":`), summary(obj)...), `,"recentItems":[]}`...))
	case what == "describe":
		return o.serveDescribe(c, obj)
	case what == "updated":
		return o.serveUpdated(c, obj)
	case what == "deleted":
		return o.serveDeleted(c, obj)
	case c.at(3) != "":
		return o.serveExternal(c, obj, what, c.at(3))
	}
	return o.serveRecord(c, obj, c.at(2))
}

// serveDescribe answers sObject Describe. Describes change with permissions
// and fields, so Last-Modified is now, unless the caller saw them unchanged.
func (o *Org) serveDescribe(c *call, obj *object) (*answer, error) {
	body := obj.describe(func(f *field) bool { return o.readable(obj.Name, f.Name) })
	tag := `"` + fingerprint(body) + `"`
	header := map[string]string{"ETag": tag, "Last-Modified": o.now().UTC().Format(http.TimeFormat)}
	if c.Header.Get("If-None-Match") == tag {
		return &answer{status: http.StatusNotModified, header: header}, nil
	}
	return &answer{status: http.StatusOK, header: header, body: body}, nil
}

func (o *Org) serveGlobal(c *call) (*answer, error) {
	list := []json.RawMessage{}
	for _, obj := range o.catalogue.Load().sorted() {
		if o.visible(obj.Name) != nil && !obj.tooling {
			list = append(list, summary(obj))
		}
	}
	return okValue(map[string]any{"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": list})
}

// summaryMembers are what a global describe keeps of a describe.
var summaryMembers = strings.Fields(`activateable associateEntityType associateParentEntity createable custom customSetting
	deepCloneable deletable deprecatedAndHidden feedEnabled hasSubtypes isInterface isSubtype keyPrefix label labelPlural layoutable
	mergeable mruEnabled name queryable replicateable retrieveable searchable triggerable undeletable updateable urls`)

func summary(obj *object) json.RawMessage {
	var all map[string]json.RawMessage
	_ = json.Unmarshal(obj.raw, &all) // it was parsed when loaded
	kept := map[string]json.RawMessage{}
	for _, name := range summaryMembers {
		if v, ok := all[name]; ok {
			kept[name] = v
		}
	}
	return must(json.Marshal(kept))
}
