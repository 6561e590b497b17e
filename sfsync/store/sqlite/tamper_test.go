package sqlite_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// dial opens the file without this package.
func dial(t *testing.T, path string) *sqlite3.Conn {
	t.Helper()
	c, err := sqlite3.Open(path)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestLedgerNamesWhatWasChangedInTheFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, sql string
		bad       int64
	}{
		{"untouched", ``, 0},
		{"a member changed", `UPDATE ledger SET entry = replace(entry, '"count":300', '"count":301')`, 300},
		{"a member added", `UPDATE ledger SET entry = replace(entry, '"count":300', '"count":300,"extra":1')`, 300},
		{"a space added", `UPDATE ledger SET entry = entry || ' ' WHERE seq = 300`, 300},
		{"a hash changed", `UPDATE ledger SET hash = zeroblob(32) WHERE seq = 300`, 300},
		{"one removed", `DELETE FROM ledger WHERE seq = 300`, 300},
		{"one removed and the rest moved up", `DELETE FROM ledger WHERE seq = 300; UPDATE ledger SET seq = seq - 1 WHERE seq > 300`, 300},
		{"the first removed", `DELETE FROM ledger WHERE seq = 1`, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "rows.db")
			s := open(t, path)
			defer s.Close()
			entries := make([]audit.Entry, 600)
			for i := range entries {
				entries[i] = audit.Entry{Kind: audit.KindBatch, Count: i + 1}
			}
			must(t, s.Append(t.Context(), entries...))
			must(t, dial(t, path).Exec(`DROP TRIGGER ledger_kept; DROP TRIGGER ledger_fixed; `+c.sql))

			head, err := audit.Verify(t.Context(), s)
			if c.bad == 0 {
				must(t, err)
				return
			}
			var f *fault.Error
			if !errors.As(err, &f) || f.Code() != fault.LedgerBroken || head.Seq != c.bad-1 {
				t.Fatalf("head %d, %v", head.Seq, err)
			}
			if line, _ := f.Position(); int64(line) != c.bad {
				t.Errorf("the fault is at %d, want %d", line, c.bad)
			}
		})
	}
}

func TestLedgerIsNotChangedByAccident(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rows.db")
	s := open(t, path)
	defer s.Close()
	must(t, s.Append(t.Context(), audit.Entry{Kind: audit.KindStart}))
	for _, sql := range []string{`DELETE FROM ledger`, `UPDATE ledger SET entry = ''`} {
		if dial(t, path).Exec(sql) == nil {
			t.Errorf("%s went through", sql)
		}
	}
}

func TestForgottenPersonsStayAway(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rows.db")
	w := newWriter(t, path)
	dead, alive := crypto.Person{15: 1}, crypto.Person{15: 2}
	must(t, dial(t, path).Exec(`INSERT INTO tombstone (person) VALUES (x'00000000000000000000000000000001')`))
	apply := func(person crypto.Person, mark store.Mark, id int) error {
		rows := []store.Row{{ID: recordID(id), Persons: []crypto.Person{person}, Mark: mark}}
		err := w.Apply(t.Context(), &store.Batch{Epoch: w.state.Epoch, Policy: 1, Objects: []store.ObjectBatch{{Object: "Contact", N: w.n, Rows: rows}}})
		if err == nil {
			w.n++
		}
		return err
	}
	if err := apply(dead, store.Live, 1); !errors.Is(err, fault.Forgotten) {
		t.Errorf("a row of a forgotten person: %v", err)
	}
	if err := apply(dead, store.Suppressed, 1); err != nil {
		t.Errorf("the mark that keeps it away: %v", err)
	}
	if err := apply(alive, store.Live, 2); err != nil {
		t.Errorf("a row of somebody else: %v", err)
	}
}
