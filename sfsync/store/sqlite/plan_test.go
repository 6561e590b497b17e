package sqlite_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// TestQueryPlans: what is asked for each row of a comparison, or for each person
// forgotten, looks its answer up. SQLite has no statistics here, and has chosen to
// go through a table before: comparing a million rows did not end in five minutes.
func TestQueryPlans(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rows, err := sqlite.Open(t.Context(), filepath.Join(dir, "data", "crm.db"))
	must(t, err)
	keys, err := sqlite.OpenKeys(t.Context(), filepath.Join(dir, "keys", "keys.db"))
	must(t, err)
	defer rows.Close()
	defer keys.Close()
	for _, c := range []struct{ path, query, step string }{
		{rows.Path(), sqlite.SeenBy, "SEARCH s USING PRIMARY KEY (object=? AND read=? AND id=?)"},
		{keys.Path(), sqlite.Unshared, "SEARCH index_entry USING INDEX index_entry_person (person=?)"},
		{keys.Path(), sqlite.Unshared, "SEARCH o USING INDEX sqlite_autoindex_index_entry_1 (digest=? AND type=? AND version=? AND normaliser=?)"},
	} {
		if got := plan(t, c.path, c.query); !slices.Contains(got, c.step) {
			t.Errorf("the plan is %q, without %q", got, c.step)
		}
	}
}

func plan(t *testing.T, path, query string) (steps []string) {
	t.Helper()
	c, err := sqlite3.OpenFlags(path, sqlite3.OPEN_READONLY)
	must(t, err)
	defer c.Close()
	s, _, err := c.Prepare(`EXPLAIN QUERY PLAN ` + query)
	must(t, err)
	defer s.Close()
	for s.Step() {
		steps = append(steps, s.ColumnText(3))
	}
	must(t, s.Err())
	return steps
}
