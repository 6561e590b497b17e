package sfsync_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// names matches the re-reads whose body names one of the records.
func names(ids ...string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		for _, id := range ids {
			if strings.Contains(string(body), id) {
				return true
			}
		}
		return false
	}
}

// A record that makes every call it is part of fail does not keep the others
// from being read. It stays as it is, is reported, and is read once it can be.
func TestUnreadableRecord(t *testing.T) {
	t.Parallel()
	malformed := func(body []byte) []byte { return []byte(`[{"attributes":`) }
	for _, c := range []struct {
		name  string
		fault salesforcetest.Fault
		bad   int
	}{
		{"malformed id", salesforcetest.Fault{Status: 400, Code: "MALFORMED_ID"}, 1},
		{"several of them", salesforcetest.Fault{Status: 400, Code: "MALFORMED_ID"}, 3},
		{"record in use elsewhere", salesforcetest.Fault{Status: 404, Code: "ENTITY_IS_DELETED"}, 1},
		{"answer that is no JSON", salesforcetest.Fault{Rewrite: malformed}, 1},
		{"answer with another number of records", salesforcetest.Fault{Rewrite: func([]byte) []byte { return []byte(`[]`) }}, 1},
		{"record that cannot be decoded", salesforcetest.Fault{Rewrite: func(body []byte) []byte {
			return bytes.ReplaceAll(body, []byte(`"SystemModstamp":"`), []byte(`"SystemModstamp":"x`))
		}}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var log lines
			h := newHistory(t, salesforcetest.Config{}, contactPolicy)
			h.logTo(&log)
			h.sync.Hasten(3600) // what is tried again in an hour is tried in a second
			h.begin()
			ids := h.insert(40)
			h.await("the inserts", h.equal)
			bad := ids[7 : 7+c.bad]
			c.fault.Path, c.fault.Match, c.fault.Times = collections, names(bad...), -1
			disarm := h.org.Intercept(c.fault)
			h.gapAll(ids, "second")
			h.await("all but the bad", func() bool { return len(h.dirty("Contact")) == c.bad && h.unreadable() == c.bad })
			h.gapAll(ids[20:], "third")
			h.await("later changes", func() bool { return len(h.dirty("Contact")) == c.bad })
			disarm()
			h.await("the bad ones too", func() bool { return h.equal() && h.unreadable() == 0 })
			for _, id := range bad {
				if log.contain(id) {
					t.Error("a log line names the record")
				}
			}
			if !log.contain("cannot be read") {
				t.Error("no log line says so")
			}
		})
	}
}

// lines are what was logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) contain(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// logTo makes the Sync of the history log.
func (h *history) logTo(to io.Writer) {
	var err error
	h.sync, err = sfsync.New(sfsync.Config{Org: h.client, Policy: h.policy, Store: h.rows, Vault: h.vault,
		Logger: slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	h.must(err)
}

func (h *history) unreadable() int { return h.sync.Status().Objects["Contact"].Unreadable }

func (h *history) insert(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = h.org.Insert("Contact", map[string]any{"LastName": fmt.Sprint("contact ", i)})
	}
	return ids
}

// gapAll changes the records; their events are gap events.
func (h *history) gapAll(ids []string, name string) {
	for _, id := range ids {
		h.org.GapNext("")
		h.org.Update("Contact", id, map[string]any{"LastName": name})
	}
}

// readOlderThanGap: a read asked for after a gap event answers as if the event
// had not been, as a replica that lags does.
func readOlderThanGap(h *history) {
	h.sync.Hasten(600)
	h.begin()
	var old []byte
	h.org.Intercept(salesforcetest.Fault{Method: http.MethodPost, Path: collections, Rewrite: func(body []byte) []byte {
		old = bytes.Clone(body)
		return body
	}})
	h.gapAll([]string{h.id}, "second")
	h.await("a re-read", h.equal)
	h.org.Intercept(salesforcetest.Fault{Method: http.MethodPost, Path: collections, Rewrite: func([]byte) []byte { return old }})
	h.clock.Store(time.Now().Unix() + 5)
	h.gapAll([]string{h.id}, "third")
	h.passed()
	h.await("the re-read", func() bool { return len(h.dirty("Contact")) == 0 })
	h.clock.Store(0)
}

// An id that events have beaten three times is read while its object's batches
// wait, for one call: if that fails, the batches go first again.
func TestContestedRecord(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{false, true} {
		t.Run(fmt.Sprint("the call fails: ", fails), func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, salesforcetest.Config{}, contactPolicy)
			h.begin()
			release := h.dirtyThenHold()
			for n := range 3 { // an event beats the read that is held, and another read is held
				h.org.Update("Contact", h.id, map[string]any{"Email": fmt.Sprintf("%d@example.com", n)})
				h.passed()
				held := release
				var asked <-chan struct{}
				if n == 2 && fails {
					asked, release = h.holdRefusal()
				} else {
					asked, release = h.holdAnswer(http.MethodPost, collections)
				}
				held()
				<-asked
			}
			before := h.row("Contact", h.id).Seq
			h.org.Update("Contact", h.id, map[string]any{"Email": "waits@example.com"})
			waits := func() bool { return h.row("Contact", h.id).Seq == before }
			for deadline := time.Now().Add(300 * time.Millisecond); waits() && time.Now().Before(deadline); runtime.Gosched() {
			}
			if !waits() {
				t.Error("a batch was applied while the contested record was read")
			}
			if fails {
				asked, next := h.holdAnswer(http.MethodPost, collections)
				release()
				<-asked
				h.await("the batch that waited, before the next call is answered", func() bool { return !waits() })
				release = next
			}
			release()
			h.await("the copy", h.equal)
		})
	}
}

// holdRefusal is holdAnswer for a call that fails.
func (h *history) holdRefusal() (asked <-chan struct{}, release func()) {
	called, let := make(chan struct{}), make(chan struct{})
	var first sync.Once
	h.org.Intercept(salesforcetest.Fault{Method: http.MethodPost, Path: collections, Hold: let, Status: 400, Code: "MALFORMED_ID",
		Match: func(*http.Request) bool { first.Do(func() { close(called) }); return true }})
	release = sync.OnceFunc(func() { close(let) })
	h.Cleanup(release)
	return called, release
}

// Where every record fails, the cause is in none of them: the calls do not
// grow with the records.
func TestNoRecordReadable(t *testing.T) {
	t.Parallel()
	h := newHistory(t, salesforcetest.Config{}, contactPolicy)
	h.begin()
	var calls atomic.Int64
	h.org.Intercept(salesforcetest.Fault{Method: http.MethodPost, Path: collections, Status: 400, Code: "MALFORMED_ID", Times: -1,
		Match: func(*http.Request) bool { calls.Add(1); return true }})
	hold := h.org.HoldPublish()
	h.gapAll(h.insert(300), "second")
	hold()
	h.await("the search for the cause", func() bool { return h.unreadable() >= 8 })
	h.passed()
	if n := calls.Load(); n > 40 || h.unreadable() > 10 {
		t.Errorf("%d calls, %d records given up", n, h.unreadable())
	}
}

// What an event sends as a diff, or as a double that cannot hold it, is read.
func TestInexactValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, object, policy string
		before, after        map[string]any
	}{
		{"diff", "Contact", contactPolicy, map[string]any{"LastName": "first", "Description": strings.Repeat("a line of text\n", 100)},
			map[string]any{"Description": strings.Repeat("a line of text\n", 60) + "another\n" + strings.Repeat("a line of text\n", 40)}},
		{"number of 18 digits", "Account", revenuePolicy, map[string]any{"Name": "first", "AnnualRevenue": 1000},
			map[string]any{"AnnualRevenue": "123456789012345678"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, salesforcetest.Config{PubSub: salesforcetest.PubSub{DiffText: true}}, c.policy)
			id := h.org.Insert(c.object, c.before)
			h.begin()
			answer := h.failReads()
			h.org.Update(c.object, id, c.after)
			h.await("the debt", func() bool { return slices.Equal(h.dirty(c.object), []string{id}) })
			answer()
			h.await("the value", h.equal)
			h.must(h.stop())
		})
	}
}

const revenuePolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Account:
    purpose: [support]
    person: [Id]
    plain: {AnnualRevenue}
    personal: {Name}
`
