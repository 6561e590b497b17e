// Package retry repeats calls to Salesforce that failed for a passing reason,
// and holds calls back while the service asks for it.
//
// The rule it keeps: a call is repeated only for a fault that says a repeat may
// help, never sooner than the server asked, and never past the caller's
// context. What a wait ends in is the last fault itself, so that nothing of a
// retry loop shows in the error.
package retry

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Policy says how often and how patiently a call is repeated. Its zero value
// is the default of each field.
type Policy struct {
	// First is the mean wait before the second attempt; 0 is 500 ms. Each
	// further wait is on average twice as long, spread by a half either way so
	// that workers do not return in step.
	First time.Duration
	// Longest bounds a single wait; 0 is 30 s. A server that asks for more
	// gets its fault handed to the caller, who can do other work meanwhile.
	Longest time.Duration
	// Attempts bounds the calls made, the first included; 0 is 5.
	Attempts int
}

// Do calls op until it succeeds, fails for good, has used up its attempts, or
// ctx ends. The fault of the last call is returned; where ctx ended during a
// wait, that fault is fault.Canceled or fault.Timeout.
func (p Policy) Do(ctx context.Context, op func(context.Context) error) error {
	w := p.waits()
	run := func() error {
		err := op(ctx)
		w.asked = 0
		var e *fault.Error
		if errors.As(err, &e) {
			w.asked = e.RetryAfter()
		}
		if err != nil && (ctx.Err() != nil || !passing(err)) {
			return backoff.Permanent(err)
		}
		return err
	}
	err := backoff.Retry(run, backoff.WithContext(w, ctx))
	return fault.Wrap(err, fault.Internal, "retry.Do", "the call failed without a fault; please report it")
}

// passing tells faults that a repeat of the same call may mend. An expired
// session is not one: signing in again is the caller's own step.
func passing(err error) bool {
	return fault.Retryable(err) && fault.CodeOf(err) != fault.SessionExpired
}

func (p Policy) waits() *waits {
	if p.First <= 0 {
		p.First = 500 * time.Millisecond
	}
	if p.Longest <= 0 {
		p.Longest = 30 * time.Second
	}
	if p.Attempts <= 0 {
		p.Attempts = 5
	}
	grow := backoff.NewExponentialBackOff(backoff.WithInitialInterval(p.First), backoff.WithMultiplier(2),
		backoff.WithMaxInterval(p.Longest), backoff.WithMaxElapsedTime(0))
	return &waits{grow: grow, longest: p.Longest, left: p.Attempts - 1}
}

// waits is a backoff.BackOff that lets the server's wish win over its own.
type waits struct {
	grow    *backoff.ExponentialBackOff
	longest time.Duration
	left    int
	asked   time.Duration // of the last fault
}

// Reset is called by backoff.Retry before the first attempt only.
func (w *waits) Reset() { w.grow.Reset() }

func (w *waits) NextBackOff() time.Duration {
	if w.left <= 0 || w.asked > w.longest {
		return backoff.Stop
	}
	w.left--
	return min(max(w.grow.NextBackOff(), w.asked), w.longest)
}
