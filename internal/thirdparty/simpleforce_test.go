package thirdparty_test

import (
	"errors"
	"io"
	"log"
	"testing"

	"github.com/simpleforce/simpleforce"
)

// signIn is a client signed in by SOAP login(), its only way.
func signIn(t *testing.T) *simpleforce.Client {
	t.Helper()
	log.SetOutput(io.Discard) // it logs what it asks and what it was answered
	c := simpleforce.NewClient(org.LoginURL(), simpleforce.DefaultClientID, simpleforce.DefaultAPIVersion)
	if err := c.LoginPassword(org.Username(), org.Password(), ""); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSimpleforceSignsIn(t *testing.T) {
	if c := signIn(t); c.GetLoc() != org.InstanceURL() || c.GetSid() == "" {
		t.Errorf("signed in at %s", c.GetLoc())
	}
	c := simpleforce.NewClient(org.LoginURL(), simpleforce.DefaultClientID, simpleforce.DefaultAPIVersion)
	if err := c.LoginPassword(org.Username(), "wrong", ""); err == nil {
		t.Error("signed in with a wrong password")
	}
	c.SetSidLoc("00D!expired", org.InstanceURL())
	var refused simpleforce.SalesforceError
	if _, err := c.Query("SELECT Id FROM Contact"); !errors.As(err, &refused) || refused.HttpCode != 401 || refused.ErrorCode != "INVALID_SESSION_ID" {
		t.Errorf("a dead session: %v", err)
	}
}

func TestSimpleforceQueriesAndPages(t *testing.T) {
	c := signIn(t)
	seen := map[string]bool{}
	for q := "SELECT Id, Name, Account.Name FROM Contact ORDER BY Id"; q != ""; {
		r, err := c.Query(q)
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range r.Records {
			seen[record.ID()] = true
			if record.Type() != "Contact" || record.StringField("Name") == "" || record.SObjectField("Account", "Account").StringField("Name") == "" {
				t.Fatalf("got %v", record)
			}
		}
		if q = r.NextRecordsURL; r.Done != (q == "") {
			t.Errorf("done %v with a next page %q", r.Done, q)
		}
	}
	if len(seen) < people {
		t.Errorf("%d records over all pages, want %d", len(seen), people)
	}
}

func TestSimpleforceDescribes(t *testing.T) {
	c := signIn(t)
	meta := c.SObject("Contact").Describe()
	if meta == nil || (*meta)["keyPrefix"] != "003" || len((*meta)["fields"].([]any)) < 20 {
		t.Errorf("described %v", meta)
	}
}

func TestSimpleforceWrites(t *testing.T) {
	c := signIn(t)
	made := c.SObject("Contact").Set("LastName", "Byron").Set("FirstName", "Ada").Create()
	if made == nil || org.Record("Contact", made.ID())["Name"] != "Ada Byron" {
		t.Fatalf("created %v", made)
	}
	id := made.ID()
	if c.SObject("Contact").Set("Id", id).Set("LastName", "Lovelace").Update() == nil || org.Record("Contact", id)["LastName"] != "Lovelace" {
		t.Error("not updated")
	}
	if got := c.SObject("Contact").Get(id); got == nil || got.StringField("LastName") != "Lovelace" {
		t.Errorf("got %v", got)
	}
	upserted := c.SObject("Contact").Set("ExternalIDField", "External_Id__c").Set("External_Id__c", "SF-1").Set("LastName", "New").Upsert()
	if upserted == nil || org.Record("Contact", upserted.ID())["External_Id__c"] != "SF-1" {
		t.Errorf("upserted %v", upserted)
	}
	for _, id := range []string{id, upserted.ID()} {
		if err := c.SObject("Contact").Set("Id", id).Delete(); err != nil || org.Record("Contact", id) != nil {
			t.Errorf("not deleted: %v", err)
		}
	}
	if c.SObject("Contact").Set("FirstName", "Nobody").Create() != nil {
		t.Error("created a contact without a last name")
	}
}
