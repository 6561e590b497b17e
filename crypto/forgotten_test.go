package crypto_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	rowstore "github.com/sfsync/sfsync-go/sfsync/store"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

const findable = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Contact:
    purpose: [support]
    person: [Id]
    personal: {LastName: {find: exact}, Email: {find: email}}
`

// copied is a copy of an org that ends with close.
type copied struct {
	*env
	rows  *sqlite.Store
	sync  *sfsync.Sync
	close func()
}

// copy opens a copy with its rows in a directory of that name, beside the keys of e.
func (e *env) copy(org *salesforcetest.Org, rows string, change func(*crypto.Vault)) copied {
	e.Helper()
	settings, err := salesforce.FromEnv(org.Getenv)
	must(e, err)
	client, err := salesforce.New(settings)
	must(e, err)
	policy, err := minimize.Parse([]byte(findable))
	must(e, err)
	c := copied{env: e}
	c.rows, err = sqlite.Open(e.Context(), filepath.Join(e.dir, rows, "crm.db"))
	must(e, err)
	e.vault = openVault(e, e.keys, e.kek, org.OrgID())
	change(e.vault)
	c.sync, err = sfsync.New(sfsync.Config{Org: client, Policy: policy, Store: c.rows, Vault: e.vault})
	must(e, err)
	c.close = func() { must(e, errors.Join(e.vault.Close(), c.rows.Close(), client.Close())) }
	return c
}

// kept checks of which of two contacts something is kept.
func (c copied) kept(why, ada, ben string) {
	c.Helper()
	must(c, c.sync.CatchUp(c.Context()))
	for id, want := range map[string]rowstore.Mark{ada: rowstore.Suppressed, ben: rowstore.Live} {
		row, err := c.rows.Row(c.Context(), "Contact", id)
		holds := slices.ContainsFunc(row.Cells, func(cell rowstore.Cell) bool { return cell.State != rowstore.Unset })
		if err != nil || row.Mark != want || holds != (want == rowstore.Live) {
			c.Errorf("%s, %s has the mark %v and values %v, want the mark %v: %v", why, id, row.Mark, holds, want, err)
		}
	}
	if got := c.find(crypto.ExactIndex, "Ada"); got != "" {
		c.Errorf("%s, the forgotten is found in %q", why, got)
	}
	if got := c.find(crypto.EmailIndex, "ben@example.com"); got == "" {
		c.Errorf("%s, the other person is not found", why)
	}
}

// A person without e-mail, forgotten, stays forgotten after the index key and the
// rules that values are found by have changed, in a copy that is made from nothing.
func TestForgottenWithoutEmail(t *testing.T) {
	t.Parallel()
	org, err := salesforcetest.New(salesforcetest.Config{})
	must(t, err)
	defer org.Close()
	ada := org.Insert("Contact", map[string]any{"LastName": "Ada"})
	ben := org.Insert("Contact", map[string]any{"LastName": "Ben", "Email": "ben@example.com"})
	e := &env{TB: t, dir: t.TempDir()}
	e.keys = openKeys(t, filepath.Join(e.dir, "keys"))
	e.kek = fileKEK(t, filepath.Join(e.dir, "kek", "kek.json"))

	c := e.copy(org, "rows", func(*crypto.Vault) {})
	must(t, c.sync.CatchUp(t.Context()))
	if c.find(crypto.ExactIndex, "Ada") == "" {
		t.Fatal("before, nobody is found")
	}
	_, err = c.sync.Forget(t.Context(), sfsync.Who{Record: ada}, "request 7")
	must(t, err)
	c.kept("at once", ada, ben)
	for _, by := range []minimize.Find{minimize.FindExact, minimize.FindEmail} {
		must(t, c.sync.Reindex(t.Context(), by, "the key is old"))
		must(t, c.vault.DropIndex(t.Context(), crypto.IndexType(by)))
	}
	c.kept("under other index keys", ada, ben)
	c.close()

	newer := func(v *crypto.Vault) { crypto.AddNormaliser(v, crypto.EmailIndex, withoutDots) }
	c = e.copy(org, "rows", newer)
	c.kept("by newer rules", ada, ben)
	c.close()
	c = e.copy(org, "from nothing", newer)
	c.kept("in a copy from nothing", ada, ben)
	if got := c.find(crypto.EmailIndex, "b.en@example.com"); got == "" {
		t.Error("the newer rules are not in use")
	}
	c.close()
}
