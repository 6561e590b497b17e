package salesforcetest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// cursors keep query results for their next pages. A user has ten; opening
// another drops the oldest (SOQL and SOSL Limits).
type cursors struct {
	mu   sync.Mutex
	list []*cursor
	made int64
}

const maxCursors = 10

type cursor struct {
	id    string
	query *selection
	view  *view
	rows  []*row
	batch int
}

func (cs *cursors) add(c *cursor) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.made++
	c.id = recordID("01g", cs.made)
	cs.list = append(cs.list, c)
	if len(cs.list) > maxCursors {
		cs.list = slices.Delete(cs.list, 0, 1)
	}
}

func (cs *cursors) find(id string) *cursor {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if i := slices.IndexFunc(cs.list, func(c *cursor) bool { return c.id == id }); i >= 0 {
		return cs.list[i]
	}
	return nil
}

// ExpireCursors drops every query cursor, as two days or ten other queries of
// the user do: the next page of a result is INVALID_QUERY_LOCATOR.
func (o *Org) ExpireCursors() {
	o.cursors.mu.Lock()
	defer o.cursors.mu.Unlock()
	o.cursors.list = nil
}

// serveQuery answers query and queryAll, with ?q= or a locator.
func (o *Org) serveQuery(c *call) (*answer, error) {
	if c.Method != http.MethodGet {
		return nil, notAllowed(c)
	}
	if locator := c.at(1); locator != "" {
		return o.serveMore(c, locator)
	}
	return o.query(c, o.visible)
}

// serveTooling answers tooling/query, over the objects of the set-up.
func (o *Org) serveTooling(c *call) (*answer, error) {
	if c.at(1) != "query" || c.Method != http.MethodGet {
		return nil, noSuchResource()
	}
	return o.query(c, func(name string) *object {
		if obj := o.object(name); obj != nil && obj.virtual {
			return obj
		}
		return nil
	})
}

func (o *Org) query(c *call, find func(string) *object) (*answer, error) {
	data := func(name string) *object {
		if obj := find(name); obj != nil && (!obj.tooling || c.path[0] == "tooling") {
			return obj
		}
		return nil
	}
	s, err := parseSOQL(c.URL.Query().Get("q"), data, o.readable)
	if err != nil {
		return nil, err
	}
	if c.URL.Query().Get("columns") == "true" {
		return okValue(s.metadata())
	}
	v := o.look(s, c.path[0] == "queryAll")
	rows := v.run(s)
	if s.count {
		return ok([]byte(`{"totalSize":` + strconv.Itoa(len(rows)) + `,"done":true,"records":[]}`))
	}
	cur := &cursor{query: s, view: v, rows: rows, batch: batchSize(c.Header.Get("Sforce-Query-Options"))}
	if len(rows) > cur.batch {
		o.cursors.add(cur)
	}
	return ok(cur.page(c, 0))
}

// batchSize reads Sforce-Query-Options: 200 to 2,000, which is the default.
func batchSize(options string) int {
	value, found := strings.CutPrefix(strings.ReplaceAll(lower(options), " ", ""), "batchsize=")
	n, err := strconv.Atoi(value)
	if !found || err != nil {
		return 2000
	}
	return min(max(n, 200), 2000)
}

func (o *Org) serveMore(c *call, locator string) (*answer, error) {
	id, offset, _ := strings.Cut(locator, "-")
	cur := o.cursors.find(id)
	n, err := strconv.Atoi(offset)
	if cur == nil || err != nil || n < 0 || n > len(cur.rows) {
		return nil, LocatorLost.err()
	}
	return ok(cur.page(c, n))
}

// page writes one page of a result.
func (cur *cursor) page(c *call, from int) []byte {
	to := min(from+cur.batch, len(cur.rows))
	b := append(make([]byte, 0, 64+(to-from)*256), `{"totalSize":`...)
	b = strconv.AppendInt(b, int64(len(cur.rows)), 10)
	if to < len(cur.rows) {
		b = append(b, `,"done":false,"nextRecordsUrl":"/services/data/`+c.version+`/query/`+cur.id+"-"+strconv.Itoa(to)+`"`...)
	} else {
		b = append(b, `,"done":true`...)
	}
	b = append(b, `,"records":[`...)
	out := newRecordWriter(cur.query, cur.view, c.version)
	for i, r := range cur.rows[from:to] {
		if i > 0 {
			b = append(b, ',')
		}
		b = out.append(b, r)
	}
	return append(b, "]}"...)
}

// metadata is the answer of ?columns=true, which some drivers ask for.
func (s *selection) metadata() map[string]any {
	var columns []map[string]any
	for _, c := range s.columns {
		kind := strings.ToUpper(c.field.Type[:1]) + c.field.Type[1:]
		columns = append(columns, map[string]any{"aggregate": false, "apexType": kind, "booleanType": c.field.Type == "boolean",
			"columnName": c.field.Name, "custom": c.field.Custom, "displayName": c.text, "foreignKeyName": nil,
			"insertable": c.field.Createable, "joinColumns": []any{}, "numberType": c.field.SoapType == "xsd:double" || c.field.Type == "int",
			"textType": c.field.SoapType == "xsd:string", "updatable": c.field.Updateable})
	}
	id := slices.ContainsFunc(s.columns, func(c *column) bool { return c.field.Name == "Id" })
	return map[string]any{"columnMetadata": columns, "entityName": s.object.Name, "groupBy": false, "idSelected": id, "keyPrefix": s.object.KeyPrefix}
}
