package sfsync_test

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// calls counts the query jobs that are created, and the records read by id.
func (h *history) calls() (jobs, ids *atomic.Int64) {
	jobs, ids = new(atomic.Int64), new(atomic.Int64)
	h.org.Intercept(salesforcetest.Fault{Method: http.MethodPost, Path: "/jobs/query", Match: func(*http.Request) bool { jobs.Add(1); return false }})
	h.org.Intercept(salesforcetest.Fault{Method: http.MethodPost, Path: collections, Match: func(r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		ids.Add(int64(bytes.Count(body, []byte(`"003`))))
		return false
	}})
	return jobs, ids
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
		name string
		play func(h *history)
		jobs int64
	}{
		{"nothing happens", func(*history) {}, 1},
		{"a page cut", get(salesforcetest.Fault{Path: "/results", Nth: 2, Times: 4, Cut: 300}), 1},
		{"killed between pages", func(h *history) { h.killed(salesforcetest.Fault{Path: "/results", Nth: 3}) }, 1},
		{"killed twice", func(h *history) {
			h.killed(salesforcetest.Fault{Path: "/results", Nth: 1})
			h.killed(salesforcetest.Fault{Path: "/results", Nth: 2})
		}, 1},
		{"killed while the job is in progress", func(h *history) { h.killed(salesforcetest.Fault{Method: http.MethodGet, Path: "/jobs/query/", Nth: 1}) }, 1},
		{"killed before the answer that names the job", func(h *history) { h.killed(salesforcetest.Fault{Method: http.MethodPost, Path: "/jobs/query"}) }, 2},
		{"failed", func(h *history) { h.org.FailJobs(1) }, 2},
		{"failed for time", get(salesforcetest.Fault{Path: "/jobs/query/", Nth: 1, Rewrite: failed}), 3}, // one for each half
		{"aborted", func(h *history) {
			var once sync.Once
			h.org.Intercept(salesforcetest.Fault{Method: http.MethodGet, Path: "/jobs/query/", Match: func(*http.Request) bool { once.Do(h.org.AbortJobs); return false }})
		}, 2},
		{"expired between pages", func(h *history) {
			h.killed(salesforcetest.Fault{Path: "/results", Nth: 3})
			h.org.ExpireJobs()
		}, 2},
		{"of another API version", get(salesforcetest.Fault{Path: "/results", Nth: 1, Status: 409, Code: "API_ERROR"}), 2},
		{"locator refused", get(salesforcetest.Fault{Path: "/results", Nth: 2, Status: 400, Code: "INVALIDLOCATOR"}), 2},
		{"short page", get(salesforcetest.Fault{Path: "/results", Nth: 2, Rewrite: cutLine}), 2},
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
				jobs, ids := h.calls()
				c.play(h)
				h.stop = h.start()
				h.Cleanup(func() { h.stop() })
				h.await("the copy", h.equal)
				h.settle()
				if d := h.difference(); d != "" {
					t.Error(d)
				}
				if jobs.Load() != c.jobs {
					t.Errorf("%d jobs were made, want %d", jobs.Load(), c.jobs)
				}
				// A row that one read brings twice is read by id as well.
				if n := ids.Load(); n > 8 {
					t.Errorf("%d records were read by id", n)
				}
			})
		}
	}
}

// cutLine takes the last row off a page.
func cutLine(body []byte) []byte {
	return body[:bytes.LastIndexByte(bytes.TrimSuffix(body, []byte("\n")), '\n')+1]
}

// The pages of a job are read at once: no page waits for another to come.
func TestPagesAtOnce(t *testing.T) {
	t.Parallel()
	h := newHistory(t, salesforcetest.Config{Records: 44, BulkPage: 10}, contactPolicy)
	let := make(chan struct{})
	var asked atomic.Int32
	h.org.Intercept(salesforcetest.Fault{Path: "/results", Times: -1, Hold: let, Match: func(*http.Request) bool {
		if asked.Add(1) == 3 {
			close(let)
		}
		return true
	}})
	h.begin()
	h.must(h.stop())
}
