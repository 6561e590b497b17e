package sqlite

import "strconv"

// Limit lets the file grow to this many pages, as a full disk would.
func (s *Store) Limit(pages int) error {
	c := <-s.writer
	defer func() { s.writer <- c }()
	_, err := c.number(`PRAGMA max_page_count = ` + strconv.Itoa(pages))
	return err
}

// SeenBy and Unshared are queries of tables that grow with the org.
const SeenBy, Unshared = seenBy, unshared
