package sfsync

import (
	"context"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Wait is a fault that is being waited out.
type Wait struct {
	Code  fault.Code
	Until time.Time // when the next try is made
}

// waiter is a part of the run that waits.
type waiter struct {
	name string // of an object or topic, or "" for the run
	Wait
}

// waiting waits, and says so meanwhile and until the next try has lasted as
// long, at most a minute: one that fails again at once has not gone on. It
// returns false if ctx ended first.
func (s *status) waiting(ctx context.Context, name string, err error, wait time.Duration) bool {
	w := &waiter{name, Wait{fault.CodeOf(err), time.Now().Add(wait)}}
	s.waits(w, true)
	select {
	case <-time.After(wait):
		time.AfterFunc(min(wait, time.Minute), func() { s.waits(w, false) })
		return true
	case <-ctx.Done():
		s.waits(w, false)
		return false
	}
}

func (s *status) waits(w *waiter, now bool) {
	s.Lock()
	defer s.Unlock()
	if s.waiters == nil {
		s.waiters = map[*waiter]bool{}
	}
	if now {
		s.waiters[w] = true
	} else {
		delete(s.waiters, w)
	}
}

// longest returns the longest wait under each name. The caller holds the lock.
func (s *status) longest() map[string]Wait {
	longest := map[string]Wait{}
	for w := range s.waiters {
		if w.Until.After(longest[w.name].Until) {
			longest[w.name] = w.Wait
		}
	}
	return longest
}
