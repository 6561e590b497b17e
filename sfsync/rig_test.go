package sfsync_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// patience bounds every wait for an event of the real sockets and databases.
const patience = 120 * time.Second

const shopPolicy = `
version: 1
purposes: {fulfilment: "pack, ship and bill an order", support: "answer a customer"}
objects:
  Contact:
    purpose: [fulfilment, support]
    person: [Id]
    plain: {AccountId, CreatedDate, Loyalty_Tier__c: {category: user.behavior.purchase_history}}
    personal: {FirstName, LastName, MailingStreet, MailingCity, Email: {find: email}, MobilePhone: {find: phone}, DoNotCall}
  Order:
    purpose: [fulfilment]
    person: [BillToContactId, AccountId]
    plain: {OrderNumber, Status, EffectiveDate, TotalAmount}
    personal: {BillingStreet, BillingCity, ShippingStreet: {person: [ShipToContactId]}}
  OrderItem:
    purpose: [fulfilment]
    person: [OrderId]
    plain: {OrderId, Quantity, UnitPrice, CreatedDate}
  Case:
    purpose: [support]
    person: [ContactId, AccountId]
    plain: {CaseNumber, Status, ClosedDate}
    personal: {Subject, Description, SuppliedName, SuppliedEmail: {find: email}}
`

const contactPolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Contact:
    purpose: [support]
    person: [Id]
    plain: {LeadSource: {category: user.behavior}}
    personal: {FirstName, LastName, Email, Description}
`

const casePolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Case:
    purpose: [support]
    person: [ContactId]
    plain: {Status}
    personal: {Subject, Description}
`

// newOrg starts a test org whose streams answer at once.
func newOrg(t testing.TB, cfg salesforcetest.Config) *salesforcetest.Org {
	t.Helper()
	if cfg.PubSub.KeepAlive == 0 {
		cfg.PubSub.KeepAlive = 100 * time.Millisecond
	}
	org, err := salesforcetest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { org.Close() })
	return org
}

func parse(t testing.TB, yaml string) *minimize.Policy {
	t.Helper()
	policy, err := minimize.Parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// rig is a copy of an org: databases in a directory, and the Sync over them.
type rig struct {
	testing.TB
	org    *salesforcetest.Org
	policy *minimize.Policy
	rows   *sqlite.Store
	keys   *sqlite.Keys
	vault  *crypto.Vault
	client *salesforce.Org
	sync   *sfsync.Sync
}

// open opens the copy in dir. close, also called at the end of the test, leaves
// it as a stopped process does.
func open(t testing.TB, org *salesforcetest.Org, dir, policy string) *rig {
	t.Helper()
	return openAs(t, org, org.Getenv, dir, policy)
}

// openAs is open with other settings of the environment.
func openAs(t testing.TB, org *salesforcetest.Org, getenv func(string) string, dir, policy string) *rig {
	t.Helper()
	kek, err := filekek.Open(filepath.Join(dir, "secret", "kek.json"))
	if err != nil {
		t.Fatal(err)
	}
	return openBy(t, org, getenv, dir, policy, kek)
}

// openBy is openAs with another key-encryption key.
func openBy(t testing.TB, org *salesforcetest.Org, getenv func(string) string, dir, policy string, kek tink.AEADWithContext) *rig {
	t.Helper()
	r := &rig{TB: t, org: org, policy: parse(t, policy)}
	env, err := salesforce.FromEnv(getenv)
	r.must(err)
	r.client, err = salesforce.New(env)
	r.must(err)
	r.rows, err = sqlite.Open(t.Context(), filepath.Join(dir, "data", "crm.db"))
	r.must(err)
	r.keys, err = sqlite.OpenKeys(t.Context(), filepath.Join(dir, "keys", "keys.db"))
	r.must(err)
	r.vault, err = crypto.OpenVault(t.Context(), r.keys, kek, org.OrgID())
	r.must(err)
	r.sync, err = sfsync.New(sfsync.Config{Org: r.client, Policy: r.policy, Store: r.rows, Vault: r.vault})
	r.must(err)
	t.Cleanup(func() { r.close() })
	return r
}

// use gives the Sync another vault, over these keys and this key-encryption key.
// It is to be called before a run.
func (r *rig) use(keys crypto.KeyStore, kek tink.AEADWithContext) {
	r.Helper()
	r.must(r.vault.Close())
	var err error
	r.vault, err = crypto.OpenVault(r.Context(), keys, kek, r.org.OrgID())
	r.must(err)
	r.sync, err = sfsync.New(sfsync.Config{Org: r.client, Policy: r.policy, Store: r.rows, Vault: r.vault})
	r.must(err)
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) close() error {
	if r.vault == nil {
		return nil
	}
	err := errors.Join(r.vault.Close(), r.keys.Close(), r.rows.Close(), r.client.Close())
	r.vault = nil
	return err
}

// until applies batches until the condition holds; it is checked after each.
func (r *rig) until(what string, done func() bool) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	if done() {
		return
	}
	for batch, err := range r.sync.Changes(ctx) {
		r.must(err)
		r.must(batch.Ack(ctx))
		if done() {
			return
		}
	}
	r.Fatalf("%s did not happen: %s", what, r.difference())
}

// start runs the Sync until the returned function stops it.
func (r *rig) start() (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.sync.Run(ctx) }()
	return sync.OnceValue(func() error { cancel(); return <-done })
}

// await polls a condition that another goroutine brings about.
func (r *rig) await(what string, done func() bool) {
	r.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !done(); <-tick.C {
		if time.Now().After(deadline) {
			r.Fatalf("%s did not happen: %s", what, r.difference())
		}
	}
}

// equal reports whether the copy is the org, every sealed field opened.
func (r *rig) equal() bool { return r.difference() == "" }

// anyone may open everything: the tests look behind the door.
type anyone struct{}

func (anyone) Record(context.Context, crypto.Use) error { return nil }

// difference describes the first difference between org and copy, "" if none.
func (r *rig) difference() string {
	for _, object := range r.policy.ObjectNames() {
		if d := r.differenceIn(object); d != "" {
			return d
		}
	}
	return ""
}

// differenceIn is that of one object.
func (r *rig) differenceIn(object string) string {
	opener, err := r.vault.Opener(anyone{})
	r.must(err)
	want := maps.Collect(r.org.Records(object))
	table, err := r.rows.Table(r.Context(), object)
	if err != nil {
		return object + ": " + err.Error()
	}
	seen := 0
	for row, err := range r.rows.Rows(r.Context(), object) {
		r.must(err)
		if row.Mark != store.Live {
			continue
		}
		seen++
		if row.Dirty {
			return fmt.Sprintf("%s %s is dirty", object, row.ID)
		}
		if d := r.differs(opener, table, row, want[row.ID]); d != "" {
			return d
		}
	}
	if seen != len(want) {
		return fmt.Sprintf("%s: the copy has %d live rows, the org %d", object, seen, len(want))
	}
	return ""
}

func (r *rig) differs(opener *crypto.Opener, table store.Table, row store.Row, want map[string]string) string {
	if want == nil {
		return fmt.Sprintf("%s %s is not in the org", table.Object, row.ID)
	}
	for i, cell := range row.Cells {
		name := table.Columns[i].Name
		got := string(cell.Bytes)
		if cell.State == store.Unset {
			return fmt.Sprintf("%s.%s of %s is not known", table.Object, name, row.ID)
		}
		if table.Columns[i].Sealed && cell.State == store.Value {
			text, err := reveal(opener, table, row, i)
			if err != nil {
				return fmt.Sprintf("%s.%s of %s does not open: %v", table.Object, name, row.ID, err)
			}
			got = text
		}
		if got != canonical(want[name]) {
			return fmt.Sprintf("%s.%s of %s is %q, in the org %q", table.Object, name, row.ID, got, want[name])
		}
	}
	return ""
}

// canonical takes the zeros off a decimal as the org keeps it.
func canonical(text string) string {
	if _, err := strconv.ParseFloat(text, 64); err == nil && strings.Contains(text, ".") {
		return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return text
}

func reveal(opener *crypto.Opener, table store.Table, row store.Row, i int) (string, error) {
	c := table.Columns[i]
	field := crypto.Field{Object: table.Object, Record: row.ID, Name: c.Name, Type: c.Type, Small: c.Small}
	person := row.Persons[c.Rule]
	plain, err := opener.Open(context.Background(), crypto.Use{Actor: "test", Person: person, Object: table.Object, Record: row.ID, Fields: []string{c.Name}},
		crypto.Sealed{Person: person, Field: field, Bytes: row.Cells[i].Bytes})
	if err != nil {
		return "", err
	}
	text, _ := plain[0].Reveal()
	return text, nil
}

// row returns the row of a record as it is stored.
func (r *rig) row(object, id string) store.Row {
	r.Helper()
	row, err := r.rows.Row(r.Context(), object, id)
	r.must(err)
	return row
}

// dirty lists the ids of dirty rows.
func (r *rig) dirty(object string) []string {
	r.Helper()
	list, err := r.rows.Dirty(r.Context(), object, math.MaxInt64, 1000)
	r.must(err)
	slices.Sort(list)
	return list
}
