package sfsync_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// behind counts the ledger entries which say that the keys were put back.
func (r *rig) behind() (n int) {
	r.Helper()
	for e, err := range r.rows.Entries(r.Context(), 0) {
		r.must(err)
		if e.Entry.Kind == audit.KindFault && e.Entry.Code == string(fault.KeyMissing) {
			n++
		}
	}
	return n
}

// TestKeysBehind: a keys database that was put back lacks what was made since the
// backup: the key of somebody new, an index entry of somebody known. The next
// session notices and reads everything again, once, though no record has changed;
// also where the backup lacks no more than the last batch.
func TestKeysBehind(t *testing.T) {
	t.Parallel()
	for what, lost := range map[string]func(*salesforcetest.Org){
		"somebody new": func(org *salesforcetest.Org) {
			org.Insert("Contact", map[string]any{"LastName": "Lovelace", "Email": "ada@example.com"})
		},
		"an address": func(org *salesforcetest.Org) {
			id := slices.Sorted(maps.Keys(maps.Collect(org.Records("Contact"))))[0]
			org.Update("Contact", id, map[string]any{"Email": "ada@example.com"})
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			var ago atomic.Int64 // so that no read is owed because a stamp is too young to be trusted
			ago.Store(int64(time.Hour))
			org, dir := newOrg(t, salesforcetest.Config{Records: 20, Now: func() time.Time { return time.Now().Add(-time.Duration(ago.Load())) }}), t.TempDir()
			ago.Store(0)
			r := open(t, org, dir, findPolicy)
			r.copied()
			r.must(r.close())
			saved := t.TempDir()
			r.must(os.CopyFS(saved, os.DirFS(filepath.Join(dir, "keys"))))

			ago.Store(int64(time.Hour))
			lost(org)
			ago.Store(0)
			r = open(t, org, dir, findPolicy)
			r.copied()
			if n := len(r.places(crypto.EmailIndex, "ada@example.com")); n != 1 || r.behind() != 0 {
				t.Fatalf("found %d times before anything was put back, %d entries in the ledger", n, r.behind())
			}
			r.must(r.close())

			r.must(os.RemoveAll(filepath.Join(dir, "keys")))
			r.must(os.CopyFS(filepath.Join(dir, "keys"), os.DirFS(saved)))
			r = open(t, org, dir, findPolicy)
			if n := len(r.places(crypto.EmailIndex, "ada@example.com")); n != 0 {
				t.Fatal("the backup lacks nothing")
			}
			for range 2 { // the second has nothing to do
				r.must(r.sync.CatchUp(t.Context()))
				if d := r.difference(); d != "" {
					t.Error(d)
				}
				if n := len(r.places(crypto.EmailIndex, "ada@example.com")); n != 1 {
					t.Errorf("found %d times", n)
				}
				if n := r.behind(); n != 1 {
					t.Errorf("the ledger says %d times that the keys are older", n)
				}
			}
		})
	}
}
