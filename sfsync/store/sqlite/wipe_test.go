package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// marker begins every value of the column that will be removed.
const marker = "CANARY-4f1c"

// marked fills a copy with rows that come in any order and change in size, as
// that is what leaves pages with remains of what was in them. Column F9__c, and
// no other, holds the marker.
func marked(t *testing.T, w *writer) {
	random := rand.New(rand.NewPCG(1, 2))
	seq := map[int]int64{}
	for range 30 {
		var rows []store.Row
		for _, k := range random.Perm(3000)[:500] {
			c := cells(func(i int) bool { return i < 9 })
			c[4].Bytes = bytes.Repeat([]byte{7}, random.IntN(600))
			c[9] = store.Cell{State: store.Value, Bytes: fmt.Appendf(nil, "%s-%d-%s", marker, k, bytes.Repeat([]byte{'x'}, random.IntN(300)))}
			rows = append(rows, store.Row{ID: recordID(k), Seq: seq[k], Persons: []crypto.Person{{15: 1}}, Mark: store.Live, Cells: c})
			seq[k] = w.n + 1
		}
		w.write(t, rows)
	}
}

func TestRemovedBytesAreGone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*store.Schema)
	}{
		{"column", func(s *store.Schema) { s.Tables[0].Columns = s.Tables[0].Columns[:9] }},
		{"column that becomes plain", func(s *store.Schema) { s.Tables[0].Columns[9].Sealed = false }},
		{"object", func(s *store.Schema) { s.Tables = nil }},
		{"persons", func(s *store.Schema) { s.Tables[0].Rules = []string{"AccountId, Id"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			w := newWriter(t, filepath.Join(dir, "rows.db"))
			marked(t, w)
			if hits(t, dir) == 0 {
				t.Fatal("the marker is not in the files to begin with")
			}
			narrow := wide()
			narrow.Policy, narrow.Tables[0].Columns = 2, slices.Clone(narrow.Tables[0].Columns)
			c.change(&narrow)
			if _, err := w.Prepare(t.Context(), narrow); err != nil {
				t.Fatal(err)
			}
			if n := hits(t, dir); n != 0 {
				t.Errorf("the marker is still there %d times", n)
			}
			w.Close()
			if n := hits(t, dir); n != 0 {
				t.Errorf("the marker is there %d times after Close", n)
			}
		})
	}
}

// A reader that holds the log back makes Prepare fail, and the next one goes on.
func TestRemovedBytesWaitForReaders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWriter(t, filepath.Join(dir, "rows.db"))
	marked(t, w)
	release := hold(t, filepath.Join(dir, "rows.db"))
	narrow := wide()
	narrow.Policy, narrow.Tables[0].Columns = 2, narrow.Tables[0].Columns[:9]
	if _, err := w.Prepare(t.Context(), narrow); !errors.Is(err, fault.StoreBusy) {
		t.Fatalf("beside a reader: %v", err)
	}
	release()
	if _, err := w.Prepare(t.Context(), narrow); err != nil {
		t.Fatal(err)
	}
	if n := hits(t, dir); n != 0 {
		t.Errorf("the marker is still there %d times", n)
	}
}

// hits counts the marker in all files of the directory.
func hits(t *testing.T, dir string) (n int) {
	t.Helper()
	for path := range files(t, dir) {
		b, err := os.ReadFile(path)
		must(t, err)
		n += bytes.Count(b, []byte(marker))
	}
	return n
}

func files(t *testing.T, dir string) iter.Seq[string] {
	return func(yield func(string) bool) {
		entries, err := os.ReadDir(dir)
		must(t, err)
		for _, e := range entries {
			if !yield(filepath.Join(dir, e.Name())) {
				return
			}
		}
	}
}

// hold opens a transaction that reads, from another connection.
func hold(t *testing.T, path string) (release func()) {
	c := dial(t, path)
	must(t, c.Exec(`BEGIN; SELECT count(*) FROM sf_contact`))
	return func() { must(t, c.Exec(`ROLLBACK`)) }
}
