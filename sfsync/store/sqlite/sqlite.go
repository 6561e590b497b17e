// Package sqlite keeps the copy in one SQLite file, without a server: rows,
// positions, debts and the ledger in one database ([Open]), keys in another
// ([OpenKeys]).
//
// The rule it keeps: what a call reports as done is on the disk. Every commit is
// synced before Apply, Prepare or Append returns, and a process that is killed
// at any point leaves a database that opens as if the last commit were the end.
//
// # Tables
//
// Each object has a table, such as sf_contact, with a column per field under
// the field's own name, so that the sqlite3 shell and any other client can read
// it beside a running engine:
//
//	SELECT Id, Loyalty_Tier__c FROM sf_contact WHERE _mark = 1;
//
// Plain fields are TEXT, personal ones BLOB (sealed). NULL is a field of which
// nothing is known yet; a field that is empty in Salesforce is an empty text or
// blob. The columns that begin with an underscore are the state of the row: _person (and
// _person_1 … for fields with a person of their own), _key, _base, _evented,
// _dirty (0, or the batch since which a read is owed), _mark (1 live, 2 gone, 3
// suppressed, 4 held) and _seq. They are described at store.Row.
//
// # One writer
//
// Prepare takes a lock on the file beside the database whose name ends in
// ".writer" and keeps it until Close or the end of the process; a second writer
// gets fault.StoreBusy. Readers and Append need no lock and work from other
// processes on the same machine. The file must be on a local disk: SQLite's
// write-ahead log needs shared memory.
//
// # Security
//
// The database file has mode 0600 and a directory that Open creates has 0700.
// Deleted content is overwritten, and the log is emptied when a policy narrows.
// Who can read the file sees plain fields, record ids, random person ids and
// times; who can write it can put back an older row or cut off the ledger's end
// (see package audit).
package sqlite

import (
	"context"
	_ "embed"
	"os"
	"sync"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

//go:embed rows_0001.sql
var rowsStep1 string

//go:embed rows_0002.sql
var rowsStep2 string

//go:embed rows_0003.sql
var rowsStep3 string

//go:embed rows_0004.sql
var rowsStep4 string

//go:embed rows_0005.sql
var rowsStep5 string

// idleReaders is how many reading connections are kept for the next call.
const idleReaders = 4

// Store is the rows database. It is a store.Store, a store.Reader, an
// audit.Appender and an audit.Log, each safe for concurrent use.
type Store struct {
	path string
	done chan struct{} // closed by Close

	// writer holds the writing connection while nobody uses it. Who has taken
	// it out also owns the fields below.
	writer chan *conn
	held   *os.File          // the writer lock, once Prepare has taken it
	tables map[string]*table // as Prepare left them

	readers struct {
		sync.Mutex
		idle   []*conn
		closed bool
	}
}

// Open opens the rows database at the path, creating the file and its directory
// if they do not exist. It fails with fault.StoreReadOnly, StoreFull,
// StoreNewer, StoreDamaged, StoreBusy, or ConfigInvalid for a path that is
// empty, no file, or the keys database.
func Open(ctx context.Context, path string) (*Store, error) {
	c, err := connect(ctx, path, kind{rowsID, []string{rowsStep1, rowsStep2, rowsStep3, rowsStep4, rowsStep5}, rowsCache})
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, done: make(chan struct{}), writer: make(chan *conn, 1)}
	s.writer <- c
	return s, nil
}

// Path is the path given to Open.
func (s *Store) Path() string { return s.path }

// Close waits for the transaction under way, then frees the files and the
// writer lock. Calls after it fail. Closing twice is no error.
func (s *Store) Close() error {
	select {
	case <-s.done:
		return nil
	case c := <-s.writer:
		close(s.done)
		s.readers.Lock()
		defer s.readers.Unlock()
		s.readers.closed = true
		for _, r := range s.readers.idle {
			r.Close()
		}
		s.drop()
		err := c.Close()
		if s.held != nil {
			s.held.Close()
		}
		return err
	}
}

// writing runs do with the writing connection.
func (s *Store) writing(ctx context.Context, do func(c *conn) error) error {
	select {
	case <-s.done:
		return closed()
	case <-ctx.Done():
		return failed(ctx, ctx.Err())
	case c := <-s.writer:
		defer func() { s.writer <- c }()
		return do(c)
	}
}

// reading runs do with a reading connection, in one transaction.
func (s *Store) reading(ctx context.Context, do func(c *conn) error) error {
	c, err := s.reader(ctx)
	if err != nil {
		return err
	}
	defer s.keep(c)
	return c.read(ctx, func() error { return do(c) })
}

func (s *Store) reader(ctx context.Context) (*conn, error) {
	if c, err := s.idle(); c != nil || err != nil {
		return c, err
	}
	return reader(ctx, s.path) // without the lock: SQLite may sleep in it
}

// idle takes a connection that nobody uses, if there is one.
func (s *Store) idle() (*conn, error) {
	s.readers.Lock()
	defer s.readers.Unlock()
	n := len(s.readers.idle)
	switch {
	case s.readers.closed:
		return nil, closed()
	case n == 0:
		return nil, nil
	}
	c := s.readers.idle[n-1]
	s.readers.idle = s.readers.idle[:n-1]
	return c, nil
}

func (s *Store) keep(c *conn) {
	s.readers.Lock()
	defer s.readers.Unlock()
	if s.readers.closed || len(s.readers.idle) == idleReaders {
		c.Close()
		return
	}
	s.readers.idle = append(s.readers.idle, c)
}

func closed() error {
	return fault.New(fault.StoreFailed, "sqlite.Store", "the store is closed; open it again")
}
