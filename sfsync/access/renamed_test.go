package access_test

import (
	"bytes"
	"maps"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/access"
)

// What was sealed before its field and its object were renamed opens and is found
// after, by the new names, without a byte of it being written anew.
func TestRenamed(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	must(t, c.vault.EnsureIndex(t.Context(), crypto.EmailIndex))
	id, person := c.contact(11, "ben@example.com", "ben@example.com")
	before := c.cell(ada)

	renamed, client := *policy, policy.Objects["Contact"]
	client.Was, client.Personal = []string{"Contact"}, maps.Clone(client.Personal)
	delete(client.Personal, "Email")
	client.Personal["Work_Email__c"] = minimize.Field{Find: minimize.FindEmail, Was: []string{"Email"}}
	renamed.Version, renamed.Objects = 8, map[string]minimize.Object{"Client__c": client}
	guard, err := access.New(access.Config{Vault: c.vault, Reader: c.rows, Ledger: c.rows, Policy: &renamed,
		Grants: []access.Grant{{Actor: "helpdesk", Purposes: []string{"support"}, Objects: map[string][]string{"Client__c": {"Work_Email__c", "LastName"}}}}})
	must(t, err)
	r := ask("Work_Email__c", "LastName")
	r.Object = "Client__c"
	got, err := guard.Reveal(t.Context(), r)
	must(t, err)
	for field, want := range map[string]string{"Work_Email__c": "ada@example.com", "LastName": "Lovelace"} {
		if text, ok := got.Get(field); !ok || text != want {
			t.Errorf("%s is %q, %v, want %q", field, text, ok, want)
		}
	}
	hits, err := guard.Find(t.Context(), helpdesk, minimize.FindEmail, "ben@example.com")
	must(t, err)
	if len(hits) != 1 || hits[0] != (access.Hit{Object: "Client__c", Record: id, Field: "Work_Email__c", Person: person}) {
		t.Errorf("found %+v", hits)
	}
	if !bytes.Equal(c.cell(ada), before) {
		t.Error("the value was written anew")
	}
	for _, old := range []access.Request{ask("Email"), {Actor: "helpdesk", Purpose: "support", Reason: "r", Object: "Client__c", Record: ada, Fields: []string{"Email"}}} {
		if _, err := guard.Reveal(t.Context(), old); err == nil {
			t.Errorf("%s.Email opens by its former name", old.Object)
		}
	}
}

// cell is the sealed e-mail of a contact, as it is stored.
func (c *copied) cell(id string) []byte {
	c.Helper()
	row, err := c.rows.Row(c.Context(), "Contact", id)
	must(c, err)
	return row.Cells[0].Bytes
}
