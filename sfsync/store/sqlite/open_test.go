package sqlite_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		code fault.Code
	}{
		{"text", func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Repeat("Dear diary, ", 1000)), 0o600))
		}, fault.StoreDamaged},
		{"another program's database", func(t *testing.T, path string) { must(t, dial(t, path).Exec(`CREATE TABLE bookmarks (url)`)) }, fault.StoreDamaged},
		{"the keys database", func(t *testing.T, path string) {
			k, err := sqlite.OpenKeys(t.Context(), path)
			must(t, err)
			must(t, k.Close())
		}, fault.ConfigInvalid},
		{"a newer release's", func(t *testing.T, path string) {
			must(t, open(t, path).Close())
			must(t, dial(t, path).Exec(`PRAGMA user_version = 99`))
		}, fault.StoreNewer},
		{"a directory", func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) }, fault.ConfigInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "rows.db")
			c.make(t, path)
			before, _ := os.ReadFile(path)
			_, err := sqlite.Open(t.Context(), path)
			sentence(t, err, c.code)
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
	t.Run("an empty path", func(t *testing.T) {
		_, err := sqlite.Open(t.Context(), "")
		sentence(t, err, fault.ConfigInvalid)
	})
	t.Run("a path below a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		must(t, os.WriteFile(path, nil, 0o600))
		_, err := sqlite.Open(t.Context(), filepath.Join(path, "rows.db"))
		sentence(t, err, fault.ConfigInvalid)
	})
	t.Run("the rows database as keys", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "rows.db")
		must(t, open(t, path).Close())
		_, err := sqlite.OpenKeys(t.Context(), path)
		sentence(t, err, fault.ConfigInvalid)
	})
}

// sentence checks the code, and that the error tells what to do and no path.
func sentence(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if !errors.Is(err, code) {
		t.Fatalf("got %v, want %v", err, code)
	}
	if text := err.Error(); !strings.Contains(text, ";") || strings.Contains(text, os.TempDir()) {
		t.Errorf("%q does not tell what to do, or tells the path", text)
	}
}

func TestOpenMakesFilesOfTheOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "data")
	w := newWriter(t, filepath.Join(dir, "file:rows +&%41.db?mode=memory#1"))
	w.write(t, nil)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
	n := 0
	for path := range files(t, dir) {
		n++
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", filepath.Base(path), info.Mode(), err)
		}
	}
	if n != 4 { // the database, its log and index, the writer lock
		t.Errorf("%d files", n)
	}
}

// What does not fit on the disk is refused whole; with space again, the same
// batch goes through.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rows.db")
	w := newWriter(t, path)
	w.fill(t, 0, perBatch, cells(func(int) bool { return true }))
	must(t, w.Limit(250))
	rows := make([]store.Row, perBatch)
	for i := range rows {
		rows[i] = store.Row{ID: recordID(perBatch + i), Mark: store.Live, Cells: cells(func(int) bool { return true })}
	}
	batch := store.Batch{Epoch: w.state.Epoch, Policy: 1, Topic: "/data/x", Next: "1", Entries: []audit.Entry{{Kind: audit.KindBatch}},
		Objects: []store.ObjectBatch{{Object: "Contact", N: w.n, Rows: rows}}}
	sentence(t, w.Apply(t.Context(), &batch), fault.StoreFull)
	if head, err := audit.Verify(t.Context(), w); err != nil || head.Seq != 0 {
		t.Errorf("the ledger has %d entries, %v", head.Seq, err)
	}
	must(t, w.Limit(1<<30))
	must(t, w.Apply(t.Context(), &batch))
	n := 0
	for _, err := range w.Rows(t.Context(), "Contact") {
		must(t, err)
		n++
	}
	if n != 2*perBatch {
		t.Errorf("%d rows", n)
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rows.db")
	w := newWriter(t, path)
	w.fill(t, 0, perBatch, cells(func(int) bool { return true }))
	must(t, w.Close())
	info, err := os.Stat(path)
	must(t, err)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	for at := int64(8192); at < info.Size(); at += 4096 {
		_, err := f.WriteAt([]byte("\xff\xff\xff\xff\xff\xff\xff\xff"), at)
		must(t, err)
	}
	must(t, f.Close())
	s, err := sqlite.Open(t.Context(), path)
	if err == nil {
		defer s.Close()
		_, err = s.Prepare(t.Context(), wide())
	}
	sentence(t, err, fault.StoreDamaged)
}

func TestClosed(t *testing.T) {
	t.Parallel()
	w := newWriter(t, filepath.Join(t.TempDir(), "rows.db"))
	must(t, w.Close())
	must(t, w.Close())
	_, err := w.Table(t.Context(), "Contact")
	sentence(t, err, fault.StoreFailed)
	sentence(t, w.Append(t.Context()), fault.StoreFailed)
}

// Another program reads the copy beside a running writer.
func TestShell(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("there is no sqlite3 program to read the database with")
	}
	path := filepath.Join(t.TempDir(), "rows.db")
	w := newWriter(t, path)
	w.fill(t, 0, perBatch, cells(func(i int) bool { return i != 1 }))
	out, err := exec.CommandContext(t.Context(), shell, "-readonly", path,
		`SELECT count(*), F0__c, F1__c IS NULL, typeof(F5__c), length(F5__c), hex(_person) FROM sf_contact WHERE _mark = 1 AND _dirty = 0; PRAGMA integrity_check`).CombinedOutput()
	must(t, err)
	if want := "1000|2026-01-02T15:04:05.000Z|1|blob|65|00000000000000000000000000000001\nok\n"; string(out) != want {
		t.Errorf("got %s", out)
	}
}

// Databases have been made by each step, so a change of the tables is a step of its
// own. A new step belongs into this list.
func TestStepsStay(t *testing.T) {
	t.Parallel()
	steps, err := filepath.Glob("*_0*.sql")
	must(t, err)
	got := map[string]string{}
	for _, step := range steps {
		text, err := os.ReadFile(step)
		must(t, err)
		got[step] = fmt.Sprintf("%.4x", sha256.Sum256(text))
	}
	want := map[string]string{
		"keys_0001.sql": "08359995", "keys_0002.sql": "d96f8e26", "keys_0003.sql": "e684ce74", "keys_0004.sql": "1eeeb3a7", "keys_0005.sql": "f5b36add",
		"rows_0001.sql": "5eee4a5a", "rows_0002.sql": "883a5768", "rows_0003.sql": "949d2beb", "rows_0004.sql": "781cdd44", "rows_0005.sql": "ade367a2",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("steps differ (-want +got):\n%s", d)
	}
}

// A keys database of each step is brought up to date, with what it holds.
func TestOpenKeysMigrates(t *testing.T) {
	t.Parallel()
	steps, err := filepath.Glob("keys_0*.sql")
	must(t, err)
	for version := 1; version < len(steps); version++ {
		path := filepath.Join(t.TempDir(), "keys.db")
		old := dial(t, path)
		for _, step := range steps[:version] {
			text, err := os.ReadFile(step)
			must(t, err)
			must(t, old.Exec(string(text)))
		}
		must(t, old.Exec(fmt.Sprintf(`PRAGMA application_id = 0x73667302; PRAGMA user_version = %d;
			INSERT INTO root (one, org) VALUES (1, '00DDp000000J5TeMAK');
			INSERT INTO link VALUES ('003000000000001AAA', 'Contact', x'01000000000000000000000000000000', 1);
			INSERT INTO person_key (person, generation, id, branch, wrapped, seals, created, record)
				VALUES (x'01000000000000000000000000000000', 1, 7, 1, x'00', 0, 1700000000, '003000000000001AAA')`, version)))
		must(t, old.Close())
		keys, err := sqlite.OpenKeys(t.Context(), path)
		must(t, err)
		holders, err := keys.Keys(t.Context(), []crypto.Person{{1}}, nil)
		must(t, err)
		if len(holders[0].Keys) != 1 || holders[0].Keys[0].ID != 7 {
			t.Errorf("from step %d: got %+v", version, holders)
		}
		moves, err := keys.Moved(t.Context(), "Contact", 1)
		must(t, err)
		if len(moves) != 0 {
			t.Errorf("from step %d: got %+v", version, moves)
		}
		must(t, keys.Close())
	}
}

// A database of the first release is brought up to date when it is opened.
func TestOpenMigrates(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rows.db")
	old := dial(t, path)
	first, err := os.ReadFile("rows_0001.sql")
	must(t, err)
	must(t, old.Exec(string(first)+`PRAGMA application_id = 0x73667301; PRAGMA user_version = 1;
		INSERT INTO object VALUES ('Contact', '', '[""]', 5, 0, 1700000000);
		CREATE TABLE sf_contact (Id TEXT NOT NULL PRIMARY KEY, _person BLOB, _key INTEGER NOT NULL, _base INTEGER NOT NULL, _evented INTEGER NOT NULL,
			_dirty INTEGER NOT NULL, _mark INTEGER NOT NULL, _seq INTEGER NOT NULL) STRICT`))
	must(t, old.Close())
	s := open(t, path)
	defer s.Close()
	state, err := s.Prepare(t.Context(), store.Schema{Org: "00DDp000000J5TeMAK", Policy: 1, Tables: []store.Table{{Object: "Contact", Rules: []string{""}}}})
	must(t, err)
	if got := state.Objects["Contact"]; got.Caught != 1_700_000_000 || got.Reconciled != 0 {
		t.Errorf("got %+v", got)
	}
}
