package sfsync_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
)

// books are what must follow from the batches that were committed: the number
// of batches of each object, the position of each topic, and the ledger.
type books struct {
	N       map[string]int64
	At      map[string][]byte
	Entries int
	ledger  []string // canonical entries
}

func newBooks() books { return books{N: map[string]int64{}, At: map[string][]byte{}} }

// String leaves the ledger out.
func (b books) String() string { return fmt.Sprint(b.N, " at ", b.At, " with ", b.Entries, " entries") }

// n is an object's number, which is 1 in a new table.
func (b books) n(object string) int64 { return max(1, b.N[object]) }

// with returns the books after a batch. Its numbers and its position must be
// those that the books have.
func (b books) with(s *journalStep) (books, error) {
	next := books{N: maps.Clone(b.N), At: maps.Clone(b.At), Entries: b.Entries + len(s.Entries)}
	next.ledger = append(b.ledger, s.Entries...) // in the same array: only one of the two goes on
	for object, n := range s.N {
		if b.n(object) != n {
			return b, fmt.Errorf("a batch of %s was made from number %d, which is %d", object, n, b.n(object))
		}
		next.N[object] = n + 1
	}
	if s.Topic != "" {
		if !bytes.Equal(b.At[s.Topic], s.From) {
			return b, fmt.Errorf("a batch moved %s from where it was not", s.Topic)
		}
		next.At[s.Topic] = s.Next
	}
	return next, nil
}

// agree reports whether a store says the same; what the entries are is compared
// apart.
func (b books) agree(stored books) bool {
	for object, n := range stored.N {
		if b.n(object) != n {
			return false
		}
	}
	for topic, at := range stored.At {
		if !bytes.Equal(b.At[topic], at) {
			return false
		}
	}
	return len(stored.N) >= len(b.N) && len(stored.At) >= len(b.At) && stored.Entries == b.Entries
}

// audited replays the journal of all children. Each Prepare must find exactly
// the batches whose Apply had returned, and the one that was under way either
// whole or not at all. It returns the books with and without the batch under
// way at the end; they are the same if there was none.
func audited(journal string) (without, with books, err error) {
	f, err := os.Open(journal)
	if err != nil {
		return newBooks(), newBooks(), err
	}
	defer f.Close()
	without, with = newBooks(), newBooks()
	for lines, n := json.NewDecoder(f), 1; ; n++ {
		var l journalLine
		if err := lines.Decode(&l); errors.Is(err, io.EOF) {
			return without, with, nil
		} else if err != nil {
			return without, with, err
		}
		if without, with, err = l.follow(without, with); err != nil {
			return without, with, fmt.Errorf("line %d of the journal: %w", n, err)
		}
	}
}

// follow is one line of the journal.
func (l journalLine) follow(without, with books) (books, books, error) {
	var err error
	switch {
	case l.Prepared != nil && with.agree(*l.Prepared):
		return with, with, nil
	case l.Prepared != nil && without.agree(*l.Prepared):
		return without, without, nil
	case l.Prepared != nil:
		return without, with, fmt.Errorf("Prepare found %v, the batches that were applied make %v, or with the last one %v", *l.Prepared, without, with)
	case l.Apply != nil:
		with, err = without.with(l.Apply)
		return without, with, err
	case !l.Applied:
		return without, with, fmt.Errorf("Apply failed: %s", l.Fault)
	}
	return with, with, nil
}
