package salesforcetest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

var (
	clockStart = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	clockStep  = 90 * time.Second
)

// agree reports the first field in which account and contact of a person
// differ, "" if none.
func agree(c *client, account string) string {
	a := c.Record("Account", account)
	p := c.Record("Contact", a["PersonContactId"])
	for mine, theirs := range map[string]string{"LastName": "LastName", "Name": "Name", "PersonEmail": "Email", "PersonMailingCity": "MailingCity",
		"Loyalty_Tier__pc": "Loyalty_Tier__c", "Phone": "Phone", "OwnerId": "OwnerId", "LastModifiedDate": "LastModifiedDate",
		"SystemModstamp": "SystemModstamp", "IsPersonAccount": "IsPersonAccount", "Id": "AccountId", "Extra__pc": "Extra__c"} {
		if a[mine] != p[theirs] {
			return mine + ": " + a[mine] + " is not " + p[theirs]
		}
	}
	return ""
}

func TestPersonAccount(t *testing.T) {
	t.Parallel()
	clock := newClock(clockStart)
	c := newClient(t, salesforcetest.Config{PersonAccounts: true, Now: clock.now})
	c.AddField("Contact", "Extra__c", "string", 20)
	business := c.Insert("Account", map[string]any{"Name": "Acme"})
	id := c.Insert("Account", map[string]any{"FirstName": "Ada", "LastName": "Byron", "PersonEmail": "ada@example.com", "PersonMailingCity": "London",
		"Loyalty_Tier__pc": "Gold", "Phone": "555-0100"})
	contact := c.Record("Account", id)["PersonContactId"]
	for _, step := range []struct {
		name string
		do   func()
		want map[string]string // of the contact
	}{
		{"insert", func() {}, map[string]string{"Name": "Ada Byron", "Email": "ada@example.com", "IsPersonAccount": "true"}},
		{"account's side", func() {
			c.Update("Account", id, map[string]any{"PersonMailingCity": "Paris", "Loyalty_Tier__pc": nil, "Extra__pc": "x"})
		},
			map[string]string{"MailingCity": "Paris", "Loyalty_Tier__c": "", "Extra__c": "x"}},
		{"contact's side", func() { c.Update("Contact", contact, map[string]any{"LastName": "Lovelace", "Phone": "555-0101"}) }, map[string]string{"Name": "Ada Lovelace"}},
		{"account alone", func() { c.Update("Account", id, map[string]any{"Industry": "Retail"}) }, nil},
	} {
		clock.advance(clockStep)
		step.do()
		if d := agree(c, id); d != "" {
			t.Errorf("%s: %s", step.name, d)
		}
		for name, want := range step.want {
			if got := c.Record("Contact", contact)[name]; got != want {
				t.Errorf("%s: %s is %q, want %q", step.name, name, got, want)
			}
		}
	}
	if r := c.Record("Account", id); r["Name"] != "Ada Lovelace" || r["Phone"] != "555-0101" {
		t.Errorf("the account does not follow its contact: %v", r)
	}
	if r := c.Record("Account", business); r["IsPersonAccount"] != "false" || r["PersonContactId"] != "" {
		t.Errorf("the business is %v", r)
	}
	both := []string{"Account " + id, "Contact " + contact}
	c.Delete("Account", id)
	clock.advance(clockStep)
	c.Undelete("Contact", contact)
	var got []string
	for _, line := range last(told(t, c.Org)) {
		got = append(got, line[len("UNDELETE "):])
	}
	if slices.Sort(got); !slices.Equal(got, both) || c.Record("Account", id) == nil {
		t.Errorf("undeleted %v, want %v", got, both)
	}
}

// TestPersonAccountEvents follows the Change Data Capture Developer Guide,
// "Change Events for Person Accounts": a creation tells all in both events, an
// update tells the contact's fields in the contact's alone, but for the name.
func TestPersonAccountEvents(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{PersonAccounts: true})
	id := org.Insert("Account", map[string]any{"FirstName": "Ada", "LastName": "Byron", "PersonEmail": "ada@example.com", "Industry": "Retail"})
	org.Update("Account", id, map[string]any{"PersonEmail": "a@example.com", "Loyalty_Tier__pc": "Gold", "LastName": "Lovelace", "Industry": "Media"})
	org.Update("Account", id, map[string]any{"Industry": "Other"})
	b := dial(t, org)
	named := func(part string) func(body map[string]any) bool {
		return func(body map[string]any) bool {
			name, ok := body["Name"].(map[string]any)
			return ok && name["LastName"] == part
		}
	}
	want := []struct {
		entity, change string
		has, lacks     []string
		name           func(map[string]any) bool
	}{
		{"Account", "CREATE", []string{"PersonEmail", "Industry", "PersonContactId"}, nil, named("Byron")},
		{"Contact", "CREATE", []string{"Email", "AccountId"}, nil, named("Byron")},
		{"Account", "UPDATE", []string{"Industry", "LastModifiedDate"}, []string{"PersonEmail", "Loyalty_Tier__pc"}, named("Lovelace")},
		{"Contact", "UPDATE", []string{"Email", "Loyalty_Tier__c", "LastModifiedDate"}, nil, named("Lovelace")},
		{"Account", "UPDATE", []string{"Industry", "LastModifiedDate"}, []string{"Name"}, nil},
		{"Contact", "UPDATE", []string{"LastModifiedDate"}, []string{"Email", "Name"}, nil},
	}
	for i, e := range events(t, b.earliest(t, "/data/ChangeEvents", 100), len(want)) {
		header, body := b.decode(t, e)
		w := want[i]
		if header["entityName"] != w.entity || header["changeType"] != w.change || w.name != nil && !w.name(body) {
			t.Errorf("event %d: %v %v named %v, want %s %s", i, header["changeType"], header["entityName"], body["Name"], w.change, w.entity)
		}
		for _, name := range w.has {
			if body[name] == nil {
				t.Errorf("event %d lacks %s", i, name)
			}
		}
		for _, name := range w.lacks {
			if body[name] != nil {
				t.Errorf("event %d has %s: %v", i, name, body[name])
			}
		}
	}
}

func TestPersonAccountRefuses(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	if err := c.Transaction(func(tx *salesforcetest.Tx) error {
		_, err := tx.Insert("Account", map[string]any{"LastName": "Byron"})
		return err
	}); err == nil {
		t.Error("a person in an org without person accounts")
	}
	c.SetPersonAccounts(true)
	person := c.Insert("Account", map[string]any{"LastName": "Byron"})
	other := c.Insert("Account", map[string]any{"Name": "Acme"})
	for name, write := range map[string]func(tx *salesforcetest.Tx) error{
		"nameless": func(tx *salesforcetest.Tx) error {
			_, err := tx.Insert("Account", map[string]any{"Phone": "1"})
			return err
		},
		"contact moved": func(tx *salesforcetest.Tx) error {
			return tx.Update("Contact", c.Record("Account", person)["PersonContactId"], map[string]any{"AccountId": other})
		},
		"business nameless": func(tx *salesforcetest.Tx) error { return tx.Update("Account", other, map[string]any{"Name": nil}) },
	} {
		if c.Transaction(write) == nil {
			t.Errorf("%s: done", name)
		}
	}
	var described struct{ Fields []struct{ Name string } }
	c.get(data+"/sobjects/Account/describe", &described)
	if !slices.ContainsFunc(described.Fields, func(f struct{ Name string }) bool { return f.Name == "PersonMailingAddress" }) {
		t.Error("the describe lacks PersonMailingAddress")
	}
	c.SetPersonAccounts(false)
	if c.get(data+"/sobjects/Account/describe", &described); slices.ContainsFunc(described.Fields, func(f struct{ Name string }) bool { return f.Name == "LastName" }) {
		t.Error("the describe kept LastName")
	}
}

func TestMergePersons(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{PersonAccounts: true})
	winner, loser := c.Insert("Account", map[string]any{"LastName": "W"}), c.Insert("Account", map[string]any{"LastName": "L"})
	kept, lost := c.Record("Account", winner)["PersonContactId"], c.Record("Account", loser)["PersonContactId"]
	ticket := c.Insert("Case", map[string]any{"AccountId": loser, "ContactId": lost})
	c.Merge("Account", winner, loser)
	if r := c.Record("Case", ticket); r["AccountId"] != winner || r["ContactId"] != kept {
		t.Errorf("the case is %v", r)
	}
	if c.Record("Contact", lost) != nil || c.Record("Account", loser) != nil || agree(c, winner) != "" {
		t.Error("the loser has a contact left, or the winner lost its own")
	}
}

func TestPersonAccountsOutliveTheirProcess(t *testing.T) {
	t.Parallel()
	cfg := salesforcetest.Config{Dir: t.TempDir(), PersonAccounts: true}
	first := newOrg(t, cfg)
	id := first.Insert("Account", map[string]any{"LastName": "Byron", "PersonEmail": "ada@example.com"})
	first.SetInstance("TST2")
	first.HardDelete("Lead", first.Insert("Lead", map[string]any{"LastName": "Gone", "Company": "Gone"}))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, cfg)
	if d := agree(c, id); d != "" || c.Record("Account", id)["PersonEmail"] != "ada@example.com" {
		t.Errorf("after a restart: %s %v", d, c.Record("Account", id))
	}
	if n, name := c.Count("Lead"), c.query("SELECT InstanceName FROM Organization").Records[0]["InstanceName"]; n != 0 || name != "TST2" {
		t.Errorf("%d leads, instance %v", n, name)
	}
	c.Update("Account", id, map[string]any{"PersonEmail": "a@example.com"})
	if d := agree(c, id); d != "" {
		t.Error(d)
	}
}
