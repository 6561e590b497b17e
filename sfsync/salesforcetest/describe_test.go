package salesforcetest_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// sharedData is the directory of real captures beside the checkout.
func sharedData(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	data := filepath.Join(dir, "..", "shared", "data")
	if _, err := os.Stat(data); err != nil {
		t.Skip("the captures are not beside this checkout: ../shared/data is absent")
	}
	return data
}

func TestCapturedDescribes(t *testing.T) {
	t.Parallel()
	rest := filepath.Join(sharedData(t), "captured-rest")
	c := newClient(t, salesforcetest.Config{Describes: os.DirFS(rest), Records: 10})
	for _, object := range []string{"Account", "Case", "Contact", "Custom__c", "Event", "Lead", "Opportunity", "OpportunityContactRole"} {
		raw, err := os.ReadFile(filepath.Join(rest, object+"_describe.json"))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, body := c.do("GET", data+"/sobjects/"+object+"/describe", nil); !bytes.Equal(body, raw) {
			t.Errorf("the describe of %s is not the captured one", object)
		}
	}
	id := c.Insert("Account", map[string]any{"Name": "Real", "BillingCity": "Springfield"})
	p := c.query("SELECT Name, BillingCity, BillingAddress FROM Account WHERE Id = '" + id + "'")
	if len(p.Records) != 1 || p.Records[0]["BillingCity"] != "Springfield" {
		t.Errorf("got %v", p.Records)
	}
	if c.Count("Account") != 11 || c.Count("Contact") != 10 {
		t.Errorf("%d accounts and %d contacts", c.Count("Account"), c.Count("Contact"))
	}
}

type description struct {
	Name   string
	Fields []struct {
		Name, Type, SoapType string
		CompoundFieldName    *string
		Length               int
		Permissionable       bool
	}
	URLs map[string]string
}

func (d description) names() (names []string) {
	for _, f := range d.Fields {
		names = append(names, f.Name)
	}
	return names
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{Records: 1})
	describe := func(object string) (d description) {
		c.get(data+"/sobjects/"+object+"/describe", &d)
		return d
	}
	contact := describe("contact")
	names := contact.names()
	for _, name := range []string{"Id", "IsDeleted", "Email", "MailingAddress", "MailingCity", "Loyalty_Tier__c", "OwnerId", "CreatedDate", "SystemModstamp"} {
		if !slices.Contains(names, name) {
			t.Errorf("Contact has no %s", name)
		}
	}
	for _, f := range contact.Fields {
		switch {
		case f.Name == "MailingCity" && (f.CompoundFieldName == nil || *f.CompoundFieldName != "MailingAddress" || f.Length != 40):
			t.Errorf("got %+v", f)
		case f.Name == "MailingAddress" && (f.Type != "address" || f.SoapType != "urn:address"):
			t.Errorf("got %+v", f)
		case f.Name == "LastName" && f.Permissionable:
			t.Errorf("got %+v", f)
		}
	}
	c.HideField("Contact", "Email")
	if slices.Contains(describe("Contact").names(), "Email") {
		t.Error("a hidden field is described")
	}
	c.ShowField("Contact", "Email")
	c.AddField("Contact", "Nickname__c", "string", 20)
	if !slices.Contains(describe("Contact").names(), "Nickname__c") {
		t.Error("an added field is not described")
	}
	id := c.query("SELECT Id FROM Contact").Records[0]["Id"].(string)
	c.Update("Contact", id, map[string]any{"Nickname__c": "Ace"})
	if p := c.query("SELECT Nickname__c FROM Contact"); p.Records[0]["Nickname__c"] != "Ace" {
		t.Errorf("got %v", p.Records)
	}
	c.DropField("Contact", "Fax")
	c.Update("Contact", id, map[string]any{"Email": nil})
	if got := c.Record("Contact", id); got["Nickname__c"] != "Ace" || got["LastName"] == "" || got["Email"] != "" {
		t.Errorf("after a field was dropped: %v", got)
	}
	if status, _, _ := c.do("GET", data+"/query?q=SELECT+Fax+FROM+Contact", nil); status != 400 {
		t.Errorf("a dropped field is read: %d", status)
	}
}

func TestGlobalDescribe(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	c.DenyObject("Lead")
	var global struct {
		Sobjects []struct{ Name, KeyPrefix string }
	}
	c.get(data+"/sobjects", &global)
	prefixes := map[string]string{}
	for _, o := range global.Sobjects {
		prefixes[o.Name] = o.KeyPrefix
	}
	if prefixes["Contact"] != "003" || prefixes["OrderItem"] != "802" || prefixes["Lead"] != "" || prefixes["PlatformEventChannelMember"] != "" {
		t.Errorf("got %v", prefixes)
	}
}

func TestDescribesMustParse(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"no json": "{", "no fields": `{"name":"X"}`} {
		files := fstest.MapFS{"X_describe.json": &fstest.MapFile{Data: []byte(text)}}
		if org, err := salesforcetest.New(salesforcetest.Config{Describes: files}); err == nil {
			org.Close()
			t.Errorf("%s: no error", name)
		}
	}
}

// The queries by which a client learns what it may see.
func TestSetupQueries(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{Selected: []string{"Contact", "Case"}})
	c.HideField("Contact", "Phone")
	c.SetViewAll("Case", false)
	org := c.query("SELECT Id, InstanceName, IsSandbox FROM Organization")
	if len(org.Records) != 1 || org.Records[0]["Id"] != c.OrgID() || org.Records[0]["IsSandbox"] != true {
		t.Errorf("got %v", org.Records)
	}
	assigned := c.query("SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = '" + c.UserID() + "' AND PermissionSet.IsOwnedByProfile = false")
	if len(assigned.Records) != 1 {
		t.Fatalf("got %v", assigned.Records)
	}
	set := assigned.Records[0]["PermissionSetId"].(string)
	objects := c.query("SELECT SobjectType, PermissionsRead, PermissionsViewAllRecords FROM ObjectPermissions WHERE ParentId = '" + set + "' AND SobjectType IN ('Case','Contact') ORDER BY SobjectType")
	if len(objects.Records) != 2 || objects.Records[0]["PermissionsViewAllRecords"] != false || objects.Records[1]["PermissionsViewAllRecords"] != true {
		t.Errorf("got %v", objects.Records)
	}
	fields := c.query("SELECT Field FROM FieldPermissions WHERE SobjectType = 'Contact' AND PermissionsRead = true")
	raw, _ := json.Marshal(fields.Records)
	if text := string(raw); !strings.Contains(text, `"Contact.Email"`) || strings.Contains(text, `"Contact.Phone"`) || strings.Contains(text, `"Contact.LastName"`) {
		t.Errorf("got %s", text)
	}
	var members page
	c.get(data+"/tooling/query?q=SELECT+SelectedEntity,EventChannel+FROM+PlatformEventChannelMember+ORDER+BY+SelectedEntity", &members)
	if len(members.Records) != 2 || members.Records[0]["SelectedEntity"] != "CaseChangeEvent" || members.Records[1]["SelectedEntity"] != "ContactChangeEvent" {
		t.Errorf("got %v", members.Records)
	}
}
