package retry

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Limiter spaces the calls of all goroutines to one org, and pauses them all
// when the org has refused one for coming too soon.
type Limiter struct {
	rate *rate.Limiter

	mu    sync.Mutex
	until time.Time // no call starts before
}

// NewLimiter allows perSecond calls a second on average and a burst of the
// same size, at least one. A perSecond of 0 or less sets no limit of its own.
func NewLimiter(perSecond float64) *Limiter {
	if perSecond <= 0 {
		return &Limiter{rate: rate.NewLimiter(rate.Inf, 1)}
	}
	return &Limiter{rate: rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))}
}

// Wait returns when a call may start. Its fault is fault.Canceled or
// fault.Timeout, the latter at once if ctx would end before the turn comes.
func (l *Limiter) Wait(ctx context.Context) error {
	if err := l.pause(ctx); err != nil {
		return err
	}
	if err := l.rate.Wait(ctx); err != nil {
		return ended(ctx)
	}
	return nil
}

// Pause keeps every call back for d from now on; a longer pause already
// running stays.
func (l *Limiter) Pause(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := time.Now().Add(d); until.After(l.until) {
		l.until = until
	}
}

// pause waits until no pause runs: one may have been prolonged meanwhile.
func (l *Limiter) pause(ctx context.Context) error {
	for {
		wait := l.left()
		if wait <= 0 {
			return nil
		}
		if end, ok := ctx.Deadline(); ok && time.Until(end) < wait {
			return ended(ctx)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ended(ctx)
		}
	}
}

func (l *Limiter) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.until)
}

// ended is the fault of a wait that ctx cut short, or would have.
func ended(ctx context.Context) error {
	cause := ctx.Err()
	if cause == nil {
		cause = context.DeadlineExceeded
	}
	return fault.Wrap(cause, fault.Timeout, "retry.Wait", "calls to the org are being held back; allow more time")
}
