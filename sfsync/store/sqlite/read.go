package sqlite

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Load implements store.Store. It uses the writing connection: what it reads is
// what the next Apply writes, and only that connection still has it in its cache
// (230k rows/s against 100k).
func (s *Store) Load(ctx context.Context, object string, ids []string) (rows []store.Row, err error) {
	err = s.writing(ctx, func(c *conn) error {
		return c.read(ctx, func() error { rows, err = c.load(object, ids); return err })
	})
	return rows, err
}

// seenBy finds the read that has seen a row. CROSS: by way of the few reads, not of
// all that they have seen.
const seenBy = `SELECT s.read FROM read r CROSS JOIN seen s ON s.object = r.object AND s.read = r.id WHERE r.object = ? AND s.id = ?`

func (c *conn) load(object string, ids []string) ([]store.Row, error) {
	t, err := c.table(object)
	if err != nil {
		return nil, err
	}
	stamps, err := c.number(`SELECT EXISTS (SELECT 1 FROM read WHERE object = ? AND kind = 'stamp')`, object)
	if err != nil {
		return nil, err
	}
	query := `SELECT ` + stateColumns(t) + ` FROM ` + name(object) + ` WHERE Id = ?`
	rows := make([]store.Row, len(ids))
	for i, id := range ids {
		rows[i].ID = id
		err := c.each(query, []any{id}, func(s *sqlite3.Stmt) error { rows[i], _ = scan(s, t); return nil })
		if err == nil && stamps != 0 {
			rows[i].Seen, err = c.number(seenBy, object, id)
		}
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// Dirty implements store.Store.
func (s *Store) Dirty(ctx context.Context, object string, upTo int64, limit int) ([]string, error) {
	var ids []string
	err := s.reading(ctx, func(c *conn) error {
		if _, err := c.table(object); err != nil {
			return err
		}
		return c.each(`SELECT Id FROM `+name(object)+` WHERE _dirty > 0 AND _dirty <= ? ORDER BY _dirty, Id LIMIT ?`, []any{upTo, limit}, func(s *sqlite3.Stmt) error {
			ids = append(ids, s.ColumnText(0))
			return nil
		})
	})
	return ids, err
}

// Table implements store.Reader.
func (s *Store) Table(ctx context.Context, object string) (t store.Table, err error) {
	err = s.reading(ctx, func(c *conn) (err error) { t, err = c.table(object); return err })
	return t, err
}

// table reads how the object is kept.
func (c *conn) table(object string) (store.Table, error) {
	if !apiName.MatchString(object) {
		return store.Table{}, unkept(object)
	}
	tables, err := c.catalogue(object)
	if err != nil {
		return store.Table{}, err
	}
	t, ok := tables[object]
	if !ok {
		return t, unkept(object)
	}
	return t, nil
}

func unkept(object string) error {
	return fault.New(fault.NotFound, "sqlite.Table", "the database keeps no such object; add it to the policy, or check the name").On(object)
}

// Row implements store.Reader.
func (s *Store) Row(ctx context.Context, object, id string) (store.Row, error) {
	row := store.Row{ID: id}
	err := s.reading(ctx, func(c *conn) error {
		t, err := c.table(object)
		if err != nil {
			return err
		}
		return c.each(whole(t)+` WHERE Id = ?`, []any{id}, func(s *sqlite3.Stmt) error { row = scanWhole(s, t); return nil })
	})
	return row, err
}

// page is how many rows Rows reads in one transaction. A transaction that lasted
// as long as the loop would keep the log from being written back.
const page = 256

// Rows implements store.Reader. Each row is as it was at one moment, not all of
// them at the same one. If the object's columns change during the loop, it ends
// with fault.Conflict.
func (s *Store) Rows(ctx context.Context, object string) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		var first *store.Table
		for after := ""; ; {
			t, rows, err := s.page(ctx, object, after)
			if first == nil {
				first = &t
			} else if err == nil && !slices.Equal(first.Columns, t.Columns) {
				err = fault.New(fault.Conflict, "sqlite.Rows", "the policy has changed while the rows were read; read them again").On(object)
			}
			if err != nil {
				yield(store.Row{}, err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			if len(rows) < page {
				return
			}
			after = rows[len(rows)-1].ID
		}
	}
}

func (s *Store) page(ctx context.Context, object, after string) (t store.Table, rows []store.Row, err error) {
	err = s.reading(ctx, func(c *conn) error {
		if t, err = c.table(object); err != nil {
			return err
		}
		return c.each(whole(t)+` WHERE Id > ? ORDER BY Id LIMIT ?`, []any{after, page}, func(s *sqlite3.Stmt) error {
			rows = append(rows, scanWhole(s, t))
			return nil
		})
	})
	return t, rows, err
}

func whole(t store.Table) string {
	var b strings.Builder
	b.WriteString(`SELECT ` + stateColumns(t))
	for _, c := range t.Columns {
		b.WriteString(`, "` + c.Name + `"`)
	}
	b.WriteString(` FROM ` + name(t.Object))
	return b.String()
}

// scanWhole reads a row that was selected by whole.
func scanWhole(s *sqlite3.Stmt, t store.Table) store.Row {
	row, cells := scan(s, t)
	row.Cells = make([]store.Cell, len(t.Columns))
	for i := range t.Columns {
		col := cells + i
		if s.ColumnType(col) == sqlite3.NULL {
			continue
		}
		row.Cells[i] = store.Cell{State: store.Null}
		if b := s.ColumnBlob(col, nil); len(b) > 0 {
			row.Cells[i] = store.Cell{State: store.Value, Bytes: b}
		}
	}
	return row
}
