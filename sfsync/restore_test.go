package sfsync_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// headFile keeps the head of the forget log in a file.
type headFile string

func (f headFile) Save(_ context.Context, head crypto.ForgetHead) error {
	return os.WriteFile(string(f), []byte(head.String()), 0o600)
}

func (f headFile) Last(context.Context) (crypto.ForgetHead, error) {
	line, err := os.ReadFile(string(f))
	if err != nil {
		return crypto.ForgetHead{}, nil
	}
	return crypto.ParseForgetHead(string(line))
}

// restoring is a copy whose databases are put back from backups.
type restoring struct {
	*rig
	dir   string
	heads sfsync.ForgetHeads
	past  atomic.Bool // the org's clock is an hour late
}

func newRestoring(t *testing.T) *restoring {
	b := &restoring{dir: t.TempDir()}
	org := newOrg(t, salesforcetest.Config{Now: func() time.Time {
		if b.past.Load() {
			return time.Now().Add(-time.Hour)
		}
		return time.Now()
	}})
	b.rig = &rig{TB: t, org: org}
	b.reopen()
	return b
}

// customer inserts one an hour ago, so that no read is owed because a stamp is
// too young to be trusted.
func (b *restoring) customer(name string) (contact, order, inquiry string) {
	b.past.Store(true)
	defer b.past.Store(false)
	return customer(b.org, name)
}

// reopen opens the copy, after it was closed.
func (b *restoring) reopen() {
	b.Helper()
	b.rig = open(b.TB, b.org, b.dir, forgetPolicy)
	var err error
	b.sync, err = sfsync.New(sfsync.Config{Org: b.client, Policy: b.policy, Store: b.rows, Vault: b.vault, ForgetHeads: b.heads})
	b.must(err)
}

// backup copies the databases and goes on.
func (b *restoring) backup() (restore func(databases ...string)) {
	b.Helper()
	b.must(b.close())
	saved := b.TempDir()
	b.must(os.CopyFS(saved, os.DirFS(b.dir)))
	b.reopen()
	return func(databases ...string) {
		b.Helper()
		b.must(b.close())
		for _, d := range databases {
			b.must(os.RemoveAll(filepath.Join(b.dir, d)))
			b.must(os.CopyFS(filepath.Join(b.dir, d), os.DirFS(filepath.Join(saved, d))))
		}
		b.reopen()
	}
}

func (b *restoring) forget(record string) sfsync.Receipt {
	b.Helper()
	receipt, err := b.sync.Forget(b.Context(), sfsync.Who{Record: record}, "request 7")
	b.must(err)
	return receipt
}

func (b *restoring) refused(what string, want fault.Code) {
	b.Helper()
	if err := b.sync.CatchUp(b.Context()); fault.CodeOf(err) != want {
		b.Errorf("%s: %v, want %s", what, err, want)
	}
	if _, err := b.sync.Forget(b.Context(), sfsync.Who{Person: crypto.Person{1}}, "request 8"); fault.CodeOf(err) != want {
		b.Errorf("%s: forgetting: %v, want %s", what, err, want)
	}
}

// agreed checks that both databases have the same log.
func (b *restoring) agreed(length int64) {
	b.Helper()
	rows, err := b.rows.ForgetHead(b.Context())
	b.must(err)
	keys, err := b.keys.ForgetHead(b.Context())
	b.must(err)
	if rows != keys || keys.Seq != length {
		b.Errorf("the rows have %d entries and the keys %d, want %d, the same", rows.Seq, keys.Seq, length)
	}
}

func TestRowsPutBack(t *testing.T) {
	t.Parallel()
	b := newRestoring(t)
	contact, order, inquiry := b.customer("Ada")
	other, _, _ := b.customer("Grace")
	b.copied() // so that no read is owed that would heal by chance
	restore := b.backup()
	b.forget(contact)
	restore("data")
	if b.row("Contact", contact).Mark != store.Live {
		t.Fatal("the backup has no row of the person")
	}
	b.must(b.sync.CatchUp(t.Context()))
	if d := b.away(contact, order, inquiry); d != "" {
		t.Error(d)
	}
	if !b.whole("Contact", other) {
		t.Error("the other person is not whole")
	}
	b.agreed(1)
}

func TestKeysPutBack(t *testing.T) {
	t.Parallel()
	b := newRestoring(t)
	b.must(b.sync.CatchUp(t.Context()))
	before := b.backup() // anybody was copied
	contact, order, inquiry := b.customer("Ada")
	other, _, _ := b.customer("Grace")
	b.copied() // so that no read is owed that would heal by chance
	row := b.row("Contact", contact)
	after := b.backup()
	b.forget(contact)
	for what, restore := range map[string]func(...string){"with the person": after, "from before the person": before} {
		restore("keys")
		if gone, err := b.vault.Buried(t.Context(), crypto.Person{}, contact); err != nil || gone {
			t.Fatalf("%s: the backup knows that the person was forgotten, %v", what, err)
		}
		b.must(b.sync.CatchUp(t.Context()))
		if keyed, err := b.vault.Keyed(t.Context(), row.Persons); err != nil || len(keyed) != 0 {
			t.Errorf("%s: the person has a key, %v", what, err)
		}
		for _, record := range []string{contact, order, inquiry} {
			if gone, err := b.vault.Buried(t.Context(), crypto.Person{}, record); err != nil || !gone {
				t.Errorf("%s: a record of the person has no tombstone, %v", what, err)
			}
		}
		b.org.Update("Contact", contact, map[string]any{"LastName": "again"})
		b.org.Update("Case", inquiry, map[string]any{"ContactId": nil})
		b.until("the other person to be whole", func() bool { return b.whole("Contact", other) && b.away(contact, order, inquiry) == "" })
		b.agreed(1)
	}
}

func TestBothPutBack(t *testing.T) {
	t.Parallel()
	b := newRestoring(t)
	head := headFile(filepath.Join(b.dir, "head"))
	b.heads = head
	b.must(b.close())
	b.reopen()
	contact, order, inquiry := b.customer("Ada")
	other, _, _ := b.customer("Grace")
	b.copied() // so that no read is owed that would heal by chance
	restore := b.backup()
	if !b.forget(contact).Exported {
		t.Error("the receipt does not say that the head was exported")
	}
	saved := read(t, string(head))
	restore("data", "keys")
	b.refused("both from before the forgetting", fault.ForgetLost)
	if read(t, string(head)) != saved {
		t.Error("the saved head was replaced")
	}

	// As the fault says: forget again, then remove the saved head.
	b.heads = nil
	b.must(b.close())
	b.reopen()
	b.forget(other)
	b.forget(contact)
	b.heads = head
	b.must(b.close())
	b.reopen()
	b.refused("forgotten again, with the head of another past", fault.Tampered)
	b.must(os.Remove(string(head)))
	b.must(b.sync.CatchUp(t.Context()))
	if d := b.away(contact, order, inquiry); d != "" {
		t.Error(d)
	}
	if now := read(t, string(head)); now == saved || !strings.Contains(now, "/1 2 ") {
		t.Error("the head was not saved anew")
	}
}

// TestBothPutBackUnnoticed states what nothing here can notice.
func TestBothPutBackUnnoticed(t *testing.T) {
	t.Parallel()
	b := newRestoring(t)
	contact, order, inquiry := b.customer("Ada")
	b.copied() // so that no read is owed that would heal by chance
	restore := b.backup()
	if b.forget(contact).Exported {
		t.Error("the receipt says that a head was exported")
	}
	restore("data", "keys")
	b.must(b.sync.CatchUp(t.Context()))
	if !b.equal() {
		t.Error("the copy is not as it was:", b.difference())
	}
	b.forget(contact)
	b.must(b.sync.CatchUp(t.Context()))
	if d := b.away(contact, order, inquiry); d != "" {
		t.Error(d)
	}
}

// TestLiftedPutBack: a lifting is made up for as a forgetting is.
func TestLiftedPutBack(t *testing.T) {
	t.Parallel()
	b := newRestoring(t)
	contact, _, _ := b.customer("Ada")
	b.copied() // so that no read is owed that would heal by chance
	first := b.backup()
	b.forget(contact)
	forgotten := b.backup()
	_, err := b.sync.Lift(t.Context(), contact, "a mistake")
	b.must(err)
	b.until("the person to be back", b.equal)
	for what, restore := range map[string]func(...string){"before": first, "the forgetting": forgotten} {
		restore("data")
		b.until("the person to be back in rows from "+what, b.equal)
		b.agreed(2)
	}
	for what, restore := range map[string]func(...string){"before": first, "the forgetting": forgotten} {
		restore("keys")
		b.must(b.sync.CatchUp(t.Context()))
		if gone, err := b.vault.Buried(t.Context(), crypto.Person{}, contact); err != nil || gone {
			t.Errorf("keys from %s: the person is still forgotten, %v", what, err)
		}
		b.agreed(2)
	}
}

// TestForgetLogsApart: logs that are no continuation of each other, or were
// changed, stop everything.
func TestForgetLogsApart(t *testing.T) {
	t.Parallel()
	b := newRestoring(t)
	ada, _, _ := b.customer("Ada")
	grace, _, _ := b.customer("Grace")
	b.copied() // so that no read is owed that would heal by chance
	restore := b.backup()
	b.forget(ada)
	newer := b.backup()
	restore("data", "keys")
	b.forget(grace)
	newer("data")
	b.refused("two pasts", fault.Tampered)

	for what, sql := range map[string]string{
		"a changed entry": `UPDATE forget_log SET entry = CAST(substr(entry, 1, length(entry) - 1) || x'00' AS BLOB)`,
		"a changed mac":   `UPDATE forget_log SET mac = zeroblob(32)`,
		"no entry at all": `UPDATE forget_log SET entry = x'01'`,
		"an entry moved":  `UPDATE forget_log SET seq = 2`,
	} {
		newer("data", "keys")
		db, err := sqlite3.Open(b.rows.Path())
		b.must(err)
		b.must(db.Exec(sql))
		b.must(db.Close())
		b.refused(what, fault.Tampered)
	}
}

// TestLateAliasAfterCrash: whom the keys took and the rows were not told of, the
// log tells.
func TestLateAliasAfterCrash(t *testing.T) {
	t.Parallel()
	b := newRestoring(t)
	contact, _, _ := b.customer("Ada")
	order := b.org.Insert("Order", map[string]any{"Status": "Draft", "EffectiveDate": "2026-01-02", "BillingCity": "Berlin"})
	b.copied() // so that no read is owed that would heal by chance
	persons, err := b.vault.Persons(t.Context(), crypto.Person{}, contact)
	b.must(err)
	b.must(b.rows.Bury(t.Context(), persons, audit.Entry{Time: time.Now(), Kind: audit.KindForget}))
	batch, err := b.vault.Sealer().Begin(t.Context())
	b.must(err)
	_, err = batch.Subjects(t.Context(), []crypto.Want{{Record: crypto.Link{Object: "Order", Record: order}, Owner: crypto.Link{Object: "Contact", Record: contact}}})
	b.must(err)
	_, err = b.vault.Forget(t.Context(), persons...)
	b.must(err)
	b.must(b.close())
	b.reopen()
	b.must(b.sync.CatchUp(t.Context()))
	if d := b.suppressed("Order", order, 1); d != "" {
		t.Error(d)
	}
	if buried, left, err := b.rows.Buried(t.Context()); err != nil || len(buried) != 2 || len(left) != 0 {
		t.Errorf("%d are buried and %d not done with, %v", len(buried), len(left), err)
	}
}
