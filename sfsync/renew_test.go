package sfsync_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// TestRenew: every row of the person comes under the new key, and nobody else's.
func TestRenew(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, forgetPolicy)
	contact, order, inquiry := customer(org, "Ada")
	other, otherOrder, _ := customer(org, "Grace")
	stop := r.start()
	defer stop()
	r.await("the first copy", r.equal)
	mine := [][2]string{{"Contact", contact}, {"Order", order}, {"Case", inquiry}}
	before := r.row("Contact", contact).Key
	untouched := r.row("Contact", other)

	rows, err := r.sync.Renew(t.Context(), sfsync.Who{Record: order}, "a laptop was lost")
	r.must(err)
	if rows != 3 {
		t.Errorf("%d rows are read again, want 3", rows)
	}
	r.await("the rows under the new key", func() bool {
		key := r.row("Contact", contact).Key
		for _, at := range mine {
			if row := r.row(at[0], at[1]); row.Dirty || row.Key != key || row.Key == before {
				return false
			}
		}
		return true
	})
	if d := r.difference(); d != "" {
		t.Error(d)
	}
	if now := r.row("Contact", other); now.Key != untouched.Key || now.Seq != untouched.Seq || r.row("Order", otherOrder).Dirty {
		t.Error("another person's row was read too")
	}

	_, err = r.sync.Renew(t.Context(), sfsync.Who{Record: "003000000000099"}, "nobody")
	if fault.CodeOf(err) != fault.NotFound {
		t.Errorf("renewing nobody: %v, want %s", err, fault.NotFound)
	}
	if _, err = r.sync.Renew(t.Context(), sfsync.Who{Record: contact}, ""); fault.CodeOf(err) != fault.ConfigInvalid {
		t.Errorf("without a reason: %v, want %s", err, fault.ConfigInvalid)
	}
}

// TestRenewBesideBatch: what was sealed under the key from before does not
// commit after the renewal, not even in rows that are new.
func TestRenewBesideBatch(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), forgetPolicy)
	contact, _, _ := customer(org, "Ada")
	r.until("the first copy", r.equal)
	before := r.row("Contact", contact).Key
	later := org.Insert("Case", map[string]any{"ContactId": contact, "Status": "New", "Subject": "new"})
	r.next(store.OpCreate, func(b *sfsync.Batch) {
		_, err := r.sync.Renew(t.Context(), sfsync.Who{Record: contact}, "a laptop was lost")
		r.must(err)
		if err := b.Ack(t.Context()); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("a batch made before the renewal: %v, want %s", err, fault.Conflict)
		}
	})
	r.until("the rows under the new key", r.equal)
	if key := r.row("Case", later).Key; key == before {
		t.Error("the new row is under the key from before")
	}
}

// TestDestroyRetired: a key from before goes once nothing is under it, not sooner.
func TestDestroyRetired(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, forgetPolicy)
	contact, _, _ := customer(org, "Ada")
	r.until("the first copy", r.equal)
	before := r.row("Contact", contact)
	person := before.Persons[0]
	_, err := r.sync.Renew(t.Context(), sfsync.Who{Record: contact}, "a laptop was lost")
	r.must(err)
	destroyed := func(want int) {
		t.Helper()
		if n, err := r.sync.DestroyRetired(t.Context(), "after the laptop"); n != want || err != nil {
			t.Errorf("%d keys were destroyed, %v; want %d", n, err, want)
		}
	}
	generations := func() []crypto.PersonKey {
		h, err := r.keys.Keys(t.Context(), []crypto.Person{person}, nil)
		r.must(err)
		return h[0].Keys
	}

	r.until("the rows under the new key", func() bool { return r.row("Contact", contact).Key != before.Key && r.equal() })
	destroyed(0) // a batch that is under way may still seal by it
	db, err := sqlite3.Open(r.keys.Path())
	r.must(err)
	t.Cleanup(func() { db.Close() })
	r.must(db.Exec(`UPDATE person_key SET retired = retired - 7200`))
	retired := generations()[0]
	if retired.Retired == 0 || retired.Destroyed != 0 {
		t.Errorf("a key from before has the dates %d, %d and %d", retired.Created, retired.Retired, retired.Destroyed)
	}
	_, err = r.sync.Renew(t.Context(), sfsync.Who{Record: contact}, "another")
	r.must(err)
	r.must(db.Exec(`UPDATE person_key SET retired = retired - 7200`))
	destroyed(1) // but not the second, which all rows are still under
	all := generations()
	if all[0].Destroyed == 0 || len(all[0].Wrapped) > 0 || all[1].Retired == 0 || all[1].Destroyed != 0 || all[2].Retired != 0 {
		t.Errorf("the keys are %+v", all)
	}
	opener, err := r.vault.Opener(anyone{})
	r.must(err)
	table, err := r.rows.Table(t.Context(), "Contact")
	r.must(err)
	for i, cell := range before.Cells {
		if table.Columns[i].Sealed && cell.State == store.Value {
			if _, err := reveal(opener, table, before, i); fault.CodeOf(err) != fault.KeyMissing {
				t.Errorf("a value under the destroyed key: %v, want %s", err, fault.KeyMissing)
			}
			if _, err := reveal(opener, table, r.row("Contact", contact), i); err != nil {
				t.Errorf("a value under the second key: %v", err)
			}
		}
	}
	r.must(r.vault.RotateBranch(t.Context())) // a destroyed key is in no one's way
	for _, err := range r.vault.RewrapKeys(t.Context()) {
		r.must(err)
	}
	r.must(r.vault.DestroyBranch(t.Context(), 1))
	r.until("the rows under the third key", func() bool { return r.row("Contact", contact).Key == all[2].ID && r.equal() })
	second := generations()[1]
	release := holdBack(t, r.keys.Path())
	if _, err := r.sync.DestroyRetired(t.Context(), "after the laptop"); fault.CodeOf(err) != fault.StoreBusy {
		t.Errorf("beside a reader: %v, want %s", err, fault.StoreBusy)
	}
	release()
	destroyed(0) // none is left, but their bytes are
	files, err := filepath.Glob(r.keys.Path() + "*")
	r.must(err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		r.must(err)
		if bytes.Contains(b, retired.Wrapped) || bytes.Contains(b, second.Wrapped) {
			t.Error("a destroyed key is in the files")
		}
	}
}

// TestReceiptWhileRotating: while two branch keysets may be open, another process
// goes on with a key for two minutes.
func TestReceiptWhileRotating(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), forgetPolicy)
	none := sfsync.Horizon{KeyBackups: sfsync.None, RowBackups: sfsync.None, Consumers: sfsync.None}
	r.through(sfsync.Config{Horizon: none}, nil)
	r.must(r.sync.CatchUp(t.Context()))
	for _, want := range []time.Duration{time.Minute, 2 * time.Minute, 2 * time.Minute} {
		contact, _, _ := customer(org, "Ada")
		r.must(r.sync.CatchUp(t.Context()))
		receipt, err := r.sync.Forget(t.Context(), sfsync.Who{Record: contact}, "request 7")
		r.must(err)
		if left := receipt.ResidualUntil.Sub(receipt.At); left != want {
			t.Errorf("a key may be in a memory for %v, want %v", left, want)
		}
		keysets, err := r.vault.Keysets(t.Context())
		r.must(err)
		if len(keysets) == 2 { // that of the tombstones and one of a branch
			r.must(r.vault.RotateBranch(t.Context()))
			continue
		}
		for _, err := range r.vault.RewrapKeys(t.Context()) {
			r.must(err)
		}
		r.must(r.vault.DestroyBranch(t.Context(), 1))
	}
}
