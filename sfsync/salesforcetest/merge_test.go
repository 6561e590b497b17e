package salesforcetest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// told is what the event bus told of an org so far, as lines such as
// "DELETE Contact 003…", transactions apart by a line "--".
func told(t *testing.T, org *salesforcetest.Org) []string {
	t.Helper()
	org.Insert("Lead", map[string]any{"LastName": "End", "Company": "End of the events"})
	b := dial(t, org)
	s := b.earliest(t, "/data/ChangeEvents", 100)
	var lines []string
	for key := any(nil); ; {
		for _, e := range receive(t, s).Events {
			header, body := b.decode(t, e)
			if body["Company"] == "End of the events" {
				return lines
			}
			if key != nil && key != header["transactionKey"] {
				lines = append(lines, "--")
			}
			key = header["transactionKey"]
			for _, id := range list(header["recordIds"]) {
				lines = append(lines, header["changeType"].(string)+" "+header["entityName"].(string)+" "+id)
			}
		}
	}
}

// last is the lines of the last transaction.
func last(lines []string) []string {
	for i := len(lines) - 1; i >= 0; i-- {
		if lines[i] == "--" {
			return lines[i+1:]
		}
	}
	return lines
}

func TestMerge(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	account := func(name string) string { return c.Insert("Account", map[string]any{"Name": name}) }
	winner, loser, other := account("Winner"), account("Loser"), account("Other")
	contact := c.Insert("Contact", map[string]any{"LastName": "Child", "AccountId": loser})
	bystander := c.Insert("Contact", map[string]any{"LastName": "Bystander", "AccountId": other})
	ticket := c.Insert("Case", map[string]any{"AccountId": loser, "ContactId": contact})
	order := c.Insert("Order", map[string]any{"AccountId": loser, "EffectiveDate": "2026-01-01", "Status": "Draft"})
	gone := c.Insert("Case", map[string]any{"AccountId": loser})
	c.Delete("Case", gone)
	c.Merge("Account", winner, loser)

	for object, id := range map[string]string{"Contact": contact, "Case": ticket, "Order": order} {
		if got := c.Record(object, id)["AccountId"]; got != winner {
			t.Errorf("%s: AccountId %s, want the winner", object, got)
		}
	}
	if c.Record("Account", loser) != nil || c.Record("Contact", bystander)["AccountId"] != other {
		t.Error("the loser stayed, or a bystander moved")
	}
	var p page
	c.get(data+"/queryAll?q=SELECT+MasterRecordId,IsDeleted+FROM+Account+WHERE+Id='"+loser+"'", &p)
	if p.Records[0]["MasterRecordId"] != winner || p.Records[0]["IsDeleted"] != true {
		t.Errorf("the loser is %v", p.Records[0])
	}
	got := last(told(t, c.Org))
	want := []string{"DELETE Account " + loser, "UPDATE Case " + ticket, "UPDATE Contact " + contact, "UPDATE Order " + order}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("one transaction told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	c.Undelete("Account", loser)
	if r := c.Record("Account", loser); r == nil || r["MasterRecordId"] != "" || c.Record("Case", ticket)["AccountId"] != winner {
		t.Errorf("undeleted: %v; its children stay where the merge moved them", r)
	}
}

func TestMergeRefused(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{PersonAccounts: true})
	a, person := c.Insert("Account", map[string]any{"Name": "A"}), c.Insert("Account", map[string]any{"LastName": "P"})
	order := c.Insert("Order", map[string]any{"EffectiveDate": "2026-01-01", "Status": "Draft"})
	for name, merge := range map[string][3]string{
		"not mergeable":       {"Order", order, order},
		"with itself":         {"Account", a, a},
		"person and business": {"Account", a, person},
		"gone":                {"Account", a, "0015e0000000zzzAAA"},
		"a person's contact":  {"Contact", c.Record("Account", person)["PersonContactId"], c.Insert("Contact", map[string]any{"LastName": "C"})},
	} {
		if err := c.Transaction(func(tx *salesforcetest.Tx) error { return tx.Merge(merge[0], merge[1], merge[2]) }); err == nil {
			t.Errorf("%s: merged", name)
		}
	}
}

func TestConvert(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	lead := c.Insert("Lead", map[string]any{"LastName": "Byron", "FirstName": "Ada", "Company": "Engines", "Email": "ada@example.com", "City": "London"})
	account, contact := c.Convert(lead)
	if r := c.Record("Account", account); r["Name"] != "Engines" || r["BillingCity"] != "London" {
		t.Errorf("account %v", r)
	}
	if r := c.Record("Contact", contact); r["Name"] != "Ada Byron" || r["AccountId"] != account || r["Email"] != "ada@example.com" {
		t.Errorf("contact %v", r)
	}
	r := c.Record("Lead", lead)
	if r["IsConverted"] != "true" || r["ConvertedAccountId"] != account || r["ConvertedContactId"] != contact || r["ConvertedDate"] == "" ||
		r["Status"] != "Closed - Converted" {
		t.Errorf("lead %v", r)
	}
	want := []string{"CREATE Account " + account, "CREATE Contact " + contact, "UPDATE Lead " + lead}
	if got := last(told(t, c.Org)); !slices.Equal(got, want) {
		t.Errorf("one transaction told %v, want %v", got, want)
	}
	status, _, body := c.do("PATCH", data+"/sobjects/Lead/"+lead, map[string]any{"City": "Paris"})
	if status != 400 || !strings.Contains(string(body), "CANNOT_UPDATE_CONVERTED_LEAD") {
		t.Errorf("a converted lead was written: %d %s", status, body)
	}
}

func TestUndeleteBringsParts(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{Records: 1})
	var order string
	for order = range c.Records("Order") {
	}
	c.Delete("Order", order)
	if n := c.Count("OrderItem"); n != 0 {
		t.Fatalf("%d items outlive their order", n)
	}
	c.Undelete("Order", order)
	if n := c.Count("OrderItem"); n != 2 {
		t.Errorf("%d items came back, want 2", n)
	}
}

func TestSilent(t *testing.T) {
	t.Parallel()
	clock := newClock(clockStart)
	c := newClient(t, salesforcetest.Config{Now: clock.now})
	id := c.Insert("Contact", map[string]any{"LastName": "A", "Title": "B"})
	before := c.Record("Contact", id)
	clock.advance(clockStep)
	c.SilentUnstamped("Contact", id, map[string]any{"Title": "C"})
	if r := c.Record("Contact", id); r["Title"] != "C" || r["SystemModstamp"] != before["SystemModstamp"] {
		t.Errorf("unstamped: %v", r)
	}
	c.Silent("Contact", id, map[string]any{"Title": nil})
	if r := c.Record("Contact", id); r["Title"] != "" || r["SystemModstamp"] == before["SystemModstamp"] || r["LastModifiedDate"] != before["LastModifiedDate"] {
		t.Errorf("silent: %v", r)
	}
	first, second := c.Insert("Contact", map[string]any{"LastName": "D"}), c.Insert("Contact", map[string]any{"LastName": "E"})
	c.HardDelete("Contact", first)
	c.SetHardDeleteEvents(true)
	c.HardDelete("Contact", second)
	want := []string{"CREATE Contact " + id, "--", "CREATE Contact " + first, "--", "CREATE Contact " + second, "--", "DELETE Contact " + second}
	if got := told(t, c.Org); !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
	var p page
	if c.get(data+"/queryAll?q=SELECT+Id+FROM+Contact", &p); p.TotalSize != 1 {
		t.Errorf("queryAll finds %d, want the one that was not deleted hard", p.TotalSize)
	}
}
