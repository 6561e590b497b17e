package salesforcetest_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

const bulkQuery = data + "/jobs/query"

// job creates a query job and returns its id.
func (c *client) job(fields map[string]any) string {
	c.t.Helper()
	var made struct{ ID, State string }
	status, _, body := c.do("POST", bulkQuery, fields)
	c.decode(status, body, &made)
	if made.State != "UploadComplete" || !strings.HasPrefix(made.ID, "750") {
		c.t.Fatalf("got %s", body)
	}
	return made.ID
}

type jobState struct {
	State                  string
	ErrorMessage           string
	JobType                string
	NumberRecordsProcessed int
	APIVersion             float64
}

func (c *client) poll(id string) (j jobState) {
	c.t.Helper()
	c.get(bulkQuery+"/"+id, &j)
	return j
}

func TestBulkCSV(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	account := c.Insert("Account", map[string]any{"Name": "Acme", "AnnualRevenue": 12345678, "NumberOfEmployees": 3})
	id := c.Insert("Contact", map[string]any{"LastName": `O"Neill, Jr`, "AccountId": account, "MailingStreet": "1 Elm St\r\nApt 2", "Birthdate": "1990-01-02",
		"CreatedDate": "2024-01-01T00:00:00Z"})
	gone := c.Insert("Contact", map[string]any{"LastName": "Gone"})
	c.Delete("Contact", gone)
	tests := []struct {
		name   string
		fields map[string]any
		want   string
	}{
		{"all facts", map[string]any{"operation": "query", "query": "SELECT Id, LastName, MailingStreet, FirstName, Birthdate, CreatedDate, DoNotCall, Account.Name FROM Contact"},
			`"Id","LastName","MailingStreet","FirstName","Birthdate","CreatedDate","DoNotCall","Account.Name"` + "\n" +
				`"` + id + `","O""Neill, Jr","1 Elm St` + "\r\n" + `Apt 2","","1990-01-02","2024-01-01T00:00:00.000Z","false","Acme"` + "\n"},
		{"numbers", map[string]any{"operation": "query", "query": "SELECT AnnualRevenue, NumberOfEmployees FROM Account"},
			"\"AnnualRevenue\",\"NumberOfEmployees\"\n\"12345678.0\",\"3\"\n"},
		{"no rows", map[string]any{"operation": "query", "query": "SELECT Id FROM Lead"}, "\"Id\"\n"},
		{"queryAll", map[string]any{"operation": "queryAll", "query": "SELECT Id, IsDeleted FROM Contact WHERE IsDeleted = true"}, "\"Id\",\"IsDeleted\"\n\"" + gone + "\",\"true\"\n"},
		{"delimiter and line ending", map[string]any{"operation": "query", "columnDelimiter": "TAB", "lineEnding": "CRLF", "contentType": "CSV",
			"query": "SELECT Id, Name FROM Account"}, "\"Id\"\t\"Name\"\r\n\"" + account + "\"\t\"Acme\"\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			job := c.job(tt.fields)
			if j := c.poll(job); j.State != "JobComplete" || j.JobType != "V2Query" || j.APIVersion != 67 {
				t.Fatalf("got %+v", j)
			}
			status, h, body := c.do("GET", bulkQuery+"/"+job+"/results", nil, "Accept", "text/csv")
			if status != 200 || string(body) != tt.want || h["Sforce-Locator"][0] != "null" || h.Get("Content-Type") != "text/csv" {
				t.Errorf("got %d %v %q, want %q", status, h, body, tt.want)
			}
			if want := fmt.Sprint(strings.Count(tt.want, id) + strings.Count(tt.want, gone) + strings.Count(tt.want, account) + strings.Count(tt.want, "12345678.0")); h.Get("Sforce-NumberOfRecords") != want {
				t.Errorf("Sforce-NumberOfRecords %s, want %s", h.Get("Sforce-NumberOfRecords"), want)
			}
		})
	}
}

func TestBulkPages(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{Records: 130, BulkPolls: 2})
	job := c.job(map[string]any{"operation": "query", "query": "SELECT Id, Email FROM Contact"})
	if status, _, body := c.do("GET", bulkQuery+"/"+job+"/results", nil); status != 400 {
		t.Errorf("results before the end: %d %s", status, body)
	}
	if status, _, _ := c.do("DELETE", bulkQuery+"/"+job, nil); status != 400 {
		t.Errorf("deletion of a running job: %d", status)
	}
	for i, want := range []string{"InProgress", "InProgress", "JobComplete", "JobComplete"} {
		if j := c.poll(job); j.State != want || want == "JobComplete" && j.NumberRecordsProcessed != 130 {
			t.Errorf("poll %d: %+v", i, j)
		}
	}
	if status, _, body := c.do("PATCH", bulkQuery+"/"+job, map[string]any{"state": "Aborted"}); status != 400 || !strings.Contains(string(body), "INVALIDJOBSTATE") {
		t.Errorf("abort of a complete job: %d %s", status, body)
	}
	seen := map[string]bool{}
	read := func(path string) string {
		status, h, body := c.do("GET", path, nil)
		if status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		rows, err := csv.NewReader(strings.NewReader(string(body))).ReadAll()
		if err != nil || fmt.Sprint(len(rows)-1) != h.Get("Sforce-NumberOfRecords") {
			t.Fatalf("%d rows of %s: %v", len(rows)-1, h.Get("Sforce-NumberOfRecords"), err)
		}
		for _, r := range rows[1:] {
			seen[r[0]] = true
		}
		return h.Get("Sforce-Locator")
	}
	pages, locator := 0, ""
	for locator != "null" {
		locator = read(bulkQuery + "/" + job + "/results?maxRecords=50&locator=" + url.QueryEscape(locator))
		pages++
	}
	if pages != 3 || len(seen) != 130 {
		t.Errorf("%d rows on %d pages", len(seen), pages)
	}
	clear(seen)
	for path := bulkQuery + "/" + job + "/resultPages?maxRecords=20"; path != ""; {
		var list struct {
			ResultPages    []struct{ ResultURL string }
			NextRecordsURL string
			Done           bool
		}
		c.get(path, &list)
		if len(list.ResultPages) > 5 || list.Done != (list.NextRecordsURL == "") {
			t.Fatalf("got %+v", list)
		}
		for _, p := range list.ResultPages {
			read(p.ResultURL)
		}
		path = list.NextRecordsURL
	}
	if len(seen) != 130 {
		t.Errorf("%d rows by result pages", len(seen))
	}
	if status, _, _ := c.do("GET", "/services/data/v66.0/jobs/query/"+job+"/results", nil); status != 409 {
		t.Errorf("results under another version: %d", status)
	}
	if status, _, _ := c.do("DELETE", bulkQuery+"/"+job, nil); status != 204 {
		t.Errorf("deletion: %d", status)
	}
	if status, _, body := c.do("GET", bulkQuery+"/"+job, nil); status != 404 || !strings.Contains(string(body), "NOT_FOUND") {
		t.Errorf("a deleted job: %d %s", status, body)
	}
}

func TestBulkRefusals(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{})
	for name, query := range map[string]string{"compound": "SELECT Id, MailingAddress FROM Contact", "count": "SELECT COUNT() FROM Contact", "offset": "SELECT Id FROM Contact OFFSET 5"} {
		if j := c.poll(c.job(map[string]any{"operation": "query", "query": query})); j.State != "Failed" || j.ErrorMessage == "" {
			t.Errorf("%s: %+v", name, j)
		}
	}
	if status, _, body := c.do("POST", bulkQuery, map[string]any{"operation": "query", "query": "SELECT Nope FROM Contact"}); status != 400 || !strings.Contains(string(body), "INVALID_FIELD") {
		t.Errorf("a wrong query: %d %s", status, body)
	}
	if status, _, _ := c.do("POST", bulkQuery, map[string]any{"operation": "insert", "query": "SELECT Id FROM Contact"}); status != 400 {
		t.Errorf("a wrong operation: %d", status)
	}
}

// BenchmarkBulk reads 100,000 contacts as CSV and tells what a record costs.
func BenchmarkBulk(b *testing.B) {
	c := newClient(b, salesforcetest.Config{})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const people = 50_000
	if err := c.Populate(people); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	records := 0
	for _, object := range []string{"Account", "Contact", "Order", "OrderItem", "Case", "Lead"} {
		records += c.Count(object)
	}
	job := c.job(map[string]any{"operation": "query", "query": "SELECT Id, FirstName, LastName, Email, MobilePhone, MailingStreet, MailingCity, SystemModstamp FROM Contact"})
	c.poll(job)
	b.ReportAllocs()
	for b.Loop() {
		if status, _, _ := c.do("GET", bulkQuery+"/"+job+"/results", nil, "Accept-Encoding", "identity"); status != 200 {
			b.Fatal(status)
		}
	}
	b.ReportMetric(people*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(records), "B/record")
}

func TestBulkJobsEnd(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{Records: 3, BulkPolls: 1})
	query := map[string]any{"operation": "query", "query": "SELECT Id FROM Contact"}
	c.FailJobs(1)
	failed, fine := c.job(query), c.job(query)
	for range 2 {
		c.poll(failed)
		c.poll(fine)
	}
	if j := c.poll(failed); j.State != "Failed" || j.ErrorMessage != "Tried more than fifteen times" {
		t.Errorf("failed: %+v", j)
	}
	aborted := c.job(query)
	c.AbortJobs()
	if a, f := c.poll(aborted).State, c.poll(fine).State; a != "Aborted" || f != "JobComplete" {
		t.Errorf("aborted: %s, the complete one: %s", a, f)
	}
	c.ExpireJobs()
	for _, path := range []string{"", "/results"} {
		if status, _, body := c.do("GET", bulkQuery+"/"+fine+path, nil); status != 404 || !strings.Contains(string(body), "NOT_FOUND") {
			t.Errorf("expired%s: %d %s", path, status, body)
		}
	}
}

func TestBulkOpenPoints(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{BulkEmptyBody: true, BulkUnisolated: true})
	empty := c.job(map[string]any{"operation": "query", "query": "SELECT Id FROM Lead"})
	c.poll(empty)
	if status, h, body := c.do("GET", bulkQuery+"/"+empty+"/results", nil); status != 200 || len(body) != 0 || h.Get("Sforce-NumberOfRecords") != "0" || h.Get("Sforce-Locator") != "null" {
		t.Errorf("no rows: %d %v %q", status, h, body)
	}
	ids := make([]string, 4)
	for i := range ids {
		ids[i] = c.Insert("Contact", map[string]any{"LastName": "Before"})
	}
	job := c.job(map[string]any{"operation": "query", "query": "SELECT Id, LastName FROM Contact WHERE LastName != 'Moved'"})
	c.poll(job)
	page := func(locator string) (string, http.Header) {
		_, h, body := c.do("GET", bulkQuery+"/"+job+"/results?maxRecords=1"+locator, nil)
		return string(body), h
	}
	first, h := page("")
	if !strings.Contains(first, ids[0]) {
		t.Fatalf("first page %q", first)
	}
	c.Update("Contact", ids[1], map[string]any{"LastName": "After"})
	c.Delete("Contact", ids[2])
	c.Update("Contact", ids[3], map[string]any{"LastName": "Moved"})
	second, h2 := page("&locator=" + h.Get("Sforce-Locator"))
	third, h3 := page("&locator=" + h2.Get("Sforce-Locator"))
	fourth, _ := page("&locator=" + h3.Get("Sforce-Locator"))
	if !strings.Contains(second, "After") || strings.Contains(third+fourth, `"003`) || h3.Get("Sforce-NumberOfRecords") != "0" {
		t.Errorf("late pages %q %q %q", second, third, fourth)
	}
}
