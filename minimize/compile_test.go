package minimize_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

const contactFields = `
	AccountId reference to=Account
	OwnerId reference to=Group,User
	Guide__c reference to=Contact,Pet__c
	LastName string in=Name
	FirstName string in=Name
	Name string
	MailingStreet textarea in=MailingAddress
	MailingCity string in=MailingAddress
	MailingPostalCode string in=MailingAddress
	MailingAddress address
	Shop__c location
	Shop__Latitude__s double in=Shop__c digits=18.15
	Email email
	MobilePhone phone
	Loyalty_Tier__c picklist
	Health__c textarea
	Birthdate date
	CreatedDate datetime
	LastModifiedDate datetime
	Photo__c base64
	HasOptedOutOfEmail boolean`

func TestCompileShop(t *testing.T) {
	p, err := minimize.Parse([]byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	table, err := p.Compile("Contact", describe("Contact", contactFields))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := table.SOQL(), "SELECT Id, SystemModstamp, AccountId, CreatedDate, Email, FirstName, LastModifiedDate, LastName, Loyalty_Tier__c, MailingCity, MailingPostalCode, MailingStreet, MobilePhone FROM Contact"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got, want := fmt.Sprint(table.Unlisted()), "[Birthdate Guide__c HasOptedOutOfEmail Health__c OwnerId Photo__c Shop__Latitude__s]"; got != want {
		t.Errorf("unlisted %s, want %s", got, want)
	}
	both := []string{"fulfilment", "support"}
	want := []minimize.Column{
		{Name: "Email", Source: "Email", Type: minimize.Text, Class: minimize.Personal, Category: "user.contact.email", Purposes: both, Find: minimize.FindEmail},
		{Name: "FirstName", Source: "FirstName", Type: minimize.Text, Class: minimize.Personal, Category: "user.name.first", Purposes: both},
		{Name: "LastModifiedDate", Source: "LastModifiedDate", Type: minimize.DateTime, Class: minimize.Plain, Category: "system.operations", Purposes: both},
	}
	if diff := cmp.Diff(want, table.Columns()[2:5]); diff != "" {
		t.Error(diff)
	}
	if got := table.Columns()[table.Retained()].Source; got != "LastModifiedDate" {
		t.Error("retention counts from", got)
	}
	if diff := cmp.Diff([][]int{{}}, table.Rules()); diff != "" {
		t.Error(diff)
	}
}

func TestCompileRules(t *testing.T) {
	table := compile(t, "Contact", `
was: [Kunde, Person]
person: [Guide__c, AccountId, Id]
plain: {AccountId}
coarse: {Birthdate}
personal:
  Email:
  Health__c: {category: user.health_and_medical, person: [Id], was: [Ailment__c]}
  LastName: {person: [AccountId], conceal: true}
  FirstName: {person: [Guide__c, AccountId]}`, contactFields)
	if diff := cmp.Diff([][]int{{0, 1}, {}, {1}}, table.Rules()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]minimize.Reference{{Name: "Guide__c", Objects: []string{"Contact", "Pet__c"}}, {Name: "AccountId", Objects: []string{"Account"}}}, table.References()); diff != "" {
		t.Error(diff)
	}
	var got []string
	for _, c := range table.Columns() {
		got = append(got, fmt.Sprint(c.Name, " ", c.Source, " ", c.Type, " ", c.Class, " ", c.Rule, " ", c.Conceal))
	}
	want := []string{
		"AccountId AccountId id plain 0 false",
		"Ailment__c Health__c text personal 1 true",
		"Birthdate Birthdate text coarse 0 false",
		"Email Email text personal 0 false",
		"FirstName FirstName text personal 0 false",
		"LastName LastName text personal 2 true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := strings.Join(table.SelectList(), " "); got != "Id SystemModstamp AccountId Health__c Birthdate Email FirstName LastName Guide__c" {
		t.Error(got)
	}
	if table.Object() != "Contact" || table.StableName() != "Kunde" || table.Retained() != -1 {
		t.Error(table.Object(), table.StableName(), table.Retained())
	}
	for _, c := range []struct {
		reference  int
		id, object string
	}{
		{0, "003Dp00000JJkkHIAT", "Contact"}, {0, "a01Dp00000JJkkHIAT", "Pet__c"}, {0, "001Dp00000JJkkHIAT", ""}, {0, "", ""},
		{1, "001Dp00000JJkkHIAT", "Account"},
	} {
		if got := table.ReferenceObject(c.reference, c.id); got != c.object {
			t.Errorf("reference %d to %q: %q, want %q", c.reference, c.id, got, c.object)
		}
	}
}

// TestCompileRetention: a date that is kept only because retention counts from it
// serves the purposes of the fields it is kept with.
func TestCompileRetention(t *testing.T) {
	p, err := minimize.Parse([]byte("version: 1\npurposes: {billing: send bills, support: answer}\nobjects:\n  Contact:\n    retention: {days: 3, from: CreatedDate}\n" +
		"    person: [Id]\n    plain: {AccountId: {purpose: [support]}}\n    personal: {Email: {purpose: [billing]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := p.Compile("Contact", describe("Contact", contactFields))
	if err != nil {
		t.Fatal(err)
	}
	if c := table.Columns()[table.Retained()]; c.Source != "CreatedDate" || c.Class != minimize.Plain || fmt.Sprint(c.Purposes) != "[billing support]" {
		t.Errorf("%+v", c)
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, c := range []struct {
		name, settings string
		code           fault.Code
		fields, says   string
	}{
		{"fields lost", "person: [Owner__c]\nretention: {days: 3, from: CreatedDate}\nplain: {A__c: {category: user.behavior}}\npersonal: {Email, Title: {person: [B__c]}}", fault.FieldLost, "A__c B__c Owner__c Title", "restore"},
		{"compound told by the describe", "plain: {Shop__c: {category: user.location}}", fault.PolicyInvalid, "Shop__c", "parts"},
		{"type that cannot be kept", "plain: {Photo__c: {category: user.content.self_image}}", fault.PolicyInvalid, "Photo__c", "type"},
		{"person that is no reference", "person: [LastName]\nplain: [CreatedDate]", fault.PolicyInvalid, "LastName", "lookup"},
		{"coarse text", "coarse: [LastName]", fault.PolicyInvalid, "LastName", "coarse"},
		{"findable date", "person: [Id]\npersonal: {Birthdate: {find: phone}}", fault.PolicyInvalid, "Birthdate", "only text"},
		{"retention from a text", "retention: {days: 3, from: LastName}\nplain: [LastName]", fault.PolicyInvalid, "LastName", "no date"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := policy(t, "Contact", c.settings).Compile("Contact", describe("Contact", contactFields))
			var e *fault.Error
			if !errors.As(err, &e) || e.Code() != c.code || strings.Join(e.Fields(), " ") != c.fields || e.Object() != "Contact" {
				t.Fatalf("%v; want %s of %s", err, c.code, c.fields)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want it to say %q", err, c.says)
			}
		})
	}
	p := policy(t, "Contact", "plain: [CreatedDate]")
	for name, c := range map[string]struct {
		object, answer string
		code           fault.Code
	}{
		"not JSON":       {"Contact", `{"name":`, fault.ResponseInvalid},
		"an error":       {"Contact", `[{"errorCode":"NOT_FOUND"}]`, fault.ResponseInvalid},
		"another object": {"Contact", `{"name":"Account","fields":[]}`, fault.PolicyInvalid},
		"not listed":     {"Account", `{"name":"Account","fields":[]}`, fault.ConfigInvalid},
	} {
		if _, err := p.Compile(c.object, []byte(c.answer)); !errors.Is(err, c.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := new(minimize.Policy).Compile("Contact", nil); !errors.Is(err, fault.PolicyInvalid) {
		t.Errorf("a policy that is not valid: %v", err)
	}
}

// TestCompileCaptured compiles policies against the describes of real orgs that
// list every field that can be listed.
func TestCompileCaptured(t *testing.T) {
	for _, object := range []string{"Account", "Account_PersonAccount", "Contact", "Lead", "Case", "Opportunity", "OpportunityContactRole", "Event", "Custom__c"} {
		t.Run(object, func(t *testing.T) {
			answer := captured(t, filepath.Join("captured-rest", object+"_describe.json"))
			var d struct {
				Name   string
				Fields []struct {
					Name, Type string
				}
			}
			if err := json.Unmarshal(answer, &d); err != nil {
				t.Fatal(err)
			}
			o := minimize.Object{Purpose: []string{"support"}, Person: []string{"Id"}, Personal: map[string]minimize.Field{}}
			p := &minimize.Policy{Version: 1, Purposes: map[string]string{"support": "answer"}, Objects: map[string]minimize.Object{d.Name: o}}
			for _, f := range d.Fields {
				field := minimize.Field{}
				if strings.Contains(f.Name, "__") {
					field.Category = "user.content"
				}
				o.Personal[f.Name] = field
				if err := p.Validate(); err != nil && strings.Contains(err.Error(), "no default category") {
					if object != "Event" && object != "Custom__c" {
						t.Error("no default category for", f.Name)
					}
					o.Personal[f.Name] = minimize.Field{Category: "system.operations"}
				}
				if p.Validate() != nil {
					delete(o.Personal, f.Name)
				}
				if _, accepted := o.Personal[f.Name]; accepted && f.Type == "address" {
					t.Error("compound accepted:", f.Name)
				}
			}
			table, err := p.Compile(d.Name, answer)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(table.Columns()); got != len(o.Personal) || got == 0 {
				t.Errorf("%d columns of %d fields", got, len(o.Personal))
			}
			for _, c := range table.Columns() {
				if !slices.Contains(minimize.Categories(), c.Category) {
					t.Errorf("%s has category %q", c.Source, c.Category)
				}
			}
			t.Logf("%d fields, %d columns, %d unlisted", len(d.Fields), len(table.Columns()), len(table.Unlisted()))
		})
	}
}
