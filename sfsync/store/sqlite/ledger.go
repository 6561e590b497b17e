package sqlite

import (
	"context"
	"iter"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Append implements audit.Appender. It needs no Prepare and may be called
// beside a writer in another process.
func (s *Store) Append(ctx context.Context, entries ...audit.Entry) error {
	return s.writing(ctx, func(c *conn) error {
		return c.write(ctx, func() error { return c.record(entries) })
	})
}

// record puts entries at the end of the ledger, in the transaction under way.
func (c *conn) record(entries []audit.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	var head audit.Head
	err := c.each(`SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1`, nil, func(s *sqlite3.Stmt) error {
		head.Seq = s.ColumnInt64(0)
		copy(head.Hash[:], s.ColumnRawBlob(1))
		return nil
	})
	for _, e := range entries {
		if err != nil {
			return err
		}
		next := audit.Chain(head, e)
		_, err = c.run(`INSERT INTO ledger VALUES (?, ?, ?)`, next.Seq, string(e.Canonical()), next.Hash[:])
		head = next.Head()
	}
	return err
}

// Entries implements audit.Log.
func (s *Store) Entries(ctx context.Context, after int64) iter.Seq2[audit.Stored, error] {
	return func(yield func(audit.Stored, error) bool) {
		for {
			entries, err := s.entries(ctx, after)
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
				after = e.Seq
			}
			if err != nil {
				yield(audit.Stored{}, err)
				return
			}
			if len(entries) < page {
				return
			}
		}
	}
}

// entries reads one page. What cannot be read as an entry was changed: the
// entries before it are returned with the error.
func (s *Store) entries(ctx context.Context, after int64) (entries []audit.Stored, err error) {
	err = s.reading(ctx, func(c *conn) error {
		return c.each(`SELECT seq, entry, hash FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?`, []any{after, page}, func(s *sqlite3.Stmt) error {
			stored := audit.Stored{Seq: s.ColumnInt64(0)}
			var err error
			if stored.Entry, err = audit.ParseEntry(s.ColumnRawText(1)); err != nil {
				return fault.New(fault.LedgerBroken, "sqlite.Entries",
					"this entry was changed; keep the file as evidence and find out who could write it").At(int(stored.Seq), 1)
			}
			copy(stored.Hash[:], s.ColumnRawBlob(2))
			entries = append(entries, stored)
			return nil
		})
	})
	return entries, err
}
