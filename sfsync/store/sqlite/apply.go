package sqlite

import (
	"bytes"
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Apply implements store.Store. A row of a forgotten person that is not
// suppressed is refused with fault.Forgotten. The transaction holds SQLite's
// write lock from its start, so what is checked first still holds at the end.
func (s *Store) Apply(ctx context.Context, batch *store.Batch) error {
	return s.writing(ctx, func(c *conn) error {
		return c.write(ctx, func() error {
			if err := s.current(c, batch); err != nil {
				return err
			}
			if err := c.move(batch); err != nil {
				return err
			}
			if _, err := c.run(`UPDATE meta SET keys = ?1 WHERE keys <> ?1 AND ?1 <> 0`, batch.Keys); err != nil {
				return err
			}
			graves, err := c.number(`SELECT EXISTS (SELECT 1 FROM tombstone)`)
			if err != nil {
				return err
			}
			for i := range batch.Objects {
				if err := s.object(c, &batch.Objects[i], graves != 0); err != nil {
					return err
				}
			}
			return c.record(batch.Entries)
		})
	})
}

// current checks that the batch comes from the writer in charge and was made
// under the policy that the tables fit.
func (s *Store) current(c *conn, b *store.Batch) error {
	var epoch int64
	var policy int
	err := c.each(`SELECT epoch, policy FROM meta`, nil, func(s *sqlite3.Stmt) error {
		epoch, policy = s.ColumnInt64(0), s.ColumnInt(1)
		return nil
	})
	switch {
	case err != nil:
		return err
	case s.tables == nil || epoch != b.Epoch:
		return fault.New(fault.Fenced, "sqlite.Apply", "another writer has taken over; stop, or prepare again")
	case policy != b.Policy:
		return fault.New(fault.Conflict, "sqlite.Apply", "the batch was made under another policy version; make it again")
	}
	return nil
}

// move moves the position of the batch's topic.
func (c *conn) move(b *store.Batch) error {
	if b.Topic == "" {
		return nil
	}
	var at []byte
	err := c.each(`SELECT position FROM topic WHERE name = ?`, []any{b.Topic}, func(s *sqlite3.Stmt) error {
		at = s.ColumnBlob(0, nil)
		return nil
	})
	if err != nil {
		return err
	}
	if !bytes.Equal(at, []byte(b.From)) {
		return fault.New(fault.Conflict, "sqlite.Apply", "the topic's position has moved since; load the state and go on from there")
	}
	_, err = c.run(`INSERT OR REPLACE INTO topic VALUES (?, ?, ?, ?)`, b.Topic, append([]byte{}, b.Next...), b.AsOf, b.Instance)
	return err
}

// object applies what the batch does to one object.
func (s *Store) object(c *conn, b *store.ObjectBatch, graves bool) error {
	t := s.tables[b.Object]
	if t == nil {
		return fault.New(fault.Conflict, "sqlite.Apply", "the policy does not keep this object; make the batch again").On(b.Object)
	}
	found, err := c.run(`UPDATE object SET n = n + 1 WHERE name = ? AND n = ?`, b.Object, b.N)
	if err != nil {
		return err
	}
	if found == 0 {
		return fault.New(fault.Conflict, "sqlite.Apply", "another batch of the object came first; load the state and make the batch again").On(b.Object)
	}
	for i := range b.Rows {
		if graves {
			if err := c.mourn(&b.Rows[i], b.Object); err != nil {
				return err
			}
		}
		if err := t.write(c, &b.Rows[i], b.N+1); err != nil {
			return err
		}
	}
	return c.settle(t, b, b.N+1)
}

// mourn refuses a row that would hold something of a forgotten person.
func (c *conn) mourn(r *store.Row, object string) error {
	if r.Mark != store.Live {
		return nil
	}
	for _, p := range r.Persons {
		dead, err := c.number(`SELECT 1 FROM tombstone WHERE person = ?`, p[:])
		if err != nil {
			return err
		}
		if dead != 0 {
			return fault.New(fault.Forgotten, "sqlite.Apply", "a row is of a person who was forgotten; make the batch again").On(object)
		}
	}
	return nil
}
