package sfsync_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/rest"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

const accountTopic = "/data/AccountChangeEvent"

// capturesBegin is the position in front of the captures.
var capturesBegin = []byte("\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00")

// captured is a file of ../shared/data, beside the checkout.
func captured(t testing.TB, path ...string) []byte {
	t.Helper()
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for !exists(filepath.Join(root, "go.mod")) {
		root = filepath.Dir(root)
	}
	folder := filepath.Join(root, "..", "shared", "data")
	if !exists(folder) {
		t.Skip("the captures are not here: put them in ../shared/data beside the checkout")
	}
	content, err := os.ReadFile(filepath.Join(append([]string{folder}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// golden is a captured event and what it says.
type golden struct {
	Source, SchemaID, ReplayIDHex string
	Payload                       []byte `json:"payloadBase64"`
	Decoded                       map[string]any
	ChangedFieldNames             []string
	NulledFieldNames              []string
	DiffFieldNames                []string
}

func (g *golden) header(member string) any {
	return g.Decoded["ChangeEventHeader"].(map[string]any)[member]
}

func (g *golden) id() string { return g.header("recordIds").([]any)[0].(string) }

// says is what the event says of each column: its text, "(null)", or nothing.
func (g *golden) says(columns []minimize.Column) map[string]string {
	said := map[string]string{}
	for _, c := range columns {
		path := eventPath(c.Source)
		listed := func(list []string) bool { return slices.Contains(list, path) }
		switch {
		case listed(g.DiffFieldNames):
			said[c.Name] = "(diff)"
		case listed(g.NulledFieldNames):
			said[c.Name] = "(null)"
		case g.header("changeType") == "CREATE" || listed(g.ChangedFieldNames):
			said[c.Name] = vectorText(c.Type, g.value(path))
		}
	}
	return said
}

func (g *golden) value(path string) any {
	parent, part, nested := strings.Cut(path, ".")
	if !nested {
		return g.Decoded[path]
	}
	compound, _ := g.Decoded[parent].(map[string]any)
	return compound[part]
}

// eventPath is where an event carries a field of a describe.
func eventPath(field string) string {
	for _, compound := range []string{"Billing", "Shipping"} {
		if part, ok := strings.CutPrefix(field, compound); ok {
			return compound + "Address." + part
		}
	}
	return field
}

// vectorText is a value of the vectors as a copy keeps it.
func vectorText(kind minimize.Type, value any) string {
	switch v := value.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		if kind == minimize.DateTime {
			return time.UnixMilli(int64(v)).UTC().Format("2006-01-02T15:04:05.000Z")
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return "(null)"
}

// capturedOrg is an org with the captured describes, and with the custom fields
// that the captured events carry and those describes lack.
func capturedOrg(t testing.TB) (*salesforcetest.Org, []golden) {
	t.Helper()
	var goldens []golden
	if err := json.Unmarshal(captured(t, "golden_cdc_vectors.json"), &goldens); err != nil || len(goldens) == 0 {
		t.Fatal("no vectors:", err)
	}
	describes := fstest.MapFS{}
	for _, name := range []string{"Account_PersonAccount", "Contact", "Lead", "Case", "Opportunity", "OpportunityContactRole", "Event", "Custom__c"} {
		describes[name+"_describe.json"] = &fstest.MapFile{Data: captured(t, "captured-rest", name+"_describe.json")}
	}
	return newOrg(t, salesforcetest.Config{Describes: describes}), goldens
}

// extend adds the custom fields of the captured events to Account.
func extend(org *salesforcetest.Org) {
	for name, kind := range map[string]string{
		"Some_Email__c": "email", "Some_phone__c": "phone", "Some_Check_Box__c": "boolean", "Amount_Owed__c": "currency",
		"Some_Number__c": "double", "Some_Percent__c": "percent", "Some_Date__c": "date", "Some_Date_Time__c": "datetime", "Some_Time__c": "time",
		"Some_Picklist__c": "picklist", "Some_Multipicklist__c": "multipicklist", "Some_Text__c": "string", "Some_URL__c": "url",
	} {
		org.AddField("Account", name, kind, 80)
	}
}

// accountPolicy lists every field that both the describe and the events of all
// captured schemas have, but for those of the person in a person account.
func accountPolicy(t testing.TB, client *rest.Client) string {
	t.Helper()
	var describe struct{ Fields []struct{ Name, Type any } }
	if err := json.Unmarshal(describeOf(t, client, "Account"), &describe); err != nil {
		t.Fatal(err)
	}
	schemas := capturedSchemas(t)
	carried := map[string]int{} // in how many schemas
	for _, text := range schemas {
		var schema struct{ Fields []struct{ Name string } }
		if err := json.Unmarshal(text, &schema); err != nil {
			t.Fatal(err)
		}
		for _, f := range schema.Fields {
			carried[f.Name]++
		}
	}
	var lines strings.Builder
	for _, f := range describe.Fields {
		name := f.Name.(string)
		parent, _, _ := strings.Cut(eventPath(name), ".")
		if carried[parent] == len(schemas) && f.Type != "address" && !strings.HasPrefix(name, "Person") && !strings.HasSuffix(name, "__pc") {
			lines.WriteString("      " + name + ": {category: user.content}\n")
		}
	}
	return "version: 1\npurposes: {support: answer a customer}\nobjects:\n  Account:\n    purpose: [support]\n    person: [Id]\n    personal:\n" + lines.String() +
		"  Contact:\n    purpose: [support]\n    person: [Id]\n    plain: {AccountId}\n" // whose events tell of a person account's name
}

func describeOf(t testing.TB, client *rest.Client, object string) []byte {
	t.Helper()
	describe, err := client.Describe(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	return describe
}

// captures are the captured files as they were received, behind an empty
// response, and the vector that is in none of them.
func captures(t testing.TB, goldens []golden) []*pubsubpb.FetchResponse {
	t.Helper()
	all := []*pubsubpb.FetchResponse{{LatestReplayId: capturesBegin}}
	seen := map[string]bool{}
	for _, name := range []string{"AccountCreationEvents", "AccountUpdateEvents", "EventBod"} {
		list, err := salesforcetest.ParseCapture(captured(t, "captured-events", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			for _, e := range r.Events {
				seen[string(e.Event.Payload)] = true
			}
		}
		all = append(all, list...)
	}
	for _, g := range goldens {
		if !seen[string(g.Payload)] {
			id, err := hex.DecodeString(g.ReplayIDHex)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, &pubsubpb.FetchResponse{LatestReplayId: id, Events: []*pubsubpb.ConsumerEvent{
				{ReplayId: id, Event: &pubsubpb.ProducerEvent{SchemaId: g.SchemaID, Payload: g.Payload}}}})
		}
	}
	return all
}

func capturedSchemas(t testing.TB) (all [][]byte) {
	for _, version := range []string{"2023-05", "2023-07", "2026-02.matched"} {
		all = append(all, captured(t, "captured-events", "AccountChangeEvent."+version+".avsc"))
	}
	return all
}

func newClient(t testing.TB, org *salesforcetest.Org) *salesforce.Org {
	t.Helper()
	env, err := salesforce.FromEnv(org.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	client, err := salesforce.New(env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// The captured describes come through REST as they were captured, and policies
// compile against them.
func TestCapturedDescribes(t *testing.T) {
	t.Parallel()
	org, _ := capturedOrg(t)
	client := rest.New(newClient(t, org))
	for _, c := range []struct{ object, file, fields string }{
		{"Account", "Account_PersonAccount", "Name, Phone, BillingStreet, npsp__Matching_Gift_Email__c: {category: user.contact.email}"},
		{"Contact", "Contact", "FirstName, LastName, Email, MailingStreet, Birthdate"},
		{"Lead", "Lead", "FirstName, LastName, Company, Email"},
		{"Case", "Case", "Subject, Description, SuppliedEmail"},
		{"Opportunity", "Opportunity", "Name, Amount, NextStep"},
		{"OpportunityContactRole", "OpportunityContactRole", "Role, IsPrimary"},
		{"Event", "Event", "Subject: {category: user.content.private}, Description, StartDateTime"},
		{"Custom__c", "Custom__c", "Name: {category: user.content}"},
	} {
		t.Run(c.file, func(t *testing.T) {
			describe := describeOf(t, client, c.object)
			if !bytes.Equal(describe, captured(t, "captured-rest", c.file+"_describe.json")) {
				t.Error("the describe is not the captured one")
			}
			policy := parse(t, "version: 1\npurposes: {support: answer a customer}\nobjects:\n  "+c.object+
				": {purpose: [support], person: [Id], personal: {"+c.fields+"}}\n")
			table, err := policy.Compile(c.object, describe)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Count(c.fields, ",") + 1; len(table.Columns()) != want {
				t.Errorf("%d columns of %d fields", len(table.Columns()), want)
			}
		})
	}
	policy := parse(t, "version: 1\npurposes: {support: answer a customer}\nobjects: {Case: {purpose: [support], person: [Id], personal: {Subject, Nope__c: {category: user.content}}}}")
	if _, err := policy.Compile("Case", describeOf(t, client, "Case")); fault.CodeOf(err) != fault.FieldLost {
		t.Errorf("a field that the captured org lacks: %v, want %s", err, fault.FieldLost)
	}
}

// The captured events come over gRPC and TLS and say, under a policy that lists
// all fields, exactly what the vectors say: no field more, none less.
func TestCapturedEvents(t *testing.T) {
	t.Parallel()
	org, goldens := capturedOrg(t)
	extend(org)
	if err := org.Replay(accountTopic, capturedSchemas(t), captures(t, goldens)); err != nil {
		t.Fatal(err)
	}
	client := newClient(t, org)
	policy := parse(t, accountPolicy(t, rest.New(client)))
	table, err := policy.Compile("Account", describeOf(t, rest.New(client), "Account"))
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Columns()) < 60 {
		t.Fatalf("only %d columns are compared", len(table.Columns()))
	}
	bus := pubsub.New(client, pubsub.Options{})
	change, met := minimize.NewChange(), map[string]bool{}
	for delivery, err := range bus.Subscribe(t.Context(), accountTopic, pubsub.After(capturesBegin)) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range delivery.Events {
			g := vectorOf(goldens, e.Payload)
			if g == nil {
				continue // one of the three creations has no vector
			}
			met[g.Source+g.id()] = true
			compareEvent(t, bus, table, change, e, g)
		}
		if len(delivery.Events) == 0 {
			break
		}
	}
	if len(met) != len(goldens) {
		t.Errorf("%d of %d vectors came: %v", len(met), len(goldens), met)
	}
}

func vectorOf(goldens []golden, payload []byte) *golden {
	i := slices.IndexFunc(goldens, func(g golden) bool { return bytes.Equal(g.Payload, payload) })
	if i < 0 {
		return nil
	}
	return &goldens[i]
}

// compareEvent decodes one event and holds it against its vector.
func compareEvent(t *testing.T, bus *pubsub.PubSub, table *minimize.Table, change minimize.Change, e pubsub.Event, g *golden) {
	t.Helper()
	if e.SchemaID != g.SchemaID || hex.EncodeToString(e.ReplayID) != g.ReplayIDHex {
		t.Errorf("%s: schema %s at %x, want %s at %s", g.Source, e.SchemaID, e.ReplayID, g.SchemaID, g.ReplayIDHex)
	}
	schema, err := bus.Schema(t.Context(), e.SchemaID)
	if err != nil {
		t.Fatal(err)
	}
	events, err := table.Events(schema)
	if err != nil {
		t.Fatal(err)
	}
	if err := events.Decode(change, e.Payload); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for i, c := range table.Columns() {
		switch state, value := change.Value(i); state {
		case minimize.Unset:
		case minimize.Known:
			said[c.Name] = string(value)
		default:
			said[c.Name] = "(" + state.String() + ")"
		}
	}
	if diff := cmp.Diff(g.says(table.Columns()), said); diff != "" {
		t.Errorf("%s %s (-vector +decoded):\n%s", g.Source, g.id(), diff)
	}
	if change.RecordID(0) != g.id() || change.TransactionKey() != g.header("transactionKey") || float64(change.Commit()*1000) != g.header("commitTimestamp") {
		t.Errorf("%s: header of %s, %s, %d", g.Source, change.RecordID(0), change.TransactionKey(), change.Commit())
	}
}

// The captured events end in SQLite, sealed, and are revealed equal to the
// capture. The records that the captured updates are about are given to the
// first copy: an org's Bulk answer with their ids put in.
func TestCapturedCopy(t *testing.T) {
	t.Parallel()
	org, goldens := capturedOrg(t)
	extend(org)
	held := map[string]string{} // captured id -> id in the test org
	for _, g := range goldens {
		if g.header("changeType") == "UPDATE" && held[g.id()] == "" {
			held[g.id()] = org.Insert("Account", map[string]any{"Name": "as first read", "Phone": "555-0100"})
		}
	}
	org.Intercept(salesforcetest.Fault{Path: "/results", Times: -1, Rewrite: func(csv []byte) []byte {
		for id, here := range held {
			csv = bytes.ReplaceAll(csv, []byte(here), []byte(id))
		}
		return csv
	}})
	all, dir := captures(t, goldens), t.TempDir()
	if err := org.Replay(accountTopic, capturedSchemas(t), all[:1]); err != nil {
		t.Fatal(err)
	}
	policy := accountPolicy(t, rest.New(newClient(t, org)))
	r := open(t, org, dir, policy)
	r.until("the first copy", func() bool { return r.count("Account") == len(held) })
	r.must(r.close())

	if err := org.Replay(accountTopic, capturedSchemas(t), all); err != nil {
		t.Fatal(err)
	}
	r = open(t, org, dir, policy)
	last := goldens[0] // the one that is in no file comes last
	r.until("the captures", func() bool { return r.reveal(last.id())["ShippingStreet"] == "101 California St" })
	table, err := r.policy.Compile("Account", describeOf(t, rest.New(newClient(t, org)), "Account"))
	r.must(err)
	for _, g := range goldens {
		want := g.says(table.Columns())
		revealed := r.reveal(g.id())
		got := maps.Clone(revealed)
		maps.DeleteFunc(got, func(name, _ string) bool { _, said := want[name]; return !said })
		if g.header("transactionKey") == "00034c74-0500-aa77-fc35-265917470e99" {
			delete(want, "LastModifiedDate") // the later update of the same record has another
			delete(got, "LastModifiedDate")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s (-vector +revealed):\n%s", g.Source, g.id(), diff)
		}
		if g.header("changeType") == "UPDATE" && revealed["Phone"] != "555-0100" {
			t.Errorf("%s: a field that the event does not name is %q", g.Source, revealed["Phone"])
		}
	}
	if dirty := r.dirty("Account"); len(dirty) > 0 || r.count("Account") != 5 {
		t.Errorf("%d rows, dirty %v; want the 2 of the first copy and the 3 created, none dirty", r.count("Account"), dirty)
	}
	for _, secret := range []string{"101 California St", "Bulk Acc1", "asdkjansd@asd.com", "9283921923", "Burlington Textiles", "as first read", "555-0100"} {
		if files := filesWith(t, dir, []byte(secret)); files != nil {
			t.Errorf("%q lies open in %v", secret, files)
		}
	}
}

// count is the number of live rows, 0 before there is a table.
func (r *rig) count(object string) (n int) {
	r.Helper()
	for row, err := range r.rows.Rows(r.Context(), object) {
		if fault.CodeOf(err) == fault.NotFound { // not prepared yet
			return 0
		}
		r.must(err)
		if row.Mark == store.Live {
			n++
		}
	}
	return n
}

// reveal opens an Account.
func (r *rig) reveal(id string) map[string]string {
	r.Helper()
	opener, err := r.vault.Opener(anyone{})
	r.must(err)
	table, err := r.rows.Table(r.Context(), "Account")
	r.must(err)
	row, values := r.row("Account", id), map[string]string{}
	for i, cell := range row.Cells {
		switch cell.State {
		case store.Null:
			values[table.Columns[i].Name] = "(null)"
		case store.Value:
			values[table.Columns[i].Name], err = reveal(opener, table, row, i)
			r.must(err)
		}
	}
	return values
}

// filesWith lists the files under dir in which the bytes are, as they are or in
// base64 or hex.
func filesWith(t testing.TB, dir string, what []byte) (files []string) {
	t.Helper()
	forms := [][]byte{what, []byte(hex.EncodeToString(what)), []byte(base64.StdEncoding.EncodeToString(what))}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if slices.ContainsFunc(forms, func(form []byte) bool { return bytes.Contains(content, form) }) {
			files = append(files, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
