package sfsync_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
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
