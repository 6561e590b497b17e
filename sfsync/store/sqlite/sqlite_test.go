package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/store"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
	"github.com/sfsync/sfsync-go/sfsync/store/storetest"
)

var (
	_ store.Store    = (*sqlite.Store)(nil)
	_ store.Reader   = (*sqlite.Store)(nil)
	_ audit.Appender = (*sqlite.Store)(nil)
	_ audit.Log      = (*sqlite.Store)(nil)
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Open {
		path := filepath.Join(t.TempDir(), "data", "crm.db")
		return func(t *testing.T) storetest.DB { return open(t, path) }
	})
}

func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
