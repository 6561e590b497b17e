package bulk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/bulk"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// In every org of these tests; the page size makes 5 pages.
const (
	records  = 23
	pageSize = 5
	query    = "SELECT Id, LastName, Description FROM Contact ORDER BY Id"
)

// text is the description of the i-th contact: all that CSV can trip over.
func text(i int) string {
	return []string{"", "plain", `say "hi"`, "a,b", "line\nbreak", "line\r\nbreak", `"`, "café ☕"}[i%8]
}

func newOrg(t testing.TB, cfg salesforcetest.Config) (*salesforcetest.Org, *bulk.Jobs) {
	t.Helper()
	if cfg.BulkPage == 0 {
		cfg.BulkPage = pageSize
	}
	org, err := salesforcetest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { org.Close() })
	for i := range records {
		org.Insert("Contact", map[string]any{"LastName": fmt.Sprintf("Name%02d", i), "Description": text(i)})
	}
	return org, newJobs(t, org, "67.0")
}

// newJobs is a client of the org that speaks an API version.
func newJobs(t testing.TB, org *salesforcetest.Org, version string) *bulk.Jobs {
	t.Helper()
	settings, err := salesforce.FromEnv(org.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	settings.APIVersion = version
	client, err := salesforce.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return bulk.New(client)
}

// complete creates a job and waits for it.
func complete(t testing.TB, jobs *bulk.Jobs) bulk.Job {
	t.Helper()
	job, err := jobs.Create(t.Context(), query, false)
	if err == nil {
		job, err = jobs.Wait(t.Context(), job.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// read reads a page to its end.
func read(page bulk.Page) (rows []string, err error) {
	for row, err := range page.Rows() {
		if err != nil {
			return rows, err
		}
		rows = append(rows, string(bytes.Join(row[1:], []byte("|"))))
	}
	return rows, nil
}

// want are the rows of all contacts, without their ids.
func want() (rows []string) {
	for i := range records {
		rows = append(rows, fmt.Sprintf("Name%02d|%s", i, text(i)))
	}
	return rows
}

func TestJob(t *testing.T) {
	t.Parallel()
	_, jobs := newOrg(t, salesforcetest.Config{BulkPolls: 1})
	job, err := jobs.Create(t.Context(), query, false)
	if err != nil || job.State != bulk.UploadComplete || job.Object != "Contact" || job.APIVersion != "67.0" ||
		time.Since(job.Created) > time.Minute || job.Created.After(time.Now()) {
		t.Fatalf("created %+v, %v", job, err)
	}
	for _, err := range jobs.Results(t.Context(), job, "") {
		if !errors.Is(err, fault.RequestInvalid) {
			t.Errorf("results of a job that waits: %v, want request_invalid", err)
		}
	}
	if job, err = jobs.Job(t.Context(), job.ID); err != nil || job.State != bulk.InProgress {
		t.Errorf("first poll %+v, %v; want in progress", job, err)
	}
	if job, err = jobs.Wait(t.Context(), job.ID); err != nil || job.State != bulk.JobComplete || job.Records != records {
		t.Errorf("waited for %+v, %v; want complete with %d records", job, err, records)
	}
	if _, err = jobs.Abort(t.Context(), job.ID); !errors.Is(err, fault.RequestInvalid) {
		t.Errorf("abort of a complete job: %v, want request_invalid", err)
	}
	for range 2 { // the second finds it gone
		if err := jobs.Delete(t.Context(), job.ID); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	if _, err = jobs.Job(t.Context(), job.ID); !errors.Is(err, fault.NotFound) {
		t.Errorf("deleted job: %v, want not_found", err)
	}
}

func TestJobEndings(t *testing.T) {
	t.Parallel()
	_, jobs := newOrg(t, salesforcetest.Config{BulkPolls: 3})
	job, err := jobs.Create(t.Context(), query, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := jobs.Delete(t.Context(), job.ID); err == nil {
		t.Error("a running job was deleted")
	}
	if job, err = jobs.Abort(t.Context(), job.ID); err != nil || job.State != bulk.Aborted {
		t.Errorf("abort gave %+v, %v", job, err)
	}
	if _, err := jobs.Wait(t.Context(), job.ID); !errors.Is(err, fault.Conflict) {
		t.Errorf("waited for an aborted job: %v, want conflict", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if job, err = jobs.Create(t.Context(), query, false); err != nil {
		t.Fatal(err)
	}
	if _, err := jobs.Wait(ctx, job.ID); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, fault.Timeout) {
		t.Errorf("wait with a deadline: %v, want timeout", err)
	}
}

// The org's answers are rewritten; none of their text may reach the fault.
func TestJobFaults(t *testing.T) {
	t.Parallel()
	org, jobs := newOrg(t, salesforcetest.Config{})
	for i, c := range []struct {
		name, body string
		want       fault.Code
		server     string
	}{
		{"failed for a field", `{"id":"750xx0000000001AAA","state":"Failed","createdDate":"2026-01-02T03:04:05.000+0000","apiVersion":67.0,"columnDelimiter":"COMMA","errorMessage":"INVALID_FIELD: CANARY"}`, fault.FieldLost, "INVALID_FIELD"},
		{"failed for time", `{"id":"750xx0000000001AAA","state":"Failed","createdDate":"2026-01-02T03:04:05.000+0000","apiVersion":67.0,"columnDelimiter":"COMMA","errorMessage":" QUERY_TIMEOUT : CANARY"}`, fault.TooLarge, "QUERY_TIMEOUT"},
		{"failed without code", `{"id":"750xx0000000001AAA","state":"Failed","createdDate":"2026-01-02T03:04:05.000+0000","apiVersion":67.0,"columnDelimiter":"COMMA","errorMessage":"CANARY was here"}`, fault.Unavailable, ""},
		{"failed silently", `{"id":"750xx0000000001AAA","state":"Failed","createdDate":"2026-01-02T03:04:05.000+0000","apiVersion":67.0,"columnDelimiter":"COMMA"}`, fault.Unavailable, ""},
		{"no JSON", `<html>CANARY</html>`, fault.ResponseInvalid, ""},
		{"no id", `{"id":"../CANARY","state":"JobComplete","createdDate":"2026-01-02T03:04:05.000+0000","apiVersion":67.0,"columnDelimiter":"COMMA"}`, fault.ResponseInvalid, ""},
		{"no version", `{"id":"750xx0000000001AAA","state":"JobComplete","createdDate":"2026-01-02T03:04:05.000+0000","apiVersion":"x/../","columnDelimiter":"COMMA"}`, fault.ResponseInvalid, ""},
		{"no date", `{"id":"750xx0000000001AAA","state":"JobComplete","apiVersion":67.0,"columnDelimiter":"COMMA"}`, fault.ResponseInvalid, ""},
		{"unknown delimiter", `{"id":"750xx0000000001AAA","state":"JobComplete","createdDate":"2026-01-02T03:04:05.000+0000","apiVersion":67.0,"columnDelimiter":"CANARY"}`, fault.ResponseInvalid, ""},
		{"too long", strings.Repeat(" ", 2<<20), fault.TooLarge, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			id := fmt.Sprintf("750xx00000000%02dAAA", i)
			org.Intercept(salesforcetest.Fault{Path: id, Status: http.StatusOK, Body: c.body, Times: -1})
			_, err := jobs.Wait(t.Context(), id)
			var f *fault.Error
			if !errors.As(err, &f) || f.Code() != c.want || f.ServerCode() != c.server {
				t.Errorf("error %v, want %s %s", err, c.want, c.server)
			}
			if strings.Contains(fmt.Sprintf("%v %+v", err, err), "CANARY") {
				t.Errorf("the answer's text is in the error: %v", err)
			}
		})
	}
	if _, err := jobs.Job(t.Context(), "../limits"); !errors.Is(err, fault.RequestInvalid) {
		t.Errorf("an id that is a path: %v, want request_invalid", err)
	}
}

func TestResults(t *testing.T) {
	t.Parallel()
	_, jobs := newOrg(t, salesforcetest.Config{})
	job := complete(t, jobs)
	var rows, locators []string
	next := ""
	for page, err := range jobs.Results(t.Context(), job, "") {
		if err != nil {
			t.Fatal(err)
		}
		if page.Locator != next {
			t.Errorf("page at %q, the one before said %q", page.Locator, next)
		}
		next, locators = page.Next, append(locators, page.Locator)
		if !slices.Equal(page.Header, []string{"Id", "LastName", "Description"}) {
			t.Errorf("header %q", page.Header)
		}
		got, err := read(page)
		if err != nil || len(got) != page.Records {
			t.Fatalf("%d of %d rows, %v", len(got), page.Records, err)
		}
		rows = append(rows, got...)
	}
	if !slices.Equal(rows, want()) || next != "" || len(locators) != 5 {
		t.Errorf("rows %q in %d pages, want %q in 5", rows, len(locators), want())
	}
	rows = nil
	for page, err := range jobs.Results(t.Context(), job, locators[2]) {
		if err != nil {
			t.Fatal(err)
		}
		got, _ := read(page)
		rows = append(rows, got...)
	}
	if !slices.Equal(rows, want()[2*pageSize:]) {
		t.Errorf("from the third page on: %q, want %q", rows, want()[2*pageSize:])
	}
}

// The org refuses results under another version than that of the job's
// creation, as after an upgrade of the client.
func TestResultsUseVersionOfJob(t *testing.T) {
	t.Parallel()
	org, newer := newOrg(t, salesforcetest.Config{})
	job := complete(t, newJobs(t, org, "60.0"))
	found, err := newer.Job(t.Context(), job.ID)
	if err != nil || found.APIVersion != "60.0" {
		t.Fatalf("job %+v, %v; want version 60.0", found, err)
	}
	for name, pages := range all(t.Context(), newer, found) {
		if rows, err := drain(pages); rows != records || err != nil {
			t.Errorf("%s: %d rows, %v; want %d", name, rows, err, records)
		}
	}
}

func TestResultsOfNothing(t *testing.T) {
	t.Parallel()
	for name, rewrite := range map[string]func([]byte) []byte{
		"header alone": func(b []byte) []byte { return b }, "empty body": func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org, jobs := newOrg(t, salesforcetest.Config{})
			org.Intercept(salesforcetest.Fault{Path: "/results", Rewrite: rewrite, Times: -1})
			job, err := jobs.Create(t.Context(), "SELECT Id FROM Lead", true)
			if err == nil {
				job, err = jobs.Wait(t.Context(), job.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, pages := range all(t.Context(), jobs, job) {
				n := 0
				for page, err := range pages {
					rows, err2 := read(page)
					if n++; err != nil || err2 != nil || len(rows) != 0 || page.Records != 0 {
						t.Errorf("rows %q, %v, %v; want none", rows, err, err2)
					}
				}
				if n != 1 {
					t.Errorf("%d pages, want one", n)
				}
			}
		})
	}
}

// Pages are named in several answers and may be read in any order.
func TestLinks(t *testing.T) {
	t.Parallel()
	_, jobs := newOrg(t, salesforcetest.Config{BulkPage: 2}) // 12 pages, in 3 answers of 5
	job := complete(t, jobs)
	var links []bulk.Link
	for link, err := range jobs.Links(t.Context(), job) {
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, link)
	}
	var rows []string
	for _, link := range slices.Backward(links) {
		page, body, err := jobs.Open(t.Context(), job, link)
		if err != nil {
			t.Fatal(err)
		}
		got, err := read(page)
		if err != nil || page.Locator != link.Locator {
			t.Errorf("page %q, %v; want %q", page.Locator, err, link.Locator)
		}
		rows = append(rows, got...)
		body.Close()
	}
	slices.Sort(rows)
	if !slices.Equal(rows, want()) || len(links) != 12 {
		t.Errorf("rows %q in %d pages, want %q in 12", rows, len(links), want())
	}
}
