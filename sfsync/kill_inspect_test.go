package sfsync_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// inspect looks into the databases as the kill left them. It opens copies of
// their files, so that the next process finds what a crash leaves.
func (k *killing) inspect() {
	k.Helper()
	if k.batches() == 0 {
		return
	}
	dir, err := os.MkdirTemp(k.dir, "copy")
	noError(k.T, err)
	defer os.RemoveAll(dir)
	duplicate(k, k.dir, dir)
	r := open(k, k.org, dir, shopPolicy)
	k.opens(r)
	k.verify(r)
	noError(k.T, r.close())
}

// duplicate copies the files of the databases, and shares the secrets.
func duplicate(t testing.TB, from, to string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Symlink(filepath.Join(from, "secret"), filepath.Join(to, "secret")))
	for _, name := range []string{"data/crm.db", "data/crm.db-wal", "keys/keys.db", "keys/keys.db-wal"} {
		content, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // there is no log after an orderly end
		}
		must(err)
		must(os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o700))
		must(os.WriteFile(filepath.Join(to, name), content, 0o600))
	}
}

// opens checks that each sealed value has its key: keys commit first.
func (k *killing) opens(r *rig) {
	k.Helper()
	opener, err := r.vault.Opener(anyone{})
	noError(k.T, err)
	for _, object := range r.policy.ObjectNames() {
		table, err := r.rows.Table(k.Context(), object)
		noError(k.T, err)
		for row, err := range r.rows.Rows(k.Context(), object) {
			noError(k.T, err)
			for i, cell := range row.Cells {
				if table.Columns[i].Sealed && cell.State == store.Value {
					if _, err := reveal(opener, table, row, i); err != nil {
						k.Fatalf("%s.%s of %s does not open: %v", object, table.Columns[i].Name, row.ID, err)
					}
				}
			}
		}
	}
}

// verify compares the ledger with the journal: an entry for each batch that
// was committed, once, in order, and none that was there before is missing.
func (k *killing) verify(r *rig) {
	k.Helper()
	without, with, err := audited(k.journal())
	noError(k.T, err)
	head, err := audit.Verify(k.Context(), r.rows, k.noted...)
	noError(k.T, err)
	k.noted = append(k.noted, head)
	var ledger []string
	for stored, err := range r.rows.Entries(k.Context(), 0) {
		noError(k.T, err)
		ledger = append(ledger, string(stored.Entry.Canonical()))
	}
	if !slices.Equal(ledger, without.ledger) && !slices.Equal(ledger, with.ledger) {
		k.Fatalf("the ledger has %d entries, the batches that were committed %d or %d, or others", len(ledger), len(without.ledger), len(with.ledger))
	}
}
