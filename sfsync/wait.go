package sfsync

import (
	"context"
	"slices"
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
	over time.Time // when it counts no more; zero while it waits
}

// waiting waits, and says so meanwhile and until the next try has lasted as
// long, at most a minute: one that fails again at once has not gone on. It
// returns false if ctx ended first.
func (s *status) waiting(ctx context.Context, name string, err error, wait time.Duration) bool {
	w := &waiter{name: name, Wait: Wait{fault.CodeOf(err), time.Now().Add(wait)}}
	s.waits(w)
	select {
	case <-time.After(wait):
		s.waited(w, min(wait, time.Minute))
		return true
	case <-ctx.Done():
		s.waited(w, 0)
		return false
	}
}

func (s *status) waits(w *waiter) {
	s.Lock()
	defer s.Unlock()
	now := time.Now()
	s.waiters = append(slices.DeleteFunc(s.waiters, func(w *waiter) bool { return w.past(now) }), w)
}

func (s *status) waited(w *waiter, linger time.Duration) {
	s.Lock()
	defer s.Unlock()
	w.over = time.Now().Add(linger)
}

func (w *waiter) past(now time.Time) bool { return !w.over.IsZero() && !now.Before(w.over) }

// longest returns the longest wait under each name. The caller holds the lock.
func (s *status) longest() map[string]Wait {
	longest, now := map[string]Wait{}, time.Now()
	for _, w := range s.waiters {
		if !w.past(now) && w.Until.After(longest[w.name].Until) {
			longest[w.name] = w.Wait
		}
	}
	return longest
}
