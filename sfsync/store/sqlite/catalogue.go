package sqlite

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// table is an object's table and the statements that write its rows.
type table struct {
	store.Table
	shapes map[string]*sqlite3.Stmt // see row.go
}

// name is the table's name in SQL. Names have the shape of API names, so that
// quotes are needed only for words of SQL.
func name(object string) string { return `"sf_` + strings.ToLower(object) + `"` }

// personColumn is the column of a person rule.
func personColumn(rule int) string {
	if rule == 0 {
		return "_person"
	}
	return fmt.Sprintf("_person_%d", rule)
}

// ownerColumn is the column of the record that the rule's person came from.
func ownerColumn(rule int) string { return fmt.Sprintf("_owner_%d", rule) }

// ownerships are the columns that follow who owns a row's persons.
func ownerships(t store.Table) (columns []string) {
	for i := range t.Rules {
		if t.Follows(i) {
			columns = append(columns, ownerColumn(i))
		}
	}
	return columns
}

// stateColumns are the columns of a row's state in the order in which scan
// reads them, with those of persons and owners behind them.
func stateColumns(t store.Table) string {
	s := "Id, _key, _base, _evented, _dirty, _mark, _seq"
	for i := range t.Rules {
		s += ", " + personColumn(i)
	}
	return strings.Join(append([]string{s}, ownerships(t)...), ", ")
}

// creation is the SQL that makes a table. Id has an index of its own: with rows
// of some hundred bytes that arrive in any order it took a third of the time of
// a table clustered by Id (66k against 21k inserts/s). The partial indexes cost
// nothing for rows that are neither dirty nor gone.
func creation(t store.Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (Id TEXT NOT NULL PRIMARY KEY", name(t.Object))
	for i := range t.Rules {
		fmt.Fprintf(&b, ", %s BLOB", personColumn(i))
	}
	for _, owner := range ownerships(t) {
		b.WriteString(", " + owner + " TEXT")
	}
	b.WriteString(`, _key INTEGER NOT NULL, _base INTEGER NOT NULL, _evented INTEGER NOT NULL,
		_dirty INTEGER NOT NULL, _mark INTEGER NOT NULL, _seq INTEGER NOT NULL`)
	for _, c := range t.Columns {
		b.WriteString(", " + definition(c))
	}
	b.WriteString(") STRICT;\n")
	plain := strings.ToLower(t.Object)
	fmt.Fprintf(&b, "CREATE INDEX \"sf_%s_dirty\" ON %s (_dirty, Id) WHERE _dirty > 0;\n", plain, name(t.Object))
	fmt.Fprintf(&b, "CREATE INDEX \"sf_%s_gone\" ON %s (_seq) WHERE _mark = %d;\n", plain, name(t.Object), store.Gone)
	for _, owner := range ownerships(t) {
		fmt.Fprintf(&b, "CREATE INDEX \"sf_%s%s\" ON %s (%s) WHERE %[4]s IS NOT NULL;\n", plain, owner, name(t.Object), owner)
	}
	return b.String()
}

func definition(c store.Column) string {
	if c.Sealed {
		return `"` + c.Name + `" BLOB`
	}
	return `"` + c.Name + `" TEXT`
}

// catalogue reads how all objects are kept, or only the named one.
func (c *conn) catalogue(object string) (map[string]store.Table, error) {
	tables := map[string]store.Table{}
	err := c.each(`SELECT name, topic, rules FROM object WHERE ? IN ('', name)`, []any{object}, func(s *sqlite3.Stmt) error {
		t := store.Table{Object: s.ColumnText(0), Topic: s.ColumnText(1)}
		if json.Unmarshal(s.ColumnRawText(2), &t.Rules) != nil {
			return sqlite3.CORRUPT
		}
		tables[t.Object] = t
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = c.each(`SELECT object, name, sealed, rule, small, type, link, find FROM field WHERE ? IN ('', object) ORDER BY object, place`, []any{object},
		func(s *sqlite3.Stmt) error {
			t := tables[s.ColumnText(0)]
			t.Columns = append(t.Columns, store.Column{Name: s.ColumnText(1), Sealed: s.ColumnBool(2), Rule: s.ColumnInt(3), Small: s.ColumnBool(4),
				Type: byte(s.ColumnInt(5)), Link: s.ColumnBool(6), Find: crypto.IndexType(s.ColumnText(7))})
			tables[t.Object] = t
			return nil
		})
	return tables, err
}

// describe writes how an object is kept.
func (c *conn) describe(t store.Table) error {
	rules, err := json.Marshal(t.Rules)
	if err != nil {
		return err
	}
	if _, err := c.run(`INSERT INTO object (name, topic, rules, n, floor, caught) VALUES (?, ?, ?, 0, 0, 0)
		ON CONFLICT DO UPDATE SET topic = excluded.topic, rules = excluded.rules`, t.Object, t.Topic, string(rules)); err != nil {
		return err
	}
	if _, err := c.run(`DELETE FROM field WHERE object = ?`, t.Object); err != nil {
		return err
	}
	for i, f := range t.Columns {
		if _, err := c.run(`INSERT INTO field (object, name, place, sealed, rule, small, type, link, find) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			t.Object, f.Name, i, f.Sealed, f.Rule, f.Small, int(f.Type), f.Link, string(f.Find)); err != nil {
			return err
		}
	}
	return nil
}

var apiName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,79}$`)

// valid checks what becomes part of SQL.
func valid(schema store.Schema) error {
	objects := map[string]bool{}
	for _, t := range schema.Tables {
		if key := strings.ToLower(t.Object); !apiName.MatchString(t.Object) || objects[key] {
			return fault.New(fault.PolicyInvalid, "sqlite.Prepare", "an object's name is no API name or is there twice; correct the policy").On(t.Object)
		} else {
			objects[key] = true
		}
		columns := map[string]bool{"id": true}
		for _, c := range t.Columns {
			key := strings.ToLower(c.Name)
			if !apiName.MatchString(c.Name) || columns[key] || c.Rule < 0 || c.Sealed && c.Rule >= len(t.Rules) {
				return fault.New(fault.PolicyInvalid, "sqlite.Prepare",
					"a field's name is Id, no API name or there twice, or its person rule is missing; correct the policy").On(t.Object, c.Name)
			}
			columns[key] = true
		}
	}
	return nil
}

// find returns the column of the name.
func find(t store.Table, name string) (store.Column, bool) {
	i := slices.IndexFunc(t.Columns, func(c store.Column) bool { return c.Name == name })
	if i < 0 {
		return store.Column{}, false
	}
	return t.Columns[i], true
}
