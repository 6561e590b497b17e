package sfsync_test

import (
	"bytes"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// jobsMade counts the query jobs that are created, and the pages asked for.
func (h *history) jobsMade() (jobs, pages *atomic.Int32) {
	jobs, pages = new(atomic.Int32), new(atomic.Int32)
	count := func(n *atomic.Int32, method, path string) {
		h.org.Intercept(salesforcetest.Fault{Method: method, Path: path, Match: func(*http.Request) bool { n.Add(1); return false }})
	}
	count(jobs, http.MethodPost, "/jobs/query")
	count(pages, http.MethodGet, "/results")
	return jobs, pages
}

// killed runs until a call is made, and stops with the call unanswered.
func (h *history) killed(f salesforcetest.Fault) {
	h.Helper()
	asked, let := make(chan struct{}), make(chan struct{})
	f.Rewrite = func(body []byte) []byte { close(asked); <-let; return body }
	h.org.Intercept(f)
	stop := h.start()
	<-asked
	h.must(stop())
	close(let)
}

// A read of all records, full or of stamps, is gone on with where it stopped,
// and a job that will not bring its rows any more is made again.
func TestJobsGoOn(t *testing.T) {
	t.Parallel()
	failed := func(body []byte) []byte {
		return bytes.Replace(body, []byte(`"state":"InProgress"`), []byte(`"state":"Failed","errorMessage":"QUERY_TIMEOUT: too long"`), 1)
	}
	get := func(f salesforcetest.Fault) func(h *history) {
		return func(h *history) { f.Method = http.MethodGet; h.org.Intercept(f) }
	}
	for _, c := range []struct {
		name  string
		play  func(h *history)
		jobs  int32
		pages int32 // at most: what was queued when it was killed is asked for again
	}{
		{"nothing happens", func(*history) {}, 1, 5},
		{"killed between pages", func(h *history) { h.killed(salesforcetest.Fault{Path: "/results", Nth: 3}) }, 1, 7},
		{"killed twice", func(h *history) {
			h.killed(salesforcetest.Fault{Path: "/results", Nth: 1})
			h.killed(salesforcetest.Fault{Path: "/results", Nth: 2})
		}, 1, 9},
		{"killed while the job is in progress", func(h *history) { h.killed(salesforcetest.Fault{Method: http.MethodGet, Path: "/jobs/query/", Nth: 1}) }, 1, 5},
		{"killed before the answer that names the job", func(h *history) { h.killed(salesforcetest.Fault{Method: http.MethodPost, Path: "/jobs/query"}) }, 2, 5},
		{"failed", func(h *history) { h.org.FailJobs(1) }, 2, 5},
		{"failed for time", get(salesforcetest.Fault{Path: "/jobs/query/", Nth: 1, Rewrite: failed}), 2, 5},
		{"aborted", func(h *history) {
			var once sync.Once
			h.org.Intercept(salesforcetest.Fault{Method: http.MethodGet, Path: "/jobs/query/", Match: func(*http.Request) bool { once.Do(h.org.AbortJobs); return false }})
		}, 2, 5},
		{"expired between pages", func(h *history) {
			h.killed(salesforcetest.Fault{Path: "/results", Nth: 3})
			h.org.ExpireJobs()
		}, 2, 9},
		{"of another API version", get(salesforcetest.Fault{Path: "/results", Nth: 1, Status: 409, Code: "API_ERROR"}), 2, 17},
		{"locator refused", get(salesforcetest.Fault{Path: "/results", Nth: 2, Status: 400, Code: "INVALIDLOCATOR"}), 2, 8},
		{"short page", get(salesforcetest.Fault{Path: "/results", Nth: 2, Rewrite: cutLine}), 2, 8},
	} {
		for _, kind := range []string{"full", "stamp"} {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				h := newHistory(t, salesforcetest.Config{Records: 44, BulkPage: 10, BulkPolls: 2}, contactPolicy)
				h.sync.Hasten(10)
				if kind == "stamp" {
					h.copied()
					h.org.Silent("Contact", h.ids("Contact")[30], map[string]any{"LastName": "silent"})
					h.must(h.org.Expire())
				}
				jobs, pages := h.jobsMade()
				c.play(h)
				h.stop = h.start()
				h.Cleanup(func() { h.stop() })
				h.await("the copy", h.equal)
				h.settle()
				if d := h.difference(); d != "" {
					t.Error(d)
				}
				if jobs.Load() != c.jobs || pages.Load() > c.pages {
					t.Errorf("%d jobs and %d pages were asked for, want %d and at most %d", jobs.Load(), pages.Load(), c.jobs, c.pages)
				}
			})
		}
	}
}

// cutLine takes the last row off a page.
func cutLine(body []byte) []byte {
	return body[:bytes.LastIndexByte(bytes.TrimSuffix(body, []byte("\n")), '\n')+1]
}
