package sfsync_test

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/rest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// misfiled describes a value that lies under the key of a person whom the
// record, as the org has it now, is not about: "" if there is none.
func (r *rig) misfiled() string {
	r.Helper()
	tables := map[string]*minimize.Table{}
	for _, object := range r.policy.ObjectNames() {
		describe, err := rest.New(r.client).Describe(r.Context(), object)
		r.must(err)
		tables[object], err = r.policy.Compile(object, describe)
		r.must(err)
	}
	aliases := r.aliases()
	found := map[crypto.Person]string{} // whose person it is
	for object, table := range tables {
		for row, err := range r.rows.Rows(r.Context(), object) {
			r.must(err)
			if row.Mark != store.Live {
				continue
			}
			for k, person := range row.Persons {
				if other, alias := aliases[person]; alias {
					person = other
				}
				root := r.root(tables, object, row.ID, table.Rules()[k])
				if other, ok := found[person]; ok && other != root {
					return fmt.Sprintf("%s %s lies under one person with records of %s and of %s", object, row.ID, other, root)
				}
				found[person] = root
			}
		}
	}
	return ""
}

// aliases are the persons that have become part of another one.
func (r *rig) aliases() map[crypto.Person]crypto.Person {
	r.Helper()
	db, err := sqlite3.OpenFlags(r.keys.Path(), sqlite3.OPEN_READONLY)
	r.must(err)
	defer db.Close()
	list, _, err := db.Prepare(`SELECT alias, person FROM alias`)
	r.must(err)
	defer list.Close()
	aliases := map[crypto.Person]crypto.Person{}
	for list.Step() {
		aliases[crypto.Person(list.ColumnRawBlob(0))] = crypto.Person(list.ColumnRawBlob(1))
	}
	r.must(list.Err())
	return aliases
}

// root is the record that a rule finds in the org to be the person.
func (r *rig) root(tables map[string]*minimize.Table, object, id string, rule []int) string {
	record := r.org.Record(object, id)
	for _, i := range rule {
		ref := record[tables[object].References()[i].Name]
		if ref == "" {
			continue
		}
		next := tables[object].ReferenceObject(i, ref)
		if tables[next] == nil {
			return ref
		}
		return r.root(tables, next, ref, tables[next].Rules()[0])
	}
	return id
}
