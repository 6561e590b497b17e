package sfsync_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/internal/bubble"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// polled plays with a polled copy on the clock of a bubble, on which an hour
// takes no time.
func polled(t *testing.T, cfg salesforcetest.Config, play func(h *history)) {
	bubble.Test(t, func(t *testing.T) {
		h := &history{rig: openPolled(t, cfg, t.TempDir())}
		h.id = h.org.Insert("Contact", map[string]any{"LastName": "first"})
		time.Sleep(time.Hour)
		play(h)
	})
}

func openPolled(t *testing.T, cfg salesforcetest.Config, dir string) *rig {
	net := &network{}
	cfg.Listen = net.listen
	org, err := salesforcetest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { org.Close() })
	r := open(t, org, dir, polledPolicy)
	net.use(r.client)
	r.configure(func(cfg *sfsync.Config) { cfg.ReconcileEvery = -1 })
	return r
}

// pass makes one pass, after which the copy must be the org.
func (h *history) pass() {
	h.Helper()
	h.must(h.sync.CatchUp(h.Context()))
	if d := h.difference(); d != "" {
		h.Fatal(d)
	}
}

// A transaction that stays open for hours, over many passes, commits stamps that
// are long past then.
func TestPollLongTransaction(t *testing.T) {
	polled(t, salesforcetest.Config{Records: 10}, func(h *history) {
		h.pass()
		ids := h.ids("Contact")
		tx := h.org.Begin()
		defer tx.Rollback()
		h.must(tx.Update("Contact", ids[0], map[string]any{"LastName": "committed late"}))
		h.must(tx.Delete("Contact", ids[1]))
		_, err := tx.Insert("Contact", map[string]any{"LastName": "inserted late"})
		h.must(err)
		for range 12 {
			time.Sleep(10 * time.Minute)
			h.org.Insert("Contact", map[string]any{"LastName": "meanwhile"})
			h.pass()
		}
		h.must(tx.Commit())
		time.Sleep(2 * time.Minute)
		h.pass()
	})
}

// The first position waits for an open transaction as well.
func TestPollFirstCopyBesideTransaction(t *testing.T) {
	polled(t, salesforcetest.Config{Records: 10}, func(h *history) {
		tx := h.org.Begin()
		defer tx.Rollback()
		h.must(tx.Update("Contact", h.id, map[string]any{"LastName": "committed late"}))
		time.Sleep(time.Hour)
		commit := sync.OnceFunc(func() { h.must(tx.Commit()) }) // once the job has read
		h.org.Intercept(salesforcetest.Fault{Path: "/results", Rewrite: func(body []byte) []byte { commit(); return body }})
		h.must(h.sync.CatchUp(h.Context()))
		time.Sleep(2 * time.Minute)
		h.pass()
	})
}

// A transaction commits between the two calls of a pass: what one of them says
// is complete is not so in the other.
func TestPollCommitBetweenCalls(t *testing.T) {
	polled(t, salesforcetest.Config{Records: 10}, func(h *history) {
		h.pass()
		ids := h.ids("Contact")
		tx := h.org.Begin()
		defer tx.Rollback()
		h.must(tx.Update("Contact", ids[0], map[string]any{"LastName": "between"}))
		h.must(tx.Delete("Contact", ids[1]))
		time.Sleep(time.Hour)
		commit := sync.OnceFunc(func() { h.must(tx.Commit()) })
		for _, path := range []string{"/deleted/", "/composite"} { // the first of them
			h.org.Intercept(salesforcetest.Fault{Path: path, Rewrite: func(body []byte) []byte { commit(); return body }})
		}
		h.must(h.sync.CatchUp(h.Context()))
		time.Sleep(30 * time.Minute)
		h.pass()
	})
}

// Deletes since the last pass that Salesforce does not list any more are found
// by a comparison; everything else as well.
func TestPollUnlisted(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault salesforcetest.Fault
	}{
		{"list purged", salesforcetest.Fault{Status: 400, Code: "INVALID_REPLICATION_DATE"}},
		{"too many ids", salesforcetest.Fault{Status: 400, Code: "EXCEEDED_ID_LIMIT"}},
		{"log begins later", salesforcetest.Fault{Rewrite: func(body []byte) []byte {
			return noDeletes([]byte(strings.ReplaceAll(string(body), `"earliestDateAvailable":"`, `"earliestDateAvailable":"2100-01-01T00:00:00.000+0000","was":"`)))
		}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			polled(t, salesforcetest.Config{Records: 10}, func(h *history) {
				h.pass()
				ids := h.ids("Contact")
				seq := h.row("Contact", ids[0]).Seq
				h.org.Update("Contact", ids[1], map[string]any{"LastName": "changed"})
				h.org.Delete("Contact", ids[2])
				time.Sleep(time.Hour)
				c.fault.Path = "/deleted/"
				h.org.Intercept(c.fault)
				h.pass()
				if now := h.row("Contact", ids[0]).Seq; now != seq {
					t.Errorf("a record that did not change was written: %d, then %d", seq, now)
				}
				h.org.Insert("Contact", map[string]any{"LastName": "after it"})
				h.pass()
			})
		})
	}
}

// A copy that was left alone for longer than Salesforce lists deletes.
func TestPollAfterWeeks(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		cfg, dir := salesforcetest.Config{Records: 10, Dir: t.TempDir()}, t.TempDir()
		h := &history{rig: openPolled(t, cfg, dir)}
		h.pass()
		ids := h.ids("Contact")
		h.org.Update("Contact", ids[1], map[string]any{"LastName": "changed"})
		h.org.Delete("Contact", ids[2])
		h.must(h.close())
		h.must(h.org.Close())
		time.Sleep(16 * 24 * time.Hour)
		h.rig = openPolled(t, cfg, dir)
		h.pass()
		h.org.Insert("Contact", map[string]any{"LastName": "after it"})
		h.pass()
	})
}

// A pass whose cursor is lost, or that dies in the middle, goes on behind the
// last row, even where all rows were stamped in one second.
func TestPollInterrupted(t *testing.T) {
	for _, c := range []struct {
		name, code    string
		times, passes int
	}{
		{"cursor always lost", "INVALID_QUERY_LOCATOR", -1, 1},
		{"died", "MALFORMED_QUERY", 1, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			polled(t, salesforcetest.Config{Records: 4500}, func(h *history) {
				h.pass()
				ids := h.ids("Contact")
				for _, some := range [][]string{ids, ids[1500:2500]} { // in another order than that of the ids
					h.must(h.org.Transaction(func(tx *salesforcetest.Tx) error { return updateAll(tx, some) }))
					time.Sleep(time.Hour)
				}
				h.org.Intercept(salesforcetest.Fault{Path: "/query/", Times: c.times, Status: 400, Code: c.code})
				for range c.passes - 1 {
					if h.sync.CatchUp(h.Context()) == nil {
						t.Error("the pass did not die")
					}
				}
				h.pass()
			})
		})
	}
}

func updateAll(tx *salesforcetest.Tx, ids []string) error {
	for _, id := range ids {
		if err := tx.Update("Contact", id, map[string]any{"LastName": "changed"}); err != nil {
			return err
		}
	}
	return nil
}

// A record that is deleted while the first copy is read does not come back with
// the answer from before.
func TestPollDeleteDuringRead(t *testing.T) {
	polled(t, salesforcetest.Config{Records: 10, BulkPolls: 60}, func(h *history) {
		created := make(chan struct{})
		h.org.Intercept(salesforcetest.Fault{Method: http.MethodPost, Path: "/jobs/query", Rewrite: func(body []byte) []byte { close(created); return body }})
		h.stop = h.start()
		h.Cleanup(func() { h.stop() })
		<-created
		h.org.Delete("Contact", h.id)
		time.Sleep(20 * time.Minute) // so late that no later poll lists it
		if !h.sync.Status().Objects["Contact"].Owed {
			t.Error("the first copy was made before the delete could be polled")
		}
		time.Sleep(time.Hour)
		h.must(h.stop())
		if d := h.difference(); d != "" {
			t.Error(d)
		}
	})
}

// Nor does one come back with a backfill that the copy never had otherwise: it
// was inserted and deleted between two polls, and the backfill read it between.
func TestPollDeleteDuringBackfill(t *testing.T) {
	polled(t, salesforcetest.Config{Records: 10, BulkPolls: 60}, func(h *history) {
		h.stop = h.start()
		h.Cleanup(func() { h.stop() })
		time.Sleep(time.Hour + 7*time.Second) // between two polls
		created := make(chan struct{})
		h.org.Intercept(salesforcetest.Fault{Method: http.MethodPost, Path: "/jobs/query", Rewrite: func(body []byte) []byte { close(created); return body }})
		brief := h.org.Insert("Contact", map[string]any{"LastName": "brief"})
		read := make(chan error)
		go func() { read <- h.sync.Backfill(h.Context(), "Contact", authorised()) }()
		<-created
		if h.row("Contact", brief).Mark != store.Absent {
			t.Error("a poll came before the backfill")
		}
		h.org.Delete("Contact", brief)
		h.must(<-read)
		time.Sleep(time.Hour)
		h.must(h.stop())
		if d := h.difference(); d != "" {
			t.Error(d)
		}
	})
}

// A running copy follows an object that has no change events.
func TestPolled(t *testing.T) {
	polled(t, salesforcetest.Config{Records: 20}, func(h *history) {
		h.org.Select("Contact", false)
		h.stop = h.start()
		h.Cleanup(func() { h.stop() })
		id := h.id
		for _, step := range []struct {
			name string
			do   func()
		}{
			{"the first copy", func() {}},
			{"an insert", func() { id = h.org.Insert("Contact", map[string]any{"LastName": "inserted"}) }},
			{"an update", func() { h.org.Update("Contact", id, map[string]any{"Email": "changed@example.com"}) }},
			{"a delete", func() { h.org.Delete("Contact", id) }},
			{"an undelete", func() { h.org.Undelete("Contact", id) }},
		} {
			step.do()
			time.Sleep(10 * time.Minute)
			if d := h.difference(); d != "" {
				t.Errorf("%s: %s", step.name, d)
			}
		}
		h.must(h.stop())
	})
}
