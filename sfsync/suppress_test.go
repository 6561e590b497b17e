package sfsync_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

const fallbackPolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Account:
    purpose: [support]
    person: [Id]
    personal: {Name}
  Contact:
    purpose: [support]
    person: [Id]
    personal: {LastName, Email}
  Case:
    purpose: [support]
    person: [ContactId, AccountId]
    plain: {Status}
    personal: {Subject}
`

// TestSuppressedWithoutLift: no change of its references brings a record of a
// forgotten person back, but one that makes it another person's.
func TestSuppressedWithoutLift(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, fallbackPolicy)
	account := org.Insert("Account", map[string]any{"Name": "Acme"})
	ada := org.Insert("Contact", map[string]any{"LastName": "Ada", "AccountId": account})
	grace := org.Insert("Contact", map[string]any{"LastName": "Grace"})
	inquiry := func(contact any) string {
		return org.Insert("Case", map[string]any{"ContactId": contact, "AccountId": account, "Status": "New", "Subject": "mine"})
	}
	before, corrected, former := inquiry(ada), inquiry(ada), inquiry(nil)
	r.until("the first copy", r.equal)
	_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: ada}, "request 7")
	r.must(err)
	later := inquiry(ada)
	org.Update("Case", former, map[string]any{"ContactId": ada})
	r.must(r.sync.CatchUp(t.Context()))
	away := func(when string, ids ...string) {
		t.Helper()
		for _, id := range ids {
			if d := r.suppressed("Case", id, 0); d != "" {
				t.Errorf("%s: %s", when, d)
			}
		}
		if d := r.suppressed("Contact", ada, 0); d != "" {
			t.Errorf("%s: %s", when, d)
		}
	}
	away("after the forgetting", before, corrected, former, later)

	for _, id := range []string{before, former, later} {
		org.Update("Case", id, map[string]any{"ContactId": nil})
	}
	org.Update("Case", corrected, map[string]any{"ContactId": grace})
	r.must(r.sync.CatchUp(t.Context()))
	away("without the contact", before, former, later)
	if !r.whole("Case", corrected) || r.row("Case", corrected).Persons[0] != r.row("Contact", grace).Persons[0] {
		t.Error("a case that is another contact's now is not that contact's")
	}
	r.must(r.close())

	// A later policy takes contacts for their accounts' persons.
	const rule = "  Contact:\n    purpose: [support]\n    person: ["
	r = open(t, org, dir, strings.NewReplacer("version: 1", "version: 2", rule+"Id]", rule+"AccountId]").Replace(fallbackPolicy))
	r.must(r.sync.CatchUp(t.Context()))
	away("under a later policy", before, former, later)
	if _, err := r.sync.Lift(t.Context(), later, "a mistake"); err != nil {
		t.Error("a record that came later does not lift the forgetting:", err)
	}
}

// TestFormerPersonForgotten: what was sealed for a record while it was its own
// person does not open once it turns out to be about somebody forgotten.
func TestFormerPersonForgotten(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, forgetPolicy)
	contact, _, _ := customer(org, "Ada")
	order := org.Insert("Order", map[string]any{"Status": "Draft", "EffectiveDate": "2026-01-02", "BillingCity": "Berlin"})
	r.until("the first copy", r.equal)
	row := r.row("Order", order)
	_, err := r.sync.Forget(t.Context(), sfsync.Who{Record: contact}, "request 7")
	r.must(err)
	org.Update("Order", order, map[string]any{"BillToContactId": contact})
	r.must(r.sync.CatchUp(t.Context()))
	if d := r.suppressed("Order", order, 1); d != "" {
		t.Error(d)
	}
	opener, err := r.vault.Opener(anyone{})
	r.must(err)
	table, err := r.rows.Table(t.Context(), "Order")
	r.must(err)
	for i, cell := range row.Cells {
		if table.Columns[i].Sealed && cell.State == store.Value {
			if _, err := reveal(opener, table, row, i); fault.CodeOf(err) != fault.Forgotten {
				t.Errorf("an old sealed value: %v", err)
			}
		}
	}
}

// TestForgetNobody: a person that nobody knows is not forgotten, and one that
// was is forgotten already.
func TestForgetNobody(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), forgetPolicy)
	contact, _, _ := customer(org, "Ada")
	r.until("the first copy", r.equal)
	nobody, ada := sfsync.Who{Person: crypto.Person{1}}, sfsync.Who{Person: r.row("Contact", contact).Persons[0]}
	head, err := audit.Verify(t.Context(), r.rows)
	r.must(err)
	if receipt, err := r.sync.Forget(t.Context(), nobody, "nobody"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("nobody was forgotten: %+v, %v", receipt, err)
	}
	if _, err := r.sync.Renew(t.Context(), nobody, "nobody"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("nobody was given another key: %v", err)
	}
	if buried, _, err := r.rows.Buried(t.Context()); err != nil || len(buried) != 0 {
		t.Errorf("%d persons are buried, %v", len(buried), err)
	}
	if now, err := audit.Verify(t.Context(), r.rows); err != nil || now != head {
		t.Errorf("the ledger has an entry for nobody, %v", err)
	}
	_, err = r.sync.Forget(t.Context(), ada, "request 7")
	r.must(err)
	if receipt, err := r.sync.Forget(t.Context(), ada, "request 7"); err != nil || receipt.Persons != 0 || receipt.At.IsZero() {
		t.Errorf("forgotten twice: %+v, %v", receipt, err)
	}
	if _, err := r.sync.Renew(t.Context(), ada, "too late"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("somebody forgotten was given another key: %v", err)
	}
}

// overtaken are keys in which something happens just before somebody is forgotten.
type overtaken struct {
	indexedKeys
	first func()
}

func (k *overtaken) Forget(ctx context.Context, persons []crypto.Person, mint crypto.Mint) ([]crypto.Person, error) {
	if first := k.first; first != nil {
		k.first = nil
		first()
	}
	return k.indexedKeys.Forget(ctx, persons, mint)
}

// TestForgetTakesLateAlias: who becomes one with the person after the rows were
// told whom to bury is buried and erased too.
func TestForgetTakesLateAlias(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, forgetPolicy)
	contact, _, _ := customer(org, "Ada")
	order := org.Insert("Order", map[string]any{"Status": "Draft", "EffectiveDate": "2026-01-02", "BillingCity": "Berlin"})
	r.until("the first copy", r.equal)
	alias := r.row("Order", order).Persons[0]

	kek, err := filekek.Open(filepath.Join(dir, "secret", "kek.json"))
	r.must(err)
	vault, err := crypto.OpenVault(t.Context(), &overtaken{r.keys, func() {
		batch, err := r.vault.Sealer().Begin(t.Context())
		r.must(err)
		_, err = batch.Subjects(t.Context(), []crypto.Want{{Record: crypto.Link{Object: "Order", Record: order}, Owner: crypto.Link{Object: "Contact", Record: contact}}})
		r.must(err)
	}}, kek, org.OrgID())
	r.must(err)
	defer vault.Close()
	s, err := sfsync.New(sfsync.Config{Org: r.client, Policy: r.policy, Store: r.rows, Vault: vault})
	r.must(err)
	receipt, err := s.Forget(t.Context(), sfsync.Who{Record: contact}, "request 7")
	r.must(err)
	if receipt.Persons != 2 {
		t.Errorf("the receipt counts %d persons, want 2", receipt.Persons)
	}
	buried, left, err := r.rows.Buried(t.Context())
	if err != nil || len(buried) != 2 || len(left) != 0 {
		t.Errorf("%d are buried and %d not done with, %v", len(buried), len(left), err)
	}
	for row, err := range r.rows.Rows(t.Context(), "Order") {
		r.must(err)
		if len(row.Persons) > 0 && row.Persons[0] == alias || row.ID == order && row.Mark != store.Suppressed {
			t.Error("the row of the late alias is left")
		}
	}
}

// TestLiftOfHalfAForgetting: what was begun is finished first, so that the rows
// are read again.
func TestLiftOfHalfAForgetting(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	r := open(t, org, t.TempDir(), forgetPolicy)
	contact, _, _ := customer(org, "Ada")
	r.until("the first copy", r.equal)
	persons, err := r.vault.Persons(t.Context(), crypto.Person{}, contact)
	r.must(err)
	r.must(r.rows.Bury(t.Context(), persons, audit.Entry{Time: time.Now(), Kind: audit.KindForget}))
	_, err = r.vault.Forget(t.Context(), persons...)
	r.must(err)
	_, err = r.sync.Lift(t.Context(), contact, "a mistake")
	r.must(err)
	if _, left, err := r.rows.Buried(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("%d persons are not done with: %v", len(left), err)
	}
	r.until("the person to be back", r.equal)
}
