package sqlite

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Bury implements store.Eraser.
func (s *Store) Bury(ctx context.Context, persons []crypto.Person, entry audit.Entry) error {
	return s.writing(ctx, func(c *conn) error {
		return c.write(ctx, func() error {
			for _, p := range persons {
				if _, err := c.run(`INSERT INTO tombstone (person, done) VALUES (?, 0) ON CONFLICT DO UPDATE SET done = 0`, p[:]); err != nil {
					return err
				}
			}
			return c.record([]audit.Entry{entry})
		})
	})
}

// Buried implements store.Eraser.
func (s *Store) Buried(ctx context.Context) (all, unerased []crypto.Person, err error) {
	err = s.reading(ctx, func(c *conn) error {
		return c.each(`SELECT person, done FROM tombstone`, nil, func(s *sqlite3.Stmt) error {
			b := s.ColumnRawBlob(0)
			if len(b) != len(crypto.Person{}) {
				return sqlite3.CORRUPT
			}
			all = append(all, crypto.Person(b))
			if s.ColumnInt(1) == 0 {
				unerased = append(unerased, crypto.Person(b))
			}
			return nil
		})
	})
	return all, unerased, err
}

// Erase implements store.Eraser. It looks at every row of every object: rows
// have no index by person, which each write would pay for.
func (s *Store) Erase(ctx context.Context, persons []crypto.Person, plain []string) (rows int64, err error) {
	list, err := hexList(persons)
	if err != nil {
		return 0, err
	}
	err = s.writing(ctx, func(c *conn) error {
		err := c.write(ctx, func() error {
			tables, err := c.catalogue("")
			for _, t := range tables {
				if err == nil {
					var n int64
					n, err = c.erase(t, list, slices.Contains(plain, t.Object))
					rows += n
				}
			}
			return err
		})
		if err == nil {
			err = c.truncate(ctx, wipeWait)
		}
		if err != nil {
			return err
		}
		return c.write(ctx, func() error {
			_, err := c.run(`UPDATE tombstone SET done = 1 WHERE person IN (SELECT unhex(value) FROM json_each(?))`, list)
			return err
		})
	})
	return rows, err
}

// Owe implements store.Eraser. Like Erase it looks at every row.
func (s *Store) Owe(ctx context.Context, persons []crypto.Person, entry audit.Entry) (rows int64, err error) {
	return s.readAgain(ctx, persons, entry, "", func(t store.Table) string {
		return fmt.Sprintf(`_mark = %d AND EXISTS (SELECT 1 FROM json_each(?2) WHERE unhex(value) IN (%s))`, store.Live, personColumns(t))
	})
}

// Lift implements store.Eraser.
func (s *Store) Lift(ctx context.Context, persons []crypto.Person, entry audit.Entry) (rows int64, err error) {
	return s.readAgain(ctx, persons, entry, `DELETE FROM tombstone WHERE person IN (SELECT unhex(value) FROM json_each(?))`, func(t store.Table) string {
		return fmt.Sprintf(`(_mark IN (%d, %d) OR zeroblob(16) IN (%s)) AND ?2 = ?2`, store.Suppressed, store.Held, personColumns(t))
	})
}

// personColumns are the columns of all persons of a row.
func personColumns(t store.Table) string {
	columns := make([]string, len(t.Rules))
	for k := range t.Rules {
		columns[k] = personColumn(k)
	}
	return strings.Join(columns, ", ")
}

// readAgain owes a read of the rows that are meant. It counts as a batch of every
// object: what is on its way was made before it, of rows that are not there yet
// too, and must not commit after it.
func (s *Store) readAgain(ctx context.Context, persons []crypto.Person, entry audit.Entry, first string, which func(store.Table) string) (rows int64, err error) {
	list, err := hexList(persons)
	if err != nil {
		return 0, err
	}
	err = s.writing(ctx, func(c *conn) error {
		return c.write(ctx, func() error {
			if first != "" {
				if _, err := c.run(first, list); err != nil {
					return err
				}
			}
			if _, err := c.run(`UPDATE object SET n = n + 1`); err != nil {
				return err
			}
			tables, err := c.catalogue("")
			for _, t := range tables {
				if err == nil {
					var n int64
					n, err = c.run(`UPDATE `+name(t.Object)+` SET `+owed+`, _seq = object.n FROM object WHERE object.name = ?1 AND `+which(t), t.Object, list)
					rows += n
				}
			}
			if err != nil {
				return err
			}
			return c.record([]audit.Entry{entry})
		})
	})
	return rows, err
}

// owed makes a row dirty, in an UPDATE that has its object beside it.
const owed = `_dirty = iif(_dirty > 0, _dirty, max(object.n, 1))`

func hexList(persons []crypto.Person) (string, error) {
	names := make([]string, len(persons))
	for i, p := range persons {
		names[i] = hex.EncodeToString(p[:])
	}
	list, err := json.Marshal(names)
	return string(list), err
}

// erase empties what a table holds of the persons.
func (c *conn) erase(t store.Table, list string, plain bool) (rows int64, err error) {
	for k := range t.Rules {
		set := owed
		for _, f := range t.Columns {
			switch {
			case k > 0 && !(f.Sealed && f.Rule == k):
			case k == 0 && plain && !f.Sealed && !f.Link:
				set += fmt.Sprintf(`, "%s" = iif(%s, "%[1]s", NULL)`, f.Name, owned(t))
			default:
				set += fmt.Sprintf(`, "%s" = NULL`, f.Name)
			}
		}
		switch {
		case k > 0:
			set += `, ` + personColumn(k) + ` = zeroblob(16)`
		default:
			set += fmt.Sprintf(`, _key = 0, _base = 0, _evented = 1, _mark = %d`, store.Suppressed)
			for i := range t.Rules {
				set += `, ` + personColumn(i) + ` = NULL`
			}
			for _, owner := range ownerships(t) {
				set += `, ` + owner + ` = NULL`
			}
		}
		n, err := c.run(fmt.Sprintf(`UPDATE %s SET %s FROM object WHERE object.name = ?2 AND %s IN (SELECT unhex(value) FROM json_each(?1)) AND _mark <> %d`,
			name(t.Object), set, personColumn(k), store.Gone), list, t.Object)
		if err != nil {
			return rows, err
		}
		rows += n
	}
	return rows, nil
}

// owned is true of a row that is about the person and is not the person: a
// reference that is kept says so. Where none is kept, nothing does, and the read
// that is owed tells.
func owned(t store.Table) string {
	set := `false`
	for _, reference := range t.Owners(0) {
		if f, kept := find(t, reference); kept && !f.Sealed {
			set += fmt.Sprintf(` OR "%s" <> ''`, reference)
		}
	}
	return set
}
