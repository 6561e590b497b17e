package sqlite

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// kind is one of the two databases. Its id is SQLite's application_id, so that
// one is never opened as the other; user_version counts the steps that have
// been taken.
type kind struct {
	id    int32
	steps []string // SQL, numbered from 1; a released step never changes
	cache int      // bytes of pages that the writing connection keeps
}

const (
	rowsID = 0x73667301 // "sfs", 1
	keysID = 0x73667302

	// A first copy fills the caches whatever its size, so they are most of the
	// memory that it takes. Keys come in the order of their ids, and those in
	// use stay in the vault: few pages serve.
	rowsCache = 24 << 20
	keysCache = 8 << 20
)

// patience is how long a statement waits for another process's transaction.
const patience = 10 * time.Second

// settings hold for every connection. FULL makes a commit durable before it
// returns; secure_delete overwrites what is deleted; temporary tables stay in
// memory, as they would be copies of rows; the rest is speed: measured with
// 1,000-row transactions, the cache and the long log double the rate.
const settings = `
	PRAGMA synchronous = FULL;
	PRAGMA secure_delete = ON;
	PRAGMA foreign_keys = ON;
	PRAGMA trusted_schema = OFF;
	PRAGMA temp_store = MEMORY;
	PRAGMA wal_autocheckpoint = 16000;
	PRAGMA journal_size_limit = 67108864;`

// conn is one connection with its prepared statements. One goroutine at a time
// uses it.
type conn struct {
	*sqlite3.Conn
	path  string
	stmts map[string]*sqlite3.Stmt
}

// connect opens the database at the path for writing. It creates the file
// (0600) and its directory (0700), refuses a file that is not of this kind, and
// takes the steps that are missing.
func connect(ctx context.Context, path string, k kind) (*conn, error) {
	if path == "" {
		return nil, fault.New(fault.ConfigInvalid, "sqlite.Open", "the path is empty; name the database file")
	}
	if err := create(path); err != nil {
		return nil, err
	}
	c, err := dial(ctx, path, k.cache)
	if err != nil {
		return nil, err
	}
	err = c.migrate(ctx, k)
	if err == nil && private(path) != nil {
		err = unwritable()
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// private gives the log's index, which holds page numbers only, the mode of the
// database. The driver gives the log itself that mode when it makes it.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	index := path + "-shm"
	if now, err := os.Stat(index); err == nil && now.Mode() != info.Mode() {
		return os.Chmod(index, info.Mode())
	}
	return nil
}

// reader opens another connection to a connected database, for reading only.
func reader(ctx context.Context, path string) (*conn, error) {
	c, err := dial(ctx, path, 8<<20)
	if err != nil {
		return nil, err
	}
	if err := c.Exec(`PRAGMA query_only = ON`); err != nil {
		c.Close()
		return nil, c.failed(ctx, err)
	}
	return c, nil
}

func create(path string) error {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600); err == nil {
			err = f.Close()
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrPermission), readOnlyMount(err):
		return fault.New(fault.StoreReadOnly, "sqlite.Open", "the database file or its directory cannot be written; check their owner, mode and mount")
	case noSpace(err):
		return fault.New(fault.StoreFull, "sqlite.Open", "there is no space for the database; free some and start again")
	}
	return fault.New(fault.ConfigInvalid, "sqlite.Open", "the database file cannot be opened; check that the path names a file")
}

func dial(ctx context.Context, path string, cache int) (*conn, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, "sqlite.Open", "the working directory is gone; give an absolute path")
	}
	raw, err := sqlite3.OpenFlags(uri(abs), sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
	if err != nil {
		return nil, failed(ctx, err)
	}
	c := &conn{raw, abs, map[string]*sqlite3.Stmt{}}
	err = errors.Join(c.BusyTimeout(patience), c.Exec(settings+`PRAGMA cache_size = -`+strconv.Itoa(cache>>10)))
	if err != nil {
		c.Close()
		return nil, c.failed(ctx, err)
	}
	return c, nil
}

// uri names a file so that its log gets the file's mode
// (https://sqlite.org/uri.html, modeof).
func uri(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // a drive
		path = "/" + path
	}
	modeof := strings.ReplaceAll(url.QueryEscape(path), "+", "%20")
	return (&url.URL{Scheme: "file", Path: path, RawQuery: "modeof=" + modeof}).String()
}

func (c *conn) migrate(ctx context.Context, k kind) error {
	if err := c.check(ctx, k); err != nil { // before anything is written to a file that may not be ours
		return err
	}
	if err := c.Exec(`PRAGMA journal_mode = WAL`); err != nil {
		return c.failed(ctx, err)
	}
	return c.write(ctx, func() error {
		if err := c.check(ctx, k); err != nil { // again, under the lock
			return err
		}
		version, err := c.number(`PRAGMA user_version`)
		if err != nil {
			return err
		}
		for _, step := range k.steps[version:] {
			if err := c.Exec(step); err != nil {
				return err
			}
		}
		return c.Exec(`PRAGMA application_id = ` + strconv.Itoa(int(k.id)) + `; PRAGMA user_version = ` + strconv.Itoa(len(k.steps)))
	})
}

// check tells whether the file is of the kind, or empty.
func (c *conn) check(ctx context.Context, k kind) error {
	id, err := c.number(`PRAGMA application_id`)
	version, err2 := c.number(`PRAGMA user_version`)
	tables, err3 := c.number(`SELECT count(*) FROM sqlite_schema`)
	if err := errors.Join(err, err2, err3); err != nil {
		return c.failed(ctx, err)
	}
	switch {
	case id == 0 && version == 0 && tables == 0:
		return nil
	case id == int64(k.id) && version <= int64(len(k.steps)):
		return nil
	case id == int64(k.id):
		return fault.New(fault.StoreNewer, "sqlite.Open", "the database was written by a newer release; use that release, or a copy of the database from before")
	case id == rowsID || id == keysID:
		return fault.New(fault.ConfigInvalid, "sqlite.Open", "the file is the other of the two databases; Open takes the rows, OpenKeys the keys")
	}
	return fault.New(fault.StoreDamaged, "sqlite.Open", "the file is the database of another program; name another path")
}

// Close ends the connection. Statements fail from then on.
func (c *conn) Close() error {
	c.forget()
	c.stmts = nil
	if err := c.Conn.Close(); err != nil {
		return c.failed(context.Background(), err)
	}
	return nil
}

// wipeWait is how long to wait for readers where a log is emptied: those of this
// package read for milliseconds.
const wipeWait = 2 * time.Second

// truncate writes the log back into the database and empties it, so that bytes
// which were deleted are in neither file. It fails with fault.StoreBusy while
// another connection reads for longer than wait.
func (c *conn) truncate(ctx context.Context, wait time.Duration) error {
	c.SetInterrupt(ctx)
	if err := c.BusyTimeout(wait); err != nil {
		return c.failed(ctx, err)
	}
	defer c.BusyTimeout(patience)
	_, _, err := c.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	return c.failed(ctx, err)
}
