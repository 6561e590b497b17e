package minimize_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

func TestParseShop(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(shop), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := minimize.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	none := minimize.Field{}
	want := &minimize.Policy{
		Version:  7,
		Purposes: map[string]string{"fulfilment": "pack, ship and bill an order", "support": "answer a customer"},
		Objects: map[string]minimize.Object{
			"Contact": {
				Purpose: []string{"fulfilment", "support"}, Person: []string{"Id"},
				Retention: minimize.Retention{Days: 1095, From: "LastModifiedDate"},
				Plain: map[string]minimize.Field{"AccountId": none, "CreatedDate": none,
					"Loyalty_Tier__c": {Category: "user.behavior.purchase_history"}},
				Personal: map[string]minimize.Field{"FirstName": none, "LastName": none, "MailingStreet": none,
					"MailingCity": none, "MailingPostalCode": none,
					"Email": {Find: minimize.FindEmail}, "MobilePhone": {Find: minimize.FindPhone}},
			},
			"Order": {
				Purpose: []string{"fulfilment"}, Person: []string{"BillToContactId", "AccountId"},
				Retention: minimize.Retention{Days: 3650, From: "EffectiveDate"}, OnForget: minimize.KeepPlain,
				Plain:    map[string]minimize.Field{"OrderNumber": none, "Status": none, "EffectiveDate": none, "TotalAmount": none},
				Personal: map[string]minimize.Field{"BillingStreet": none, "BillingCity": none, "ShippingStreet": {Person: []string{"ShipToContactId"}}},
			},
			"OrderItem": {
				Purpose: []string{"fulfilment"}, Person: []string{"OrderId"},
				Plain: map[string]minimize.Field{"OrderId": none, "Product2Id": none, "Quantity": none, "UnitPrice": none, "CreatedDate": none},
			},
			"Case": {
				Purpose: []string{"support"}, Person: []string{"ContactId", "AccountId"},
				Retention: minimize.Retention{Days: 730, From: "ClosedDate"},
				Plain:     map[string]minimize.Field{"CaseNumber": none, "Status": none, "ClosedDate": none},
				Personal:  map[string]minimize.Field{"Subject": none, "Description": none, "SuppliedName": none, "SuppliedEmail": {Find: minimize.FindEmail}},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := want.Validate(); err != nil {
		t.Error("the literal:", err)
	}
	if want.Hash() != got.Hash() {
		t.Error("the literal and the file have different hashes")
	}
}

// contact is a policy with the given lines under Contact, which begin at line 6.
func contact(lines string) string {
	return "version: 1\npurposes: {support: answer a customer}\nobjects:\n  Contact:\n    purpose: [support]\n    " +
		strings.ReplaceAll(lines, "\n", "\n    ") + "\n"
}

func account(lines string) string { return strings.Replace(contact(lines), "Contact:", "Account:", 1) }

var refused = []struct {
	name, text   string
	line, column int
	says         string
}{
	{"nothing", "", 0, 0, "one YAML document"},
	{"two documents", "version: 1\n---\nversion: 2\n", 0, 0, "one YAML document"},
	{"a list", "- version", 1, 1, "a map is needed"},
	{"not YAML", "version: 1\nobjects: {a\n", 2, 11, "not valid YAML"},
	{"unknown key", "version: 1\nobject: {}\n", 2, 1, "not known here"},
	{"unknown key of an object", contact("persons: [Id]"), 6, 5, "not known here"},
	{"unknown key of a field", contact("person: [Id]\npersonal: {Email: {finder: email}}"), 7, 24, "not known here"},
	{"key twice", contact("person: [Id]\nperson: [Id]"), 7, 5, "given twice"},
	{"field twice in a map", contact("plain: {LeadSource, LeadSource}"), 6, 25, "given twice"},
	{"field twice in a list", contact("plain: [LeadSource, LeadSource]"), 6, 25, "listed twice"},
	{"field in two classes", contact("person: [Id]\nplain: [Email]\npersonal: [Email]"), 8, 16, "used twice"},
	{"anchor", "version: &v 1\n", 1, 10, "whole number"},
	{"merge", "version: 1\n<<: {a: b}\n", 2, 1, "plain name"},
	{"tag", contact("accept: !!str yes"), 6, 13, "a text is needed"},
	{"version as text", "version: one\n", 1, 10, "whole number"},
	{"version 0", "version: 0\n", 1, 10, "whole number"},
	{"no version", "purposes: {support: answer}\nobjects: {Case: {purpose: [support], plain: [Status]}}", 0, 0, "the version is missing"},
	{"no object", "version: 1\nobjects: {}\n", 2, 1, "no object"},
	{"no field", contact("person: [Id]"), 4, 3, "no field"},
	{"purpose without words", "version: 1\npurposes: {support: ' '}\nobjects: {}\n", 2, 12, "not explained"},
	{"purpose with a strange name", "version: 1\npurposes: {Support!: help}\nobjects: {}\n", 2, 12, "not a name for a purpose"},
	{"purpose not declared", contact("plain: {LeadSource: {purpose: [support, sales]}}"), 6, 45, "not declared"},
	{"no purpose", strings.Replace(contact("plain: [LeadSource]"), "purpose: [support]", "person: [Id]", 1), 6, 13, "no purpose"},
	{"wildcard", contact("plain: {*}"), 6, 13, "wildcard"},
	{"wildcard in quotes", contact(`plain: {"*"}`), 6, 13, "wildcard"},
	{"wildcard in a list", contact(`plain: ["*"]`), 6, 13, "wildcard"},
	{"wildcard as an object", "version: 1\nobjects: {\"*\": {plain: [Status]}}\n", 2, 11, "wildcard"},
	{"FIELDS(ALL)", contact("plain: {FIELDS(ALL)}"), 6, 13, "wildcard"},
	{"fields(standard)", contact("plain: [fields(standard)]"), 6, 13, "wildcard"},
	{"field of a parent", contact("plain: {Account.Industry}"), 6, 13, "related object"},
	{"not a name", contact("plain: {Lead Source}"), 6, 13, "not an API name"},
	{"Id", contact("plain: {Id}"), 6, 13, "needs no entry"},
	{"compound address", contact("person: [Id]\npersonal: {MailingAddress}"), 7, 16, "compound"},
	{"compound name", contact("person: [Id]\npersonal: {Name}"), 7, 16, "FirstName and LastName"},
	{"person account", account("plain: {PersonLeadSource}"), 6, 13, "list it on Contact"},
	{"person account, custom", account("plain: {Level__pc: {category: user.behavior}}"), 6, 13, "list it on Contact"},
	{"person account, name", account("plain: {LastName}"), 6, 13, "list it on Contact"},
	{"no person", contact("personal: {Email}"), 6, 16, "needs a person"},
	{"person of a plain field", contact("plain: {LeadSource: {person: [Id]}}"), 6, 26, "only a personal field"},
	{"find on a plain field", contact("plain: {Email: {find: email}}"), 6, 21, "only a personal field"},
	{"conceal on a coarse field", contact("coarse: {Birthdate: {conceal: true}}"), 6, 26, "only a personal field"},
	{"person twice", contact("person: [AccountId, AccountId]\nplain: [LeadSource]"), 6, 25, "listed twice"},
	{"person after Id", contact("person: [Id, AccountId]\nplain: [LeadSource]"), 6, 14, "put it last"},
	{"person through a parent", contact("person: [Account.OwnerId]\nplain: [LeadSource]"), 6, 14, "related object"},
	{"unknown category", contact("plain: {Tier__c: {category: user.contact.state}}"), 6, 23, "catalogue"},
	{"custom field without category", contact("plain: {Tier__c}"), 6, 13, "no default category"},
	{"find by name", contact("person: [Id]\npersonal: {LastName: {find: name}}"), 7, 27, "email, phone or exact"},
	{"conceal as text", contact("person: [Id]\npersonal: {LastName: {conceal: yes please}}"), 7, 36, "true or false"},
	{"on_forget", contact("on_forget: keep\nplain: [LeadSource]"), 6, 5, "delete or keep_plain"},
	{"changes", contact("changes: push\nplain: [LeadSource]"), 6, 5, "stream or poll"},
	{"channel", contact("channel: Sales__chn\nplain: [LeadSource]"), 6, 5, "/data/Name__chn"},
	{"channel of a polled object", contact("channel: /data/Sales__chn\nchanges: poll\nplain: [LeadSource]"), 6, 5, "polled"},
	{"full read of no days", contact("full_read: {days: 0}\nplain: [LeadSource]"), 6, 23, "above 0"},
	{"full read of weeks", contact("full_read: {weeks: 3}\nplain: [LeadSource]"), 6, 17, "not known"},
	{"retention without days", contact("retention: {from: CreatedDate}\nplain: [LeadSource]"), 6, 5, "days above 0"},
	{"retention without from", contact("retention: {days: 3}\nplain: [LeadSource]"), 6, 5, "field to count from"},
	{"retention from an unlisted field", contact("retention: {days: 3, from: Birthdate}\nplain: [LeadSource]"), 6, 26, "not listed"},
	{"retention from a sealed field", contact("person: [Id]\nretention: {days: 3, from: Birthdate}\npersonal: [Birthdate]"), 7, 26, "list it as plain"},
	{"birth date and postal code", contact("person: [Id]\nplain: [Birthdate, MailingPostalCode]"), 7, 24, "single people out"},
	{"gender and coordinates", contact("plain: {Gender__c: {category: user.demographic.gender}, MailingLatitude}"), 6, 61, "single people out"},
	{"renamed onto another", contact("plain: {LeadSource, Origin__c: {category: user.behavior, was: [leadsource]}}"), 6, 25, "used twice"},
	{"nested without end", strings.Repeat("{a: ", 5000), 0, 0, "nests too deeply"},
	{"dashes without end", strings.Repeat("- ", 5000), 0, 0, "nests too deeply"},
}

func TestParseRefuses(t *testing.T) {
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			p, err := minimize.Parse([]byte(c.text))
			var e *fault.Error
			if !errors.As(err, &e) || e.Code() != fault.PolicyInvalid {
				t.Fatalf("error %v, policy %+v", err, p)
			}
			if line, column := e.Position(); line != c.line || column != c.column {
				t.Errorf("at line %d, column %d; want %d, %d: %v", line, column, c.line, c.column, err)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want it to say %q", err, c.says)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"lists", contact("person:\n  - Id\nplain:\n  - LeadSource\n  - CreatedDate\npersonal: [Email]")},
		{"accepted combination", contact("accept: the law asks for both\nplain: [Birthdate, MailingPostalCode]")},
		{"coarse combination", contact("coarse: [Birthdate, MailingPostalCode]")},
		{"two of one kind", contact("plain: [MailingLatitude, MailingLongitude, OtherLatitude]")},
		{"sealed combination", contact("person: [Id]\nplain: [Birthdate]\npersonal: [MailingPostalCode]")},
		{"combination of an object without persons", strings.Replace(contact("plain: [Birthdate, PostalCode]"), "Contact:", "Store__c:", 1)},
		{"person account's contact", account("person: [PersonContactId, Id]\npersonal: [Phone]")},
		{"person account's custom reference", account("person: [Guardian__pc]\npersonal: [Phone]")},
		{"custom field that begins with Person", account("plain: {Personality__c: {category: user.demographic.profile}}")},
		{"Name of an account", account("plain: [Name]")},
		{"swap of two names", contact("plain: {A__c: {category: user.behavior, was: [B__c]}, B__c: {category: user.behavior, was: [A__c]}}")},
		{"defaults in words", contact("on_forget: delete\nchanges: stream\nplain: [LeadSource]")},
		{"block text", contact("accept: |\n  a long\n  reason\nplain: [LeadSource]")},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := minimize.Parse([]byte(c.text)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestParseFileRefuses(t *testing.T) {
	if _, err := minimize.ParseFile(filepath.Join(t.TempDir(), "secret-name.yaml")); !errors.Is(err, fault.ConfigInvalid) || strings.Contains(err.Error(), "secret-name") {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := minimize.ParseFile(t.TempDir()); !errors.Is(err, fault.ConfigInvalid) {
		t.Errorf("a folder: %v", err)
	}
}

func TestHash(t *testing.T) {
	hash := func(text string) string {
		p, err := minimize.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return p.Hash()
	}
	base := contact("person: [Id]\nplain: {LeadSource, CreatedDate}")
	if hash(base) != hash(contact("plain:   [CreatedDate,  LeadSource]\nperson: [Id] # comment")) {
		t.Error("layout changes the hash")
	}
	if len(hash(base)) != 64 {
		t.Error(hash(base))
	}
	for _, other := range []string{
		strings.Replace(base, "version: 1", "version: 2", 1),
		strings.Replace(base, "answer a", "ask the", 1),
		contact("plain: {LeadSource, CreatedDate}"),
		contact("person: [Id]\ncoarse: {LeadSource, CreatedDate}"),
		contact("person: [Id]\nplain: {LeadSource, CreatedDate: {purpose: [support]}}"),
	} {
		if hash(other) == hash(base) {
			t.Error("the same hash as", other)
		}
	}
}

func TestTopic(t *testing.T) {
	p := &minimize.Policy{Objects: map[string]minimize.Object{
		"Contact": {}, "Employee__c": {}, "ns__Badge__c": {}, "Case": {Channel: "/data/Support__chn"},
	}}
	for object, want := range map[string]string{
		"Contact": "/data/ContactChangeEvent", "Employee__c": "/data/Employee__ChangeEvent",
		"ns__Badge__c": "/data/ns__Badge__ChangeEvent", "Case": "/data/Support__chn",
	} {
		if got := p.Topic(object); got != want {
			t.Errorf("%s: %s", object, got)
		}
	}
	if got := fmt.Sprint(p.ObjectNames()); got != "[Case Contact Employee__c ns__Badge__c]" {
		t.Error(got)
	}
}

func TestCatalogue(t *testing.T) {
	all := minimize.Categories()
	if len(all) != 85 {
		t.Errorf("%d categories; the edition has 85", len(all))
	}
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Error("not sorted, or not unique")
	}
	named := `user.name.first user.name.last user.contact.email user.contact.phone_number user.unique_id
		user.device.ip_address user.behavior.purchase_history user.behavior.browsing_history
		user.behavior.search_history user.device.cookie_id user.location.precise user.location.imprecise
		user.content.self_image user.biometric.voice user.job_title user.workplace
		user.contact.organization user.demographic.profile user.health_and_medical user.government_id`
	for key := range strings.FieldsSeq(named) {
		if !slices.Contains(all, key) {
			t.Error("lacks", key)
		}
	}
	for _, key := range all {
		if i := strings.LastIndexByte(key, '.'); i > 0 && !slices.Contains(all, key[:i]) {
			t.Error("no parent of", key)
		}
	}
	for _, key := range []string{"user.health_and_medical.genetic", "user.biometric", "user.government_id.passport_number",
		"user.demographic.race_ethnicity", "user.demographic.religious_belief", "user.demographic.sexual_orientation",
		"user.financial.bank_account"} {
		if !minimize.Sensitive(key) || !slices.Contains(all, key) {
			t.Error("not sensitive:", key)
		}
	}
	for _, key := range []string{"user.name", "user.contact.email", "user.demographic.language", "system"} {
		if minimize.Sensitive(key) {
			t.Error("sensitive:", key)
		}
	}
}
