package sqlite

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Both databases keep the forget log, in tables of one form.

// ForgetHead implements crypto.ForgetLog.
func (s *Store) ForgetHead(ctx context.Context) (head crypto.ForgetHead, err error) {
	err = s.reading(ctx, func(c *conn) error {
		head, err = c.forgetHead()
		return err
	})
	return head, err
}

// ForgetEntries implements crypto.ForgetLog.
func (s *Store) ForgetEntries(ctx context.Context) (entries []crypto.ForgetEntry, err error) {
	err = s.reading(ctx, func(c *conn) error {
		entries, err = c.forgetEntries()
		return err
	})
	return entries, err
}

// Enter implements store.ForgetLog.
func (s *Store) Enter(ctx context.Context, entries []crypto.ForgetEntry) error {
	return s.writing(ctx, func(c *conn) error {
		return c.write(ctx, func() error {
			head, err := c.forgetHead()
			for _, e := range entries {
				if err == nil && e.Seq > head.Seq {
					err = c.enter(e)
				}
			}
			return err
		})
	})
}

func (c *conn) forgetHead() (head crypto.ForgetHead, err error) {
	err = c.each(`SELECT seq, mac FROM forget_log ORDER BY seq DESC LIMIT 1`, nil, func(s *sqlite3.Stmt) error {
		head.Seq = s.ColumnInt64(0)
		head.Mac, err = digestAt(s, 1)
		return err
	})
	return head, err
}

func (c *conn) forgetEntries() (entries []crypto.ForgetEntry, err error) {
	err = c.each(`SELECT entry, mac, seq FROM forget_log ORDER BY seq`, nil, func(s *sqlite3.Stmt) error {
		e, err := crypto.ParseForgetEntry(s.ColumnRawBlob(0))
		e.Seq = s.ColumnInt64(2) // so that one that was moved is not authentic
		if err == nil {
			e.Mac, err = digestAt(s, 1)
		}
		entries = append(entries, e)
		return err
	})
	return entries, err
}

// enter appends an entry in the transaction under way.
func (c *conn) enter(e crypto.ForgetEntry) error {
	head, err := c.forgetHead()
	if err == nil && e.Seq != head.Seq+1 {
		err = fault.New(fault.Conflict, "sqlite.ForgetLog", "another process wrote into the forget log meanwhile; read it again and repeat")
	}
	if err == nil {
		_, err = c.run(`INSERT INTO forget_log (seq, entry, mac) VALUES (?, ?, ?)`, e.Seq, e.Body(), e.Mac[:])
	}
	return err
}
