package sqlite

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// stmt returns a prepared statement, which stays prepared for the next time.
func (c *conn) stmt(sql string) (*sqlite3.Stmt, error) {
	if c.stmts == nil {
		return nil, closed()
	}
	if s := c.stmts[sql]; s != nil {
		return s, nil
	}
	s, _, err := c.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	c.stmts[sql] = s
	return s, nil
}

// forget closes the prepared statements: tables are about to change.
func (c *conn) forget() {
	for _, s := range c.stmts {
		s.Close()
	}
	clear(c.stmts)
}

// each runs a statement and calls row for each row of its result.
func (c *conn) each(sql string, args []any, row func(s *sqlite3.Stmt) error) (err error) {
	s, err := c.stmt(sql)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Reset()) }()
	if err := bind(s, args); err != nil {
		return err
	}
	for s.Step() {
		if err := row(s); err != nil {
			return err
		}
	}
	return s.Err()
}

// run runs a statement that returns no rows and counts those it changed.
func (c *conn) run(sql string, args ...any) (changed int64, err error) {
	if err := c.each(sql, args, func(*sqlite3.Stmt) error { return nil }); err != nil {
		return 0, err
	}
	return c.Changes(), nil
}

// number runs a statement that returns one number; without a row it is 0.
func (c *conn) number(sql string, args ...any) (n int64, err error) {
	err = c.each(sql, args, func(s *sqlite3.Stmt) error { n = s.ColumnInt64(0); return nil })
	return n, err
}

func bind(s *sqlite3.Stmt, args []any) error {
	var err error
	for i, arg := range args {
		switch v := arg.(type) {
		case nil:
			err = s.BindNull(i + 1)
		case int:
			err = s.BindInt(i+1, v)
		case int64:
			err = s.BindInt64(i+1, v)
		case bool:
			err = s.BindBool(i+1, v)
		case string:
			err = s.BindText(i+1, v)
		case []byte:
			err = s.BindBlob(i+1, v)
		default:
			err = sqlite3.MISMATCH
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// write runs do in a transaction that holds the write lock from its start. The
// transaction commits if do returns nil.
func (c *conn) write(ctx context.Context, do func() error) error {
	return c.transact(ctx, `BEGIN IMMEDIATE`, do)
}

// read runs do over one unchanging state of the database.
func (c *conn) read(ctx context.Context, do func() error) error {
	return c.transact(ctx, `BEGIN`, do)
}

func (c *conn) transact(ctx context.Context, begin string, do func() error) error {
	if c.stmts == nil { // of a closed connection the driver cannot be asked anything
		return closed()
	}
	c.SetInterrupt(ctx)
	defer func() {
		if !c.GetAutocommit() { // do failed or panicked, the commit failed, or begin was interrupted once it had begun
			c.SetInterrupt(context.Background())
			_, _ = c.run(`ROLLBACK`) // what cannot be rolled back now is at the next open
		}
	}()
	_, err := c.run(begin)
	if err == nil {
		err = do()
	}
	if err == nil {
		c.SetInterrupt(context.Background()) // SQLite reports an interruption even of a commit that it has made
		_, err = c.run(`COMMIT`)
	}
	return c.failed(ctx, err)
}

// failed is failed for an error of this connection. The driver reports a full
// disk as an I/O error like any other; that the disk is full shows on the disk.
func (c *conn) failed(ctx context.Context, err error) error {
	if errors.Is(err, sqlite3.IOERR) && full(filepath.Dir(c.path)) {
		err = sqlite3.FULL
	}
	return failed(ctx, err)
}

// failed turns an error of SQLite into a fault; a fault stays as it is.
func failed(ctx context.Context, err error) error {
	var own *fault.Error
	var e interface{ Code() sqlite3.ErrorCode }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own
	case ctx.Err() != nil:
		return fault.Wrap(ctx.Err(), fault.Canceled, "sqlite.Store", "the caller ended it; nothing of this call was kept")
	case noSpace(err), errors.Is(err, sqlite3.FULL):
		return fault.New(fault.StoreFull, "sqlite.Store", "there is no space left for the database; free some and start again, nothing is lost")
	case readOnlyMount(err):
		return unwritable()
	case errors.Is(err, sqlite3.CORRUPT): // also where this package says so
		return coded(sqlite3.CORRUPT)
	case errors.As(err, &e):
		return coded(e.Code())
	}
	return unknown()
}

func coded(code sqlite3.ErrorCode) error {
	switch code {
	case sqlite3.BUSY, sqlite3.LOCKED, sqlite3.PROTOCOL:
		return fault.New(fault.StoreBusy, "sqlite.Store", "another process holds the database; try again, or end that process")
	case sqlite3.READONLY, sqlite3.PERM:
		return unwritable()
	case sqlite3.CORRUPT, sqlite3.NOTADB:
		return fault.New(fault.StoreDamaged, "sqlite.Store", "the file is damaged or no database; restore it, or move it away and take a new copy from Salesforce")
	case sqlite3.CANTOPEN:
		return fault.New(fault.ConfigInvalid, "sqlite.Store", "the database file cannot be opened; check the path and the owner and mode of its directory")
	}
	return unknown()
}

func unwritable() error {
	return fault.New(fault.StoreReadOnly, "sqlite.Store", "the database file or its directory cannot be written; check their owner, mode and mount")
}

func unknown() error {
	return fault.New(fault.StoreFailed, "sqlite.Store", "the database failed; check the disk and the system log, nothing of this call was kept")
}
