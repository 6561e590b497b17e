package bulk_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"net/http"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/bulk"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// all are the two ways to read a job.
func all(ctx context.Context, jobs *bulk.Jobs, job bulk.Job) map[string]iter.Seq2[bulk.Page, error] {
	return map[string]iter.Seq2[bulk.Page, error]{
		"sequential": jobs.Results(ctx, job, ""), "by links": linked(ctx, jobs, job),
	}
}

// linked yields the pages that links lead to.
func linked(ctx context.Context, jobs *bulk.Jobs, job bulk.Job) iter.Seq2[bulk.Page, error] {
	return func(yield func(bulk.Page, error) bool) {
		for link, err := range jobs.Links(ctx, job) {
			if err != nil {
				yield(bulk.Page{}, err)
				return
			}
			page, body, err := jobs.Open(ctx, job, link)
			more := yield(page, err)
			if err != nil {
				return
			}
			if body.Close(); !more {
				return
			}
		}
	}
}

// drain reads everything until the first error.
func drain(pages iter.Seq2[bulk.Page, error]) (rows int, err error) {
	for page, err := range pages {
		if err != nil {
			return rows, err
		}
		got, err := read(page)
		rows += len(got)
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

func header(name, value string) http.Header { return http.Header{name: {value}} }

// Every kind of damage to a page ends both ways of reading in a fault: a page
// is never merely shorter.
func TestDamagedPages(t *testing.T) {
	t.Parallel()
	org, jobs := newOrg(t, salesforcetest.Config{})
	cutLine := func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] }
	for _, c := range []struct {
		name  string
		fault salesforcetest.Fault
		want  fault.Code
	}{
		{"cut connection", salesforcetest.Fault{Cut: 30}, fault.Truncated},
		{"truncated gzip", salesforcetest.Fault{Truncate: 60}, fault.Truncated},
		{"a row less", salesforcetest.Fault{Rewrite: cutLine}, fault.ResponseInvalid},
		{"half a row less", salesforcetest.Fault{Rewrite: func(b []byte) []byte { return b[:len(b)-4] }}, fault.ResponseInvalid},
		{"a row more", salesforcetest.Fault{Rewrite: func(b []byte) []byte { return append(b, "\"CANARY\",\"\",\"\"\n"...) }}, fault.ResponseInvalid},
		{"no body", salesforcetest.Fault{Rewrite: func([]byte) []byte { return nil }}, fault.ResponseInvalid},
		{"no header row", salesforcetest.Fault{Rewrite: func(b []byte) []byte { return b[bytes.IndexByte(b, '\n')+1:] }}, fault.ResponseInvalid},
		{"a ragged row", salesforcetest.Fault{Rewrite: func(b []byte) []byte { return bytes.Replace(b, []byte("\"Name"), []byte("\"CANARY\",\"Name"), 1) }}, fault.PayloadInvalid},
		{"a stray quote", salesforcetest.Fault{Rewrite: func(b []byte) []byte { return bytes.Replace(b, []byte("\"Name"), []byte("\"CANARY\"Name"), 1) }}, fault.PayloadInvalid},
		{"an HTML page", salesforcetest.Fault{Status: 200, Body: "<html>CANARY</html>"}, fault.ResponseInvalid},
		{"no locator", salesforcetest.Fault{Status: 200, Body: "\"Id\"\n", Header: header("Sforce-Numberofrecords", "0")}, fault.ResponseInvalid},
		{"a negative count", salesforcetest.Fault{Status: 200, Body: "\"Id\"\n", Header: http.Header{"Sforce-Numberofrecords": {"-1"}, "Sforce-Locator": {"null"}}}, fault.ResponseInvalid},
		{"the end too early", salesforcetest.Fault{Status: 200, Body: "\"Id\"\n", Times: -1, Header: http.Header{"Sforce-Numberofrecords": {"0"}, "Sforce-Locator": {"null"}}}, fault.ResponseInvalid},
		{"denied", salesforcetest.Fault{Status: 403, Code: "INSUFFICIENT_ACCESS"}, fault.Denied},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, name := range []string{"sequential", "by links"} {
				job := complete(t, jobs)
				c.fault.Path = job.ID + "/results"
				disarm := org.Intercept(c.fault)
				rows, err := drain(all(t.Context(), jobs, job)[name])
				if name == "by links" && err == nil && rows != job.Records {
					continue // the caller counts
				}
				if !errors.Is(err, c.want) {
					t.Errorf("%s: %d rows and error %v, want %s", name, rows, err, c.want)
				}
				if err != nil && strings.Contains(err.Error(), "CANARY") {
					t.Errorf("%s: the page's text is in the error: %v", name, err)
				}
				disarm()
			}
		})
	}
}

func TestSamePageForEver(t *testing.T) {
	t.Parallel()
	org, jobs := newOrg(t, salesforcetest.Config{})
	job := complete(t, jobs)
	org.Intercept(salesforcetest.Fault{Path: "/results", Status: 200, Body: "\"Id\"\n", Times: -1,
		Header: http.Header{"Sforce-Numberofrecords": {"0"}, "Sforce-Locator": {"MQ"}}})
	if _, err := drain(jobs.Results(t.Context(), job, "")); !errors.Is(err, fault.ResponseInvalid) {
		t.Errorf("a page that leads to itself: %v, want response_invalid", err)
	}
}

func TestDamagedPageLists(t *testing.T) {
	t.Parallel()
	org, jobs := newOrg(t, salesforcetest.Config{})
	for name, body := range map[string]string{
		"no JSON":          `<html>`,
		"another host":     `{"resultPages":[{"resultUrl":"https://CANARY.example.com/services/data/v67.0/jobs/query/JOB/results?locator=MA"}],"done":true}`,
		"another job":      `{"resultPages":[{"resultUrl":"/services/data/v67.0/jobs/query/750CANARY000001AAA/results?locator=MA"}],"done":true}`,
		"another resource": `{"resultPages":[{"resultUrl":"/services/data/v67.0/limits"}],"done":true}`,
		"no next":          `{"resultPages":[],"done":false}`,
		"itself as next":   `{"resultPages":[],"done":false,"nextRecordsUrl":"/services/data/v67.0/jobs/query/JOB/resultPages"}`,
		"a foreign next":   `{"resultPages":[],"done":false,"nextRecordUrl":"//CANARY.example.com/x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job := complete(t, jobs)
			org.Intercept(salesforcetest.Fault{Path: job.ID + "/resultPages", Status: 200, Body: strings.ReplaceAll(body, "JOB", job.ID), Times: -1})
			_, err := drain(linked(t.Context(), jobs, job))
			if !errors.Is(err, fault.ResponseInvalid) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("error %v, want response_invalid", err)
			}
		})
	}
}

func TestResultsEndWithContext(t *testing.T) {
	t.Parallel()
	_, jobs := newOrg(t, salesforcetest.Config{})
	job := complete(t, jobs)
	for name := range all(t.Context(), jobs, job) {
		ctx, cancel := context.WithCancel(t.Context())
		for page, err := range all(ctx, jobs, job)[name] {
			if err != nil {
				if !errors.Is(err, fault.Canceled) || !errors.Is(err, context.Canceled) {
					t.Errorf("%s: error %v, want canceled", name, err)
				}
				break
			}
			_ = page
			cancel()
		}
		cancel()
	}
}

// A read that broke off in the middle goes on from the locator of the page that
// broke, and then it has every row.
func TestResultsGoOn(t *testing.T) {
	t.Parallel()
	org, jobs := newOrg(t, salesforcetest.Config{})
	job := complete(t, jobs)
	org.Intercept(salesforcetest.Fault{Path: "/results", Nth: 3, Cut: 50})
	var rows []string
	at, breaks := "", 0
	for done := false; !done && breaks < 5; {
		done = true
		for page, err := range jobs.Results(t.Context(), job, at) {
			var got []string
			if err == nil {
				got, err = read(page)
			}
			if err != nil {
				if !fault.Retryable(err) {
					t.Fatal(err)
				}
				done = false
				breaks++
				break
			}
			rows, at = append(rows, got...), page.Next
		}
	}
	if breaks != 1 || strings.Join(rows, ";") != strings.Join(want(), ";") {
		t.Errorf("%d breaks and rows %q, want 1 and %q", breaks, rows, want())
	}
}
