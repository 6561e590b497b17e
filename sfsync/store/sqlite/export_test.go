package sqlite

import "strconv"

// Limit lets the file grow to this many pages, as a full disk would.
func (s *Store) Limit(pages int) error { return s.pragma(`max_page_count = ` + strconv.Itoa(pages)) }

// Unsynced makes commits that a power cut would undo, and much faster.
func (s *Store) Unsynced() error { return s.pragma(`synchronous = OFF`) }

func (s *Store) pragma(set string) error {
	c := <-s.writer
	defer func() { s.writer <- c }()
	_, err := c.number(`PRAGMA ` + set)
	return err
}

// SeenBy and Unshared are queries of tables that grow with the org.
const SeenBy, Unshared = seenBy, unshared
