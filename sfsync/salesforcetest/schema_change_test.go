package salesforcetest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

type event = *pubsubpb.ConsumerEvent

// TestStoredEventsKeepTheirSchema changes an object between its events: each
// is served under the schema that it was written with, also from the file.
func TestStoredEventsKeepTheirSchema(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	org := newOrg(t, salesforcetest.Config{Dir: dir})
	b := dial(t, org)
	steps := []func(){
		func() {},
		func() { org.AddField("Account", "Tier__c", "string", 20) },
		func() { org.AddEnumSymbol("REWRITE") },
		func() { org.DropField("Account", "Fax") },
		func() { org.SetPersonAccounts(true) },
	}
	for i, step := range steps {
		step()
		org.Insert("Account", map[string]any{"Name": fmt.Sprint("Acme ", i)})
	}
	all := events(t, b.earliest(t, accounts, 100), len(steps))
	check := func(b *bus, again []event) {
		t.Helper()
		var ids []string
		for i, e := range again {
			ids = append(ids, e.Event.SchemaId)
			if _, body := b.decode(t, e); body["Name"] != fmt.Sprint("Acme ", i) || e.Event.SchemaId != all[i].Event.SchemaId {
				t.Errorf("event %d is %v under the schema %s, want %s", i, body["Name"], e.Event.SchemaId, all[i].Event.SchemaId)
			}
		}
		if slices.Sort(ids); len(slices.Compact(ids)) != len(steps) {
			t.Errorf("the schemas are %v, want as many as changes", ids)
		}
	}
	check(b, all)
	if info, err := b.GetTopic(b.ctx, &pubsubpb.TopicRequest{TopicName: accounts}); err != nil || info.SchemaId != all[4].Event.SchemaId {
		t.Errorf("the topic has the schema %v, %v; want the newest", info, err)
	}
	if err := org.Close(); err != nil {
		t.Fatal(err)
	}
	b = dial(t, newOrg(t, salesforcetest.Config{Dir: dir}))
	check(b, events(t, b.earliest(t, accounts, 100), len(steps)))
}

func TestSymbolNext(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	b := dial(t, org)
	org.AddEnumSymbol("REWRITE")
	for _, symbol := range []string{"SNAPSHOT", "REWRITE"} {
		org.SymbolNext(symbol)
		org.Insert("Account", map[string]any{"Name": "Acme"})
	}
	all := events(t, b.earliest(t, accounts, 9), 2)
	for i, want := range []string{"SNAPSHOT", "REWRITE"} {
		if header, body := b.decode(t, all[i]); header["changeType"] != want || body["Name"] != "Acme" {
			t.Errorf("%v with %v, want %s", header, body, want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an unknown symbol is taken")
		}
	}()
	org.SymbolNext("NOTHING")
}

func TestChangeFieldType(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from, to, value string
		left            string   // of the value
		want            []string // changeType and record
	}{
		"date to text":         {"date", "string", "2026-01-02", "", []string{"UPDATE 001*"}},
		"text to a date":       {"string", "datetime", "soon", "", []string{"UPDATE 001*"}},
		"several to one":       {"multipicklist", "picklist", "a;b", "", []string{"UPDATE 001*"}},
		"picklist to several":  {"picklist", "multipicklist", "a", "a", []string{"GAP_UPDATE the record"}},
		"picklist to checkbox": {"picklist", "boolean", "a", "false", []string{"GAP_UPDATE the record"}},
		"text to long text":    {"string", "textarea", "a", "a", nil},
		"picklist to text":     {"picklist", "string", "a", "a", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			org := newOrg(t, salesforcetest.Config{Dir: dir})
			b := dial(t, org)
			org.AddField("Account", "Some__c", c.from, 200)
			org.Insert("Account", map[string]any{"Name": "without"})
			id := org.Insert("Account", map[string]any{"Name": "with", "Some__c": c.value})
			stamp := org.Record("Account", id)["SystemModstamp"]
			s, _ := b.latest(t, accounts, 100)
			org.ChangeFieldType("Account", "Some__c", c.to)
			last := org.Insert("Account", map[string]any{"Name": "after"})
			var got []string
			for _, e := range events(t, s, len(c.want)+1) {
				header, _ := b.decode(t, e)
				got = append(got, header["changeType"].(string)+" "+strings.Replace(list(header["recordIds"])[0], id, "the record", 1))
			}
			if want := append(c.want, "CREATE "+last); !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
			if r := org.Record("Account", id); r["Some__c"] != c.left || r["SystemModstamp"] != stamp {
				t.Errorf("the value is %q with the stamp %s, want %q and %s", r["Some__c"], r["SystemModstamp"], c.left, stamp)
			}
			if err := org.Close(); err != nil {
				t.Fatal(err)
			}
			if got := newOrg(t, salesforcetest.Config{Dir: dir}).Record("Account", id)["Some__c"]; got != c.left {
				t.Errorf("after a restart the value is %q, want %q", got, c.left)
			}
		})
	}
}

// TestPersonOfAnAccountAlone selects no contacts: what stems from one is then
// told when a person comes, and never again.
func TestPersonOfAnAccountAlone(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{PersonAccounts: true, Selected: []string{"Account"}})
	b := dial(t, org)
	id := org.Insert("Account", map[string]any{"FirstName": "Ada", "LastName": "Byron", "PersonEmail": "ada@example.com"})
	org.Update("Account", id, map[string]any{"PersonEmail": "ada@example.org", "PersonMailingCity": "London"})
	org.Update("Account", id, map[string]any{"LastName": "Lovelace"})
	org.Delete("Account", id)
	want := []string{"CREATE []", "UPDATE [LastModifiedDate]", "UPDATE [LastModifiedDate Name.LastName]", "DELETE []"}
	all := events(t, b.earliest(t, "/data/ChangeEvents", 100), len(want))
	for i, e := range all {
		header, _ := b.decode(t, e)
		if got := fmt.Sprint(header["changeType"], " ", b.names(t, e, header["changedFields"])); got != want[i] {
			t.Errorf("event %d is %s, want %s", i, got, want[i])
		}
	}
	if _, body := b.decode(t, all[0]); body["PersonEmail"] != "ada@example.com" || body["Name"].(map[string]any)["LastName"] != "Byron" {
		t.Errorf("the CREATE has %v", body)
	}
	info, err := b.GetSchema(b.ctx, &pubsubpb.SchemaRequest{SchemaId: all[0].Event.SchemaId})
	if err != nil || !strings.Contains(info.SchemaJson, `{"name":"Name","type":["null","string",{"name":"Switchable_PersonName",`) {
		t.Errorf("Account.Name is not null, a text or a record in %v, %v", info, err)
	}
}
