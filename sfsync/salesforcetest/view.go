package salesforcetest

import (
	"cmp"
	"slices"
)

// view is the rows of some tables at one moment. Rows never change, so it
// costs one slice a table however long it is read.
type view struct {
	tables  map[string][]*row
	deleted bool                            // queryAll: what is in the Recycle Bin counts as well
	shared  map[string]func(id string) bool // objects of which the user sees some records
}

// look takes a view of the tables that a selection reads.
func (o *Org) look(s *selection, deleted bool) *view {
	v := &view{tables: map[string][]*row{}, deleted: deleted, shared: o.perm.sharing()}
	o.mu.RLock()
	defer o.mu.RUnlock()
	o.add(v, s.object)
	for _, c := range s.columns {
		for _, step := range c.steps {
			o.add(v, step.to)
		}
	}
	for _, by := range s.order {
		for _, step := range by.steps {
			o.add(v, step.to)
		}
	}
	o.addAll(v, s.where)
	return v
}

func (o *Org) addAll(v *view, c condition) {
	switch c := c.(type) {
	case both:
		o.addAll(v, c.a)
		o.addAll(v, c.b)
	case either:
		o.addAll(v, c.a)
		o.addAll(v, c.b)
	case not:
		o.addAll(v, c.a)
	case *comparison:
		for _, step := range c.steps {
			o.add(v, step.to)
		}
	}
}

func (o *Org) add(v *view, obj *object) {
	if _, ok := v.tables[obj.Name]; ok {
		return
	}
	switch t := o.tables[obj.Name]; {
	case obj.virtual:
		v.tables[obj.Name] = o.virtualRows(obj)
	case t != nil:
		v.tables[obj.Name] = slices.Clone(t.rows)
	}
}

// parent follows a reference; nil where it is null or leads nowhere.
func (v *view) parent(r *row, s step) *row {
	n := serialOf(s.to.KeyPrefix, r.value(s.from, s.via))
	return v.pick(s.to, n)
}

// pick is the row of a serial, nil if there is none that the user sees.
func (v *view) pick(o *object, serial int64) *row {
	found := pick(v.tables[o.Name], []int64{serial})
	if len(found) == 0 || found[0] == nil || !v.sees(o, found[0]) {
		return nil
	}
	return found[0]
}

// sees reports that sharing shows a record to the user.
func (v *view) sees(o *object, r *row) bool {
	visible := v.shared[o.Name]
	return visible == nil || visible(recordID(o.KeyPrefix, r.serial))
}

// value is what a column has for a row.
func (v *view) value(r *row, c *column) string {
	for _, s := range c.steps {
		if r = v.parent(r, s); r == nil {
			return ""
		}
	}
	return r.value(c.of, c.field)
}

// run returns the rows that a selection selects, in its order.
func (v *view) run(s *selection) []*row {
	candidates := v.candidates(s)
	var rows []*row
	enough := -1
	if s.limit >= 0 && (len(s.order) == 0 || s.byID()) {
		enough = s.offset + s.limit
	}
	for _, r := range candidates {
		if len(rows) == enough {
			break
		}
		if r != nil && (r.deleted == 0 || v.deleted) && (s.where == nil || s.where.holds(v, r)) && v.sees(s.object, r) {
			rows = append(rows, r)
		}
	}
	if len(s.order) > 0 && !s.byID() {
		v.sort(rows, s.order)
	}
	rows = rows[min(s.offset, len(rows)):]
	if s.limit >= 0 {
		rows = rows[:min(s.limit, len(rows))]
	}
	return rows
}

// byID reports the order that rows have anyway.
func (s *selection) byID() bool {
	return len(s.order) == 1 && s.order[0].field.Name == "Id" && len(s.order[0].steps) == 0 && !s.order[0].descending
}

// candidates narrows the rows by what the WHERE clause says of Id, so that
// reading one of a million records, or the next of a walk by Id, is quick.
func (v *view) candidates(s *selection) []*row {
	rows := v.tables[s.object.Name]
	from := 0
	var visit func(c condition)
	visit = func(c condition) {
		switch c := c.(type) {
		case both:
			visit(c.a)
			visit(c.b)
		case *comparison:
			if c.field.Name != "Id" || len(c.steps) > 0 || s.object.virtual {
				return
			}
			serials := c.serials(s.object)
			switch c.operator {
			case "=", "IN":
				rows, from = pick(v.tables[s.object.Name], serials), 0
			case ">", ">=":
				from = max(from, min(len(rows), int(max(1, serials[0]))-1))
			}
		}
	}
	visit(s.where)
	return rows[min(from, len(rows)):]
}

func (c *comparison) serials(o *object) []int64 {
	var serials []int64
	for _, id := range c.values {
		serials = append(serials, serialOf(o.KeyPrefix, id))
	}
	return serials
}

// pick takes the rows of the given serials, in the order of the table.
func pick(rows []*row, serials []int64) []*row {
	slices.Sort(serials)
	var picked []*row
	for _, n := range slices.Compact(serials) {
		if n >= 1 && n <= int64(len(rows)) {
			picked = append(picked, rows[n-1])
		}
	}
	return picked
}

// sort orders rows; by default nulls come first (SOQL Reference, ORDER BY).
func (v *view) sort(rows []*row, order []sorting) {
	type keyed struct {
		keys []string
		row  *row
	}
	list := make([]keyed, len(rows))
	for i, r := range rows {
		list[i].row = r
		for _, by := range order {
			list[i].keys = append(list[i].keys, v.value(r, by.column))
		}
	}
	slices.SortStableFunc(list, func(a, b keyed) int {
		for i, by := range order {
			if n := by.compare(a.keys[i], b.keys[i]); n != 0 {
				return n
			}
		}
		return 0
	})
	for i := range list {
		rows[i] = list[i].row
	}
}

func (by sorting) compare(a, b string) int {
	if a == "" || b == "" {
		n := cmp.Compare(len(a), len(b)) // a null is before a value
		if by.nullsLast {
			n = -n
		}
		return n
	}
	n := compare(by.field, a, b)
	if by.descending {
		n = -n
	}
	return n
}
