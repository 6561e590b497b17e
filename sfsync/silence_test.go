package sfsync_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Changes that have no event raise an alarm an hour later, and are found. Those
// whose events come raise none.
func TestSilentObject(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		lost bool
	}{{"the event is lost", true}, {"the event comes", false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, salesforcetest.Config{}, contactPolicy)
			h.sync.Hasten(3600) // a look each second, and an hour of silence is one
			h.begin()
			if c.lost {
				h.org.LoseNext()
			}
			now := time.Now()
			h.clock.Store(now.Add(20 * time.Minute).Unix())
			h.org.Update("Contact", h.id, map[string]any{"LastName": "unheard"})
			h.clock.Store(now.Add(30 * time.Minute).Unix())
			silent := func() bool { return h.sync.Status().Objects["Contact"].Silent }
			if c.lost {
				h.await("the alarm", silent)
			}
			h.await("the change", h.equal)
			looks := h.looks(3)
			h.await("some looks", func() bool { return looks() || !c.lost && silent() })
			if silent() != c.lost {
				t.Errorf("the alarm is raised: %t", silent())
			}
			h.org.Update("Contact", h.id, map[string]any{"LastName": "heard"})
			h.await("the end of the alarm", func() bool { return h.equal() && !silent() })
		})
	}
}

// A restart within the hour hides no change that had no event, though keepalives
// have come since; nor does it take a change for unheard whose event came.
func TestSilentOverRestart(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{true, false} {
		t.Run(fmt.Sprintf("lost %t", lost), func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, salesforcetest.Config{}, contactPolicy)
			h.begin()
			now := time.Now()
			h.clock.Store(now.Add(20 * time.Minute).Unix())
			if lost {
				h.must(h.stop())
				h.org.LoseNext()
			}
			h.org.Update("Contact", h.id, map[string]any{"LastName": "changed"})
			if !lost {
				h.await("the change", h.equal)
				h.must(h.stop())
			}
			h.clock.Store(now.Add(30 * time.Minute).Unix())
			h.through(sfsync.Config{}, func(_ *watched, state *store.State) {
				at := state.Topics[contactTopic]
				if lost {
					at.AsOf += 30 * 60 // keepalives
				} else {
					at.AsOf -= 30 * 60 // none
				}
				state.Topics[contactTopic] = at
			})
			h.sync.Hasten(3600)
			h.stop = h.start()
			h.Cleanup(func() { h.stop() })
			silent := func() bool { return h.sync.Status().Objects["Contact"].Silent }
			if lost {
				h.await("the alarm and the change", func() bool { return silent() && h.equal() })
				return
			}
			looks := h.looks(3)
			h.await("some looks", func() bool { return looks() || silent() })
			if silent() {
				t.Error("the alarm is raised for a change that was heard")
			}
		})
	}
}

// An event that is delivered again says nothing of what came after it.
func TestOldEventKeepsAlarm(t *testing.T) {
	t.Parallel()
	h := newHistory(t, salesforcetest.Config{}, contactPolicy)
	h.sync.Hasten(3600)
	h.begin()
	other := h.org.Insert("Contact", map[string]any{"LastName": "heard"})
	h.await("the event", h.equal)
	silent := func() bool { return h.sync.Status().Objects["Contact"].Silent }
	now := time.Now()
	h.clock.Store(now.Add(20 * time.Minute).Unix())
	h.org.LoseNext()
	h.org.Update("Contact", h.id, map[string]any{"LastName": "unheard"})
	h.clock.Store(now.Add(30 * time.Minute).Unix())
	h.await("the alarm and the change", func() bool { return silent() && h.equal() && h.sync.Status().Ready(time.Hour) })
	before := h.row("Contact", other).Seq
	h.must(h.org.Redeliver(1))
	h.await("the event once more", func() bool { return h.row("Contact", other).Seq > before })
	if !silent() {
		t.Error("an old event ended the alarm")
	}
}

// looks reports whether the newest stamp has been asked for so often from now on.
func (h *history) looks(n int64) func() bool {
	var calls atomic.Int64
	h.org.Intercept(salesforcetest.Fault{Method: http.MethodPost, Path: "/composite", Match: func(r *http.Request) bool {
		if names("SystemModstamp+DESC")(r) {
			calls.Add(1)
		}
		return false
	}})
	return func() bool { return calls.Load() >= n }
}
