package sfsync_test

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// remains lists which of the values are in a file of a directory.
func remains(t *testing.T, dir string, values map[string]string) (found []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	noError(t, err)
	for _, e := range entries {
		content := read(t, filepath.Join(dir, e.Name()))
		for what, value := range values {
			if strings.Contains(content, value) {
				found = append(found, what+" in "+e.Name())
			}
		}
	}
	return found
}

// holdBack reads from a database until the returned function is called.
func holdBack(t *testing.T, path string) (release func()) {
	t.Helper()
	c, err := sqlite3.OpenFlags(path, sqlite3.OPEN_READONLY)
	noError(t, err)
	noError(t, c.Exec(`BEGIN; SELECT count(*) FROM sqlite_schema`))
	return func() { noError(t, c.Close()) }
}

// TestErasedBytesAreGone: what was held of somebody forgotten, sealed or plain, is in
// no file of the rows database. A reader of either database that holds the bytes
// back makes the forgetting fail, and its repetition finishes it.
func TestErasedBytesAreGone(t *testing.T) {
	t.Parallel()
	for _, held := range []string{"", "data/crm.db", "keys/keys.db"} {
		t.Run(strings.ReplaceAll("beside "+held, "/", " "), func(t *testing.T) {
			t.Parallel()
			org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
			r := open(t, org, dir, forgetPolicy)
			contact, _, _ := customer(org, "Ada")
			org.Update("Contact", contact, map[string]any{"LeadSource": "Partner Referral"})
			r.until("the first copy", r.equal)
			values := map[string]string{"the source": "Partner Referral"}
			for name, cell := range r.sealed("Contact", contact) {
				if cell.State == store.Value {
					values[name] = string(cell.Bytes)
				}
			}
			if found := remains(t, filepath.Join(dir, "data"), values); len(found) < len(values) {
				t.Fatalf("of %d values there are %v to begin with", len(values), found)
			}
			if held != "" {
				release := holdBack(t, filepath.Join(dir, held))
				if _, err := r.sync.Forget(t.Context(), sfsync.Who{Record: contact}, "request 7"); fault.CodeOf(err) != fault.StoreBusy {
					t.Errorf("beside a reader: %v, want %s", err, fault.StoreBusy)
				}
				release()
			}
			_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: contact}, "request 7")
			r.must(err)
			if found := remains(t, filepath.Join(dir, "data"), values); len(found) > 0 {
				t.Errorf("after the forgetting there are %v", found)
			}
			if found := remains(t, filepath.Join(dir, "keys"), map[string]string{"the record": contact}); len(found) > 0 {
				t.Errorf("after the forgetting there are %v", found)
			}
		})
	}
}

// TestForgottenCannotBeRecomputed: what the keys database keeps of a forgotten
// person names no record, nor can it be computed from one without the vault's
// key: no plain digest of a record is there, and two vaults that forget the same
// records have nothing in common. The record leads to no person again.
func TestForgottenCannotBeRecomputed(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	contact, order, inquiry := customer(org, "Ada")
	traces := map[string]string{}
	for _, id := range []string{contact, order, inquiry} {
		full, short := sha256.Sum256([]byte(id)), sha256.Sum256([]byte(id[:15]))
		traces["the record "+id] = id
		traces["the digest of "+id] = string(full[:16])
		traces["the digest of the first 15 characters of "+id] = string(short[:16])
	}
	seen := map[string]bool{}
	for range 2 {
		dir := t.TempDir()
		r := open(t, org, dir, forgetPolicy)
		r.until("the first copy", r.equal)
		_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: contact}, "request 7")
		r.must(err)
		if found := remains(t, filepath.Join(dir, "keys"), traces); len(found) > 0 {
			t.Errorf("after the forgetting there are %v", found)
		}
		stones := r.tombstones()
		if len(stones) < 4 { // of three records and a person
			t.Errorf("the forgetting left %d tombstones", len(stones))
		}
		for _, s := range stones {
			if seen[s] {
				t.Error("the tombstones of two vaults have something in common")
			}
			seen[s] = true
		}
		batch, err := r.vault.Sealer().Begin(t.Context())
		r.must(err)
		subjects, err := batch.Subjects(t.Context(), []crypto.Want{{Record: crypto.Link{Object: "Contact", Record: contact}}})
		r.must(err)
		if s := subjects[0]; !s.Forgotten() || !s.Person().IsZero() || s.Key() != 0 {
			t.Error("the record leads to a person")
		}
	}
}

// tombstones are the digests of the keys database.
func (r *rig) tombstones() []string {
	r.Helper()
	return r.column(r.keys.Path(), `SELECT digest FROM tombstone`)
}

// column is what a query of one column returns, as the file of a database has it.
func (r *rig) column(path, query string) (list []string) {
	r.Helper()
	db, err := sqlite3.OpenFlags(path, sqlite3.OPEN_READONLY)
	r.must(err)
	defer db.Close()
	s, _, err := db.Prepare(query)
	r.must(err)
	defer s.Close()
	for s.Step() {
		list = append(list, string(s.ColumnBlob(0, nil)))
	}
	r.must(s.Err())
	return list
}
