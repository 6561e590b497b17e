package sqlite_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// A disk that really is full, not SQLite's own limit.
func TestFullFileSystem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skip("only a user who may mount can fill a disk of its own; TestFullDisk has the rest")
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, 0)) })
	w := newWriter(t, filepath.Join(dir, "rows.db"))
	t.Cleanup(func() { w.Close() })
	var err error
	for i := 0; err == nil; i += 100 {
		rows := make([]store.Row, 100)
		for j := range rows {
			rows[j] = store.Row{ID: recordID(i + j), Persons: []crypto.Person{{15: 1}}, Mark: store.Live, Cells: cells(func(int) bool { return true })}
		}
		err = w.Apply(t.Context(), &store.Batch{Epoch: w.state.Epoch, Policy: 1, Objects: []store.ObjectBatch{{Object: "Contact", N: w.n, Rows: rows}}})
		if err == nil {
			w.n++
		}
	}
	sentence(t, err, fault.StoreFull)
	_, err = sqlite.OpenKeys(t.Context(), filepath.Join(dir, "keys.db"))
	sentence(t, err, fault.StoreFull)
	must(t, w.Close())
	again := newWriter(t, filepath.Join(dir, "rows.db")) // and what was reported is there
	if again.n != w.n {
		t.Errorf("%d batches, want %d", again.n, w.n)
	}
}
