package salesforcetest_test

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// The expected texts are from captures and from the Change Data Capture
// Developer Guide.
func TestBitmaps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		positions [][2]int
		want      []string
	}{
		"nothing":                        {nil, nil},
		"Name and LastModifiedDate":      {[][2]int{{1, -1}, {23, -1}}, []string{"0x800002"}},
		"beyond 64 bits":                 {[][2]int{{23, -1}, {68, -1}}, []string{"0x100000000000800000"}},
		"a leading zero digit":           {[][2]int{{58, -1}}, []string{"0x0400000000000000"}},
		"only parts, so no top element":  {[][2]int{{6, 7}, {6, 8}}, []string{"6-0x0180"}},
		"a field and a part":             {[][2]int{{23, -1}, {6, 0}}, []string{"0x800000", "6-0x01"}},
		"Industry and LastModifiedDate":  {[][2]int{{22, -1}, {11, -1}}, []string{"0x400800"}},
		"Description":                    {[][2]int{{16, -1}}, []string{"0x010000"}},
		"two compound fields, in order":  {[][2]int{{7, 2}, {4, 4}, {7, 1}, {5, -1}}, []string{"0x20", "4-0x10", "7-0x06"}},
		"the same position set twice":    {[][2]int{{1, -1}, {1, -1}}, []string{"0x02"}},
		"a top-level bit in a high byte": {[][2]int{{8, -1}}, []string{"0x0100"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := salesforcetest.Bitmaps(c.positions...); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestEveryTypeDecodes writes one value of each describe type and has an
// independent decoder read it.
func TestEveryTypeDecodes(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	for name, kind := range map[string]string{"A__c": "string", "B__c": "boolean", "C__c": "date", "D__c": "datetime",
		"E__c": "time", "F__c": "percent", "G__c": "int", "H__c": "multipicklist", "I__c": "currency", "J__c": "url"} {
		org.AddField("Lead", name, kind, 255)
	}
	b := dial(t, org)
	id := org.Insert("Lead", map[string]any{"LastName": "Ünal", "FirstName": "Ada", "Company": "Acme", "A__c": "text\nof two lines", "B__c": true,
		"C__c": "1969-07-20", "D__c": "2026-02-17T03:03:15.000Z", "E__c": "17:30:00.000Z", "F__c": 12, "G__c": -7,
		"H__c": "red;green", "I__c": "1234567", "J__c": "https://example.com/", "City": "Springfield", "Latitude": 38.5})
	header, body := b.decode(t, events(t, b.earliest(t, "/data/LeadChangeEvent", 1), 1)[0])
	if ids := header["recordIds"].([]any); len(ids) != 1 || ids[0] != id {
		t.Errorf("recordIds %v, want %s", ids, id)
	}
	for name, want := range map[string]any{"A__c": "text\nof two lines", "B__c": true, "C__c": int64(-14256000000),
		"D__c": int64(1771297395000), "E__c": int64(63000000), "F__c": 12.0, "G__c": int32(-7), "H__c": "red;green", "I__c": 1234567.0,
		"J__c": "https://example.com/", "Company": "Acme"} {
		if body[name] != want {
			t.Errorf("%s is %#v, want %#v", name, body[name], want)
		}
	}
	if person := body["Name"].(map[string]any); person["LastName"] != "Ünal" || person["FirstName"] != "Ada" || person["Salutation"] != nil {
		t.Errorf("Name is %v", person)
	}
	if place := body["Address"].(map[string]any); place["City"] != "Springfield" || place["Latitude"] != 38.5 || place["Street"] != nil {
		t.Errorf("Address is %v", place)
	}
	for _, absent := range []string{"Id", "IsDeleted", "SystemModstamp", "LastName", "City"} {
		if _, there := body[absent]; there {
			t.Errorf("the event has %s, which change events do not carry", absent)
		}
	}
}

// TestPersonAccountName loads the describe of an org with person accounts: a
// business has its name as text, a person as a record.
func TestPersonAccountName(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Describes: fstest.MapFS{
		"Account_describe.json": {Data: captured(t, "captured-rest/Account_PersonAccount_describe.json")}}})
	b := dial(t, org)
	org.Insert("Account", map[string]any{"Name": "Acme"})
	person := org.Insert("Account", map[string]any{"FirstName": "Ada", "LastName": "Byron"})
	org.Update("Account", person, map[string]any{"LastName": "Lovelace"})
	all := events(t, b.earliest(t, "/data/AccountChangeEvent", 3), 3)
	if _, body := b.decode(t, all[0]); body["Name"] != "Acme" {
		t.Errorf("the business has the name %v", body["Name"])
	}
	if _, body := b.decode(t, all[1]); body["Name"].(map[string]any)["FirstName"] != "Ada" {
		t.Errorf("the person has the name %v", body["Name"])
	}
	header, body := b.decode(t, all[2])
	if name := body["Name"].(map[string]any); name["LastName"] != "Lovelace" || name["FirstName"] != nil {
		t.Errorf("the person's new name is %v, want the changed part alone", name)
	}
	if changed := header["changedFields"].([]any); len(changed) != 2 || changed[1] != "1-0x04" {
		t.Errorf("changedFields %v, want the part LastName, 1-0x04, in second place", changed)
	}
}
