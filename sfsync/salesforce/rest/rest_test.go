package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/rest"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// connect starts a test org and returns it with a client of it.
func connect(t testing.TB, cfg salesforcetest.Config) (*salesforcetest.Org, *rest.Client) {
	t.Helper()
	server, err := salesforcetest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	env, err := salesforce.FromEnv(server.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	org, err := salesforce.New(env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { org.Close() })
	return server, rest.New(org)
}

func contact(i int) map[string]any {
	return map[string]any{"LastName": "Name" + strconv.Itoa(i), "Email": fmt.Sprintf("p%d@example.com", i)}
}

// read runs a query to its end.
func read(ctx context.Context, c *rest.Client, soql string) (records []map[string]any, pages int, err error) {
	for page, err := range c.Pages(ctx, soql) {
		if err != nil {
			return nil, 0, err
		}
		pages++
		for _, raw := range page.Records {
			var record map[string]any
			if err := json.Unmarshal(raw, &record); err != nil {
				return nil, 0, err
			}
			records = append(records, record)
		}
		if age := time.Since(page.ServerTime); age < 0 || age > time.Minute {
			return nil, 0, fmt.Errorf("server time %v ago", age)
		}
	}
	return records, pages, nil
}

// shared finds the captured answers beside the checkout.
func shared(t *testing.T, name string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	data, err := os.ReadFile(filepath.Join(dir, "..", "shared", "data", "captured-rest", name))
	if err != nil {
		t.Skip("the captured answers are not beside this checkout; put them at ../shared/data")
	}
	return data
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	server, c := connect(t, salesforcetest.Config{})
	raw, err := c.Describe(t.Context(), "Contact")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Name   string
		Fields []struct{ Name string }
	}
	if err := json.Unmarshal(raw, &d); err != nil || d.Name != "Contact" || len(d.Fields) < 10 {
		t.Errorf("describe of %q with %d fields: %v", d.Name, len(d.Fields), err)
	}
	server.DenyObject("Contact")
	_, err = c.Describe(t.Context(), "Contact")
	var e *fault.Error
	if !errors.As(err, &e) || e.Code() != fault.ObjectLost || e.Object() != "Contact" || e.HTTPStatus() != 404 {
		t.Errorf("hidden object: %v", err)
	}
	if _, err := c.Describe(t.Context(), "Contact/../../x"); !errors.Is(err, fault.RequestInvalid) {
		t.Errorf("path for a name: %v", err)
	}
}

// TestDescribeCaptured serves a real describe; it arrives byte for byte.
func TestDescribeCaptured(t *testing.T) {
	t.Parallel()
	want := shared(t, "Lead_describe.json")
	server, c := connect(t, salesforcetest.Config{})
	server.Intercept(salesforcetest.Fault{Path: "/describe", Status: 200, Body: string(want)})
	got, err := c.Describe(t.Context(), "Lead")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d: %v", len(got), len(want), err)
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	server, c := connect(t, salesforcetest.Config{})
	rows, err := c.Query(t.Context(), "SELECT Id, Name, IsSandbox FROM Organization")
	if err != nil || len(rows) != 1 || rows[0].Text("Id") != server.OrgID() || rows[0].Bool("Name") || rows[0].Text("absent") != "" {
		t.Errorf("%v, %v", rows, err)
	}
	if _, ok := rows[0]["attributes"]; ok || len(rows[0]) != 3 {
		t.Errorf("more than was asked for: %v", slices.Collect(maps.Keys(rows[0])))
	}
	for range 2100 {
		server.Insert("Product2", map[string]any{"Name": "x"})
	}
	if rows, err = c.Query(t.Context(), "SELECT Id FROM Product2"); err != nil || len(rows) != 2100 {
		t.Errorf("%d rows: %v", len(rows), err)
	}
	_, err = c.Query(t.Context(), "SELECT Nothing__c FROM Organization")
	if !errors.Is(err, fault.FieldLost) {
		t.Errorf("unknown field: %v", err)
	}
	rows, err = c.ToolingQuery(t.Context(), "SELECT SelectedEntity FROM PlatformEventChannelMember")
	if err != nil || len(rows) == 0 || !strings.HasSuffix(rows[0].Text("SelectedEntity"), "ChangeEvent") {
		t.Errorf("tooling: %v, %v", rows, err)
	}
}

func TestLimitsAndCounts(t *testing.T) {
	t.Parallel()
	server, c := connect(t, salesforcetest.Config{})
	limits, err := c.Limits(t.Context())
	if l := limits["DailyApiRequests"]; err != nil || l.Max != 100_000 || l.Remaining <= 0 || l.Remaining >= l.Max {
		t.Errorf("%+v, %v", l, err)
	}
	server.Insert("Contact", contact(1))
	counts, err := c.RecordCount(t.Context(), "Contact", "Lead")
	if err != nil || counts["Contact"] != 1 || counts["Lead"] != 0 || len(counts) != 2 {
		t.Errorf("%v, %v", counts, err)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	server, c := connect(t, salesforcetest.Config{})
	const n = 2100
	for i := range n {
		server.Insert("Contact", contact(i))
	}
	records, pages, err := read(t.Context(), c, "SELECT Id, LastName, Email FROM Contact ORDER BY CreatedDate, Id")
	if err != nil || len(records) != n || pages != 2 {
		t.Fatalf("%d records in %d pages: %v", len(records), pages, err)
	}
	seen := map[any]bool{}
	for _, r := range records {
		seen[r["LastName"]] = true
	}
	if len(seen) != n {
		t.Errorf("%d different records of %d", len(seen), n)
	}
	if records, pages, err = read(t.Context(), c, "SELECT Id FROM Contact WHERE Email = 'nobody@example.com'"); err != nil || len(records) != 0 || pages != 1 {
		t.Errorf("no rows: %d in %d pages: %v", len(records), pages, err)
	}
	for page, err := range c.Pages(t.Context(), "SELECT Id FROM Contact") {
		if err != nil || page.Total != n {
			t.Errorf("total %d: %v", page.Total, err)
		}
		break // leaves the other pages unread
	}
}

// TestPagesBroken: a query whose answer is not whole ends in a fault, never in
// fewer rows.
func TestPagesBroken(t *testing.T) {
	t.Parallel()
	change := func(old, new string) func([]byte) []byte {
		return func(body []byte) []byte { return bytes.Replace(body, []byte(old), []byte(new), 1) }
	}
	for _, c := range []struct {
		name  string
		fault salesforcetest.Fault
		want  error
	}{
		{"cut and made again", salesforcetest.Fault{Cut: 100}, nil},
		{"cut always", salesforcetest.Fault{Cut: 100, Times: -1}, fault.Truncated},
		{"truncated gzip", salesforcetest.Fault{Truncate: 100, Times: -1}, fault.Truncated},
		{"truncated JSON", salesforcetest.Fault{Rewrite: func(b []byte) []byte { return b[:len(b)/2] }}, fault.ResponseInvalid},
		{"more without where", salesforcetest.Fault{Rewrite: change(`"done":true`, `"done":false`)}, fault.ResponseInvalid},
		{"a link elsewhere", salesforcetest.Fault{Rewrite: change(`"done":true`, `"done":false,"nextRecordsUrl":"https://evil.example.com/services/data/v67.0/query/1"`)}, fault.HostRefused},
		{"a link to the token", salesforcetest.Fault{Rewrite: change(`"done":true`, `"done":false,"nextRecordsUrl":"/services/oauth2/userinfo"`)}, fault.HostRefused},
		{"no parts", salesforcetest.Fault{Status: 200, Body: `{"compositeResponse":[]}`}, fault.ResponseInvalid},
		{"no status", salesforcetest.Fault{Status: 200, Body: `{"compositeResponse":[{"body":{"done":true,"records":[]}}]}`}, fault.ResponseInvalid},
		{"no body", salesforcetest.Fault{Status: 200, Body: `{"compositeResponse":[{"httpStatusCode":200}]}`}, fault.ResponseInvalid},
		{"not JSON", salesforcetest.Fault{Status: 200, Body: `<html>CANARY93</html>`}, fault.ResponseInvalid},
		{"a dead session", salesforcetest.Fault{Status: 401, Code: "INVALID_SESSION_ID"}, nil},
		{"out of calls", salesforcetest.Fault{Status: 403, Body: `[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit exceeded. CANARY93"}]`}, fault.LimitExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, client := connect(t, salesforcetest.Config{})
			for i := range 3 {
				server.Insert("Contact", contact(i))
			}
			c.fault.Path = "/composite"
			server.Intercept(c.fault)
			records, _, err := read(t.Context(), client, "SELECT Id, LastName, Email FROM Contact WHERE LastName != 'CANARY93'")
			if !errors.Is(err, c.want) || c.want == nil && len(records) != 3 {
				t.Errorf("%d records, %v; want %v", len(records), err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "CANARY93") {
				t.Errorf("the error says too much: %v", err)
			}
		})
	}
}

func TestPagesRefused(t *testing.T) {
	t.Parallel()
	_, c := connect(t, salesforcetest.Config{})
	for soql, want := range map[string]error{
		"SELECT Nothing__c FROM Contact":                       fault.FieldLost,
		"SELECT Id FROM Nothing__c":                            fault.ObjectLost,
		"SELECT Id FROM Contact WHERE Email = 'CANARY93' OR (": fault.RequestInvalid,
	} {
		_, _, err := read(t.Context(), c, soql)
		if !errors.Is(err, want) || strings.Contains(err.Error(), "CANARY93") {
			t.Errorf("%s: %v, want %v", soql, err, want)
		}
	}
}

func TestRetrieve(t *testing.T) {
	t.Parallel()
	server, c := connect(t, salesforcetest.Config{})
	one, gone, two := server.Insert("Contact", contact(1)), server.Insert("Contact", contact(2)), server.Insert("Contact", contact(3))
	server.Delete("Contact", gone)
	answer, err := c.Retrieve(t.Context(), "Contact", []string{two, gone, one[:15]}, []string{"LastName"})
	if err != nil || len(answer.Records) != 3 || answer.Records[1] != nil || time.Since(answer.ServerTime) > time.Minute {
		t.Fatalf("%d records at %v: %v", len(answer.Records), answer.ServerTime, err)
	}
	for i, want := range map[int]string{0: `"Name3"`, 2: `"Name1"`} {
		if !bytes.Contains(answer.Records[i], []byte(want)) {
			t.Errorf("record %d: %s, want %s in it", i, answer.Records[i], want)
		}
	}
	if answer, err := c.Retrieve(t.Context(), "Contact", nil, nil); err != nil || len(answer.Records) != 0 {
		t.Errorf("no ids: %v", err)
	}
	for name, call := range map[string]struct {
		object string
		ids    []string
		fields []string
		want   error
	}{
		"an id of no record form": {"Contact", []string{one, "CANARY93"}, nil, fault.RequestInvalid},
		"a hidden field":          {"Contact", []string{one}, []string{"Nothing__c"}, fault.FieldLost},
		"too many":                {"Contact", make([]string, rest.MaxRetrieve+1), nil, fault.RequestInvalid},
		"no name":                 {"Contact/x", []string{one}, nil, fault.RequestInvalid},
	} {
		if _, err := c.Retrieve(t.Context(), call.object, call.ids, call.fields); !errors.Is(err, call.want) || strings.Contains(err.Error(), "CANARY93") {
			t.Errorf("%s: %v, want %v", name, err, call.want)
		}
	}
}

// TestRetrieveOutOfStep: an answer that does not fit the ids asked for gives
// nobody another's record, and makes nobody absent.
func TestRetrieveOutOfStep(t *testing.T) {
	t.Parallel()
	server, c := connect(t, salesforcetest.Config{})
	one, two := server.Insert("Contact", contact(1)), server.Insert("Contact", contact(2))
	record := func(id string) string { return `{"attributes":{"type":"Contact"},"Id":"` + id + `"}` }
	for name, body := range map[string]string{
		"swapped": "[" + record(two) + "," + record(one) + "]", "short": "[" + record(one) + "]", "long": "[" + record(one) + "," + record(two) + ",null]",
		"no id": `[{"LastName":"x"},null]`, "an object": "{}", "empty": "", "two lists": "[null,null][null,null]", "broken": "[null,nul]", "a text": `["x",null]`,
	} {
		disarm := server.Intercept(salesforcetest.Fault{Path: "/composite/sobjects", Status: 200, Body: body})
		if body == "" {
			disarm()
			disarm = server.Intercept(salesforcetest.Fault{Path: "/composite/sobjects", Rewrite: func([]byte) []byte { return nil }})
		}
		answer, err := c.Retrieve(t.Context(), "Contact", []string{one, two}, nil)
		if !errors.Is(err, fault.ResponseInvalid) || answer.Records != nil {
			t.Errorf("%s: %d records, %v", name, len(answer.Records), err)
		}
		disarm()
	}
}

func TestDeleted(t *testing.T) {
	t.Parallel()
	server, c := connect(t, salesforcetest.Config{})
	id := server.Insert("Contact", contact(1))
	server.Delete("Contact", id)
	now := time.Now()
	d, err := c.Deleted(t.Context(), "Contact", now.Add(-time.Hour), now.Add(2*time.Minute))
	if err != nil || !slices.Equal(d.IDs, []string{id}) || d.LatestCovered.IsZero() || d.Earliest.IsZero() || time.Since(d.ServerTime) > time.Minute {
		t.Errorf("%+v, %v", d, err)
	}
	_, err = c.Deleted(t.Context(), "Contact", now.Add(-100*24*time.Hour), now)
	var e *fault.Error
	if !errors.As(err, &e) || e.Code() != fault.RequestInvalid || e.ServerCode() != "INVALID_REPLICATION_DATE" || e.Object() != "Contact" {
		t.Errorf("outside the log: %v", err)
	}
	server.Intercept(salesforcetest.Fault{Path: "/deleted", Status: 200, Body: `{"deletedRecords":[{"id":"CANARY93"}],"latestDateCovered":"2026-01-01T00:00:00.000+0000"}`})
	if _, err := c.Deleted(t.Context(), "Contact", now.Add(-time.Hour), now); !errors.Is(err, fault.ResponseInvalid) {
		t.Errorf("no id: %v", err)
	}
}

func TestWrites(t *testing.T) {
	t.Parallel()
	server, c := connect(t, salesforcetest.Config{})
	ctx := t.Context()
	id, err := c.Create(ctx, "Contact", rest.Fields{"LastName": "Doe", "Email": "doe@example.com"})
	if err != nil || server.Record("Contact", id)["LastName"] != "Doe" {
		t.Fatalf("create: %v", err)
	}
	if err := c.Update(ctx, "Contact", id[:15], rest.Fields{"LastName": "Roe", "Email": nil}); err != nil {
		t.Fatal(err)
	}
	if r := server.Record("Contact", id); r["LastName"] != "Roe" || r["Email"] != "" {
		t.Errorf("after the update: %v", r)
	}
	if err := c.Delete(ctx, "Contact", id); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(ctx, "Contact", id); !errors.Is(err, fault.NotFound) {
		t.Errorf("second delete: %v", err)
	}
	product, err := c.Create(ctx, "OrderItem", rest.Fields{"UnitPrice": json.Number("9007199254740993"), "Quantity": 1})
	if err == nil {
		if got := server.Record("OrderItem", product)["UnitPrice"]; got != "9007199254740993" {
			t.Errorf("a number lost digits: %s", got)
		}
	}
	for name, err := range map[string]error{
		"unknown field": c.Update(ctx, "Contact", id, rest.Fields{"Nothing__c": "CANARY93"}),
		"no id":         c.Update(ctx, "Contact", "CANARY93", rest.Fields{"LastName": "x"}),
		"no value":      c.Update(ctx, "Contact", id, rest.Fields{"LastName": func() {}}),
	} {
		if fault.CodeOf(err) == "" || strings.Contains(err.Error(), "CANARY93") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUpsert(t *testing.T) {
	t.Parallel()
	server, c := connect(t, salesforcetest.Config{})
	var path string
	server.Intercept(salesforcetest.Fault{Method: http.MethodPatch, Times: -1, Match: func(r *http.Request) bool {
		path = r.URL.String()
		return false
	}})
	server.AddField("Contact", "Mail_Key__c", "string", 80)
	for _, created := range []bool{true, false} {
		id, got, err := c.Upsert(t.Context(), "Contact", "Mail_Key__c", rest.Fields{"Mail_Key__c": "CANARY93@example.com", "LastName": "Doe"})
		if err != nil || got != created || server.Record("Contact", id)["LastName"] != "Doe" {
			t.Errorf("created %v, want %v: %v", got, created, err)
		}
	}
	if strings.Contains(path, "CANARY93") || path == "" {
		t.Errorf("the external id is in the path %s", path)
	}
	if _, _, err := c.Upsert(t.Context(), "Contact", "Mail_Key__c", rest.Fields{"Mail_Key__c": "a", "Nothing__c": 1}); fault.CodeOf(err) == "" {
		t.Errorf("unknown field: %v", err)
	}
	if _, _, err := c.Upsert(t.Context(), "Contact", "Mail_Key__c", rest.Fields{"LastName": "Doe"}); !errors.Is(err, fault.RequestInvalid) {
		t.Errorf("no external id: %v", err)
	}
}

// TestContextEndsCalls: simpleforce knows no contexts, its transport does.
func TestContextEndsCalls(t *testing.T) {
	t.Parallel()
	server, c := connect(t, salesforcetest.Config{})
	hold := make(chan struct{})
	defer close(hold)
	var entered sync.WaitGroup
	entered.Add(1)
	server.Intercept(salesforcetest.Fault{Path: "/limits", Hold: hold, Match: func(*http.Request) bool { entered.Done(); return true }})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { entered.Wait(); cancel() }()
	if _, err := c.Limits(ctx); !errors.Is(err, fault.Canceled) || !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want canceled", err)
	}
}

// TestLostCursor: a query whose later pages are gone is broken off, not an
// object that is missing.
func TestLostCursor(t *testing.T) {
	t.Parallel()
	for _, f := range []salesforcetest.Fault{{Status: 400, Code: "INVALID_QUERY_LOCATOR"}, {Status: 404, Code: "NOT_FOUND"}} {
		t.Run(f.Code, func(t *testing.T) {
			t.Parallel()
			server, c := connect(t, salesforcetest.Config{Records: 2100})
			f.Method, f.Path = http.MethodGet, "/query/"
			server.Intercept(f)
			if _, _, err := read(t.Context(), c, "SELECT Id FROM Contact"); !errors.Is(err, fault.Truncated) {
				t.Errorf("a lost cursor is %v", err)
			}
			if records, _, err := read(t.Context(), c, "SELECT Id FROM Contact"); err != nil || len(records) != 2100 {
				t.Errorf("begun again: %d records, %v", len(records), err)
			}
		})
	}
}
