package sfsync_test

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// failLarge has each query job fail, as one that took the org too long, that
// would return more than so many records.
func (h *history) failLarge(records float64) (failed *atomic.Int64) {
	failed = new(atomic.Int64)
	h.org.Intercept(salesforcetest.Fault{Method: http.MethodGet, Path: "/jobs/query/", Times: -1, Rewrite: func(body []byte) []byte {
		var job map[string]any
		if json.Unmarshal(body, &job) != nil || job["state"] != "JobComplete" {
			return body
		}
		if n, _ := job["numberRecordsProcessed"].(float64); n <= records {
			return body
		}
		failed.Add(1)
		job["state"], job["errorMessage"] = "Failed", "QUERY_TIMEOUT: Your query request was running for too long."
		body, _ = json.Marshal(job)
		return body
	}})
	return failed
}

// Records that the org cannot read in one job are read in as many as it takes,
// in a run and in a pass, and what is gone of any part goes.
func TestReadTakesTooLong(t *testing.T) {
	t.Parallel()
	for name, finish := range map[string]func(*history){
		"run": func(h *history) { h.stop = h.start(); h.Cleanup(func() { h.stop() }) },
		"pass": func(h *history) {
			drift, err := h.sync.Reconcile(h.Context())
			h.must(err)
			if got := drift["Contact"]; got != (sfsync.Drift{Stale: 2, Gone: 1}) {
				h.Errorf("drift is %+v", got)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, salesforcetest.Config{Records: 44}, contactPolicy)
			h.sync.Hasten(10)
			h.copied()
			ids := h.ids("Contact")
			h.org.Silent("Contact", ids[3], map[string]any{"LastName": "silent"})
			h.org.Silent("Contact", ids[40], map[string]any{"LastName": "silent"})
			h.org.Delete("Contact", ids[20])
			h.must(h.org.Expire())
			failed := h.failLarge(12)
			jobs, _ := h.calls()
			finish(h)
			h.await("the comparison", func() bool { return failed.Load() > 0 && h.equal() && !h.sync.Status().Objects["Contact"].Owed })
			if d := h.difference(); d != "" {
				t.Error(d)
			}
			if n := jobs.Load(); n != 7 { // 1 of 43, 2 of 21 or 22, 4 of 10 to 12
				t.Errorf("%d jobs were made, want 7", n)
			}
		})
	}
}
