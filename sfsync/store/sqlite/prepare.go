package sqlite

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Prepare implements store.Store. The bytes it removes are gone from the files
// when it returns; while a reader holds them back it fails with
// fault.StoreBusy, and goes on with that when it is called again.
func (s *Store) Prepare(ctx context.Context, schema store.Schema) (store.State, error) {
	var state store.State
	err := s.writing(ctx, func(c *conn) error {
		if err := s.claim(); err != nil {
			return err
		}
		c.forget()
		err := c.write(ctx, func() error {
			_, changes, err := c.compare(schema)
			if err != nil {
				return err
			}
			if err := c.adopt(schema, changes); err != nil {
				return err
			}
			state, err = c.state()
			return err
		})
		if err != nil {
			return err
		}
		if err := c.wipe(ctx); err != nil {
			return err
		}
		s.drop()
		s.tables = map[string]*table{}
		for _, t := range schema.Tables {
			s.tables[t.Object] = &table{t, map[string]*sqlite3.Stmt{}}
		}
		return nil
	})
	return state, err
}

// drop closes the statements that write rows.
func (s *Store) drop() {
	for _, t := range s.tables {
		for _, stmt := range t.shapes {
			stmt.Close()
		}
	}
	s.tables = nil
}

// claim takes the writer lock, once.
func (s *Store) claim() error {
	if s.held != nil {
		return nil
	}
	f, err := os.OpenFile(s.path+".writer", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return unwritable()
	}
	held, err := lock(f)
	switch {
	case held:
		s.held = f
		return nil
	case err != nil:
		f.Close()
		return fault.New(fault.StoreFailed, "sqlite.Prepare", "the file system has no locks; put the database on a local disk")
	}
	f.Close()
	return fault.New(fault.StoreBusy, "sqlite.Prepare", "another process writes this copy; end it, or let it do the work")
}

// adopt makes the database fit the schema and claims the epoch.
func (c *conn) adopt(schema store.Schema, changes []change) error {
	for _, d := range changes {
		if err := c.change(d); err != nil {
			return err
		}
	}
	for _, t := range schema.Tables { // also where only the order or the padding of columns differs
		if err := c.describe(t); err != nil {
			return err
		}
	}
	if err := c.owe(changes); err != nil {
		return err
	}
	if _, err := c.run(`DELETE FROM topic WHERE name NOT IN (SELECT topic FROM object)`); err != nil {
		return err
	}
	_, err := c.run(`UPDATE meta SET org = ?, policy = ?, hash = ?, epoch = epoch + 1`, schema.Org, schema.Policy, schema.Hash)
	return err
}

// change alters the table of one object.
func (c *conn) change(d change) error {
	switch {
	case d.Create:
		return c.Exec(creation(d.table))
	case d.Drop:
		return c.Exec(`UPDATE meta SET wipe = 1; DROP TABLE ` + name(d.Object) + `; DELETE FROM object WHERE name = '` + d.Object + `'`)
	case d.Rebuild:
		return c.Exec(`UPDATE meta SET wipe = 1; DROP TABLE ` + name(d.Object) + `;` + creation(d.table))
	case len(d.Remove) > 0:
		return c.copy(d)
	}
	for _, f := range d.Add {
		column, _ := find(d.table, f)
		if err := c.Exec(fmt.Sprintf(`ALTER TABLE %s ADD COLUMN %s`, name(d.Object), definition(column))); err != nil {
			return err
		}
	}
	return nil
}

// copy moves what stays of an object's rows into a new table. DROP COLUMN would
// not do: secure_delete overwrites what is deleted where it stands, but not the
// remains that are left where SQLite moved it before, as it splits pages.
// Dropping a table overwrites whole pages.
func (c *conn) copy(d change) error {
	old, plain := `"sf_`+strings.ToLower(d.Object)+`_"`, strings.ToLower(d.Object) // no API name ends in an underscore
	kept := stateColumns(d.table)
	for _, f := range d.table.Columns {
		if !slices.Contains(d.Add, f.Name) {
			kept += `, "` + f.Name + `"`
		}
	}
	dropped := `DROP INDEX "sf_` + plain + `_dirty"; DROP INDEX "sf_` + plain + `_gone";`
	for _, owner := range ownerships(d.table) {
		dropped += `DROP INDEX "sf_` + plain + owner + `";`
	}
	return c.Exec(`UPDATE meta SET wipe = 1;
		ALTER TABLE ` + name(d.Object) + ` RENAME TO ` + old + `;` + dropped +
		creation(d.table) +
		`INSERT INTO ` + name(d.Object) + ` (` + kept + `) SELECT ` + kept + ` FROM ` + old + `;
		DROP TABLE ` + old)
}

// owe owes a full read of what is new, voids the reads begun before it, and owes a
// comparison where the topic changed: what happened between the two positions
// came by neither.
func (c *conn) owe(changes []change) error {
	for _, d := range changes {
		kind := store.Full
		switch {
		case d.Create, d.Rebuild, len(d.Add) > 0, len(d.Find) > 0:
		case d.moved:
			kind = store.Stamp
		default:
			continue
		}
		if _, err := c.run(`UPDATE object SET n = n + 1, floor = n + 1 WHERE name = ?`, d.Object); err != nil {
			return err
		}
		if kind == store.Full {
			if _, err := c.run(`DELETE FROM owed WHERE object = ?`, d.Object); err != nil { // all of it is in the whole range
				return err
			}
		}
		if err := c.indebt(d.Object, store.Whole(kind)); err != nil {
			return err
		}
	}
	return nil
}

// wipe removes what was deleted from the log.
func (c *conn) wipe(ctx context.Context) error {
	due, err := c.number(`SELECT wipe FROM meta`)
	if err != nil || due == 0 {
		return c.failed(ctx, err)
	}
	if err := c.truncate(ctx, wipeWait); err != nil {
		return err
	}
	_, err = c.run(`UPDATE meta SET wipe = 0`)
	return c.failed(ctx, err)
}

// state reads what a writer resumes from.
func (c *conn) state() (store.State, error) {
	st := store.State{Topics: map[string]store.Topic{}, Objects: map[string]store.Object{}}
	var err error
	err = c.each(`SELECT epoch, keys FROM meta`, nil, func(s *sqlite3.Stmt) error {
		st.Epoch, st.Keys = s.ColumnInt64(0), s.ColumnInt64(1)
		return nil
	})
	if err != nil {
		return st, err
	}
	err = c.each(`SELECT name, position, as_of, instance FROM topic`, nil, func(s *sqlite3.Stmt) error {
		st.Topics[s.ColumnText(0)] = store.Topic{Position: store.Position(s.ColumnRawBlob(1)), AsOf: s.ColumnInt64(2), Instance: s.ColumnText(3)}
		return nil
	})
	if err != nil {
		return st, err
	}
	err = c.each(`SELECT name, n, floor, caught, unseen, reconciled, refreshed, lost, lost_since, heard FROM object`, nil, func(s *sqlite3.Stmt) error {
		st.Objects[s.ColumnText(0)] = store.Object{N: s.ColumnInt64(1), Floor: s.ColumnInt64(2), Caught: s.ColumnInt64(3),
			Unseen: s.ColumnInt64(4), Reconciled: s.ColumnInt64(5), Refreshed: s.ColumnInt64(6),
			Lost: s.ColumnInt64(7), LostSince: s.ColumnInt64(8), Heard: s.ColumnInt64(9)}
		return nil
	})
	if err != nil {
		return st, err
	}
	if err := c.count(st.Objects); err != nil {
		return st, err
	}
	return st, c.debts(st.Objects)
}

// count counts the rows of each object. Both counts read an index only.
func (c *conn) count(objects map[string]store.Object) error {
	for object, o := range objects {
		var err error
		o.Rows, err = c.number(`SELECT (SELECT count(*) FROM ` + name(object) + `) - (SELECT count(*) FROM ` + name(object) + ` WHERE _mark = 2)`)
		if err != nil {
			return err
		}
		objects[object] = o
	}
	return nil
}
