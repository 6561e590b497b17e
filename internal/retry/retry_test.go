package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sfsync/sfsync-go/internal/retry"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

func unavailable() *fault.Error {
	return fault.New(fault.Unavailable, "retry_test", "try again later")
}

func TestDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		policy retry.Policy
		faults []error // of the calls, in order; after them success
		want   error
		calls  int
		atMost time.Duration
		least  time.Duration
	}{
		{name: "first call succeeds", calls: 1},
		{name: "passing faults are repeated", faults: []error{unavailable(), unavailable()}, calls: 3, least: 750 * time.Millisecond, atMost: 2250 * time.Millisecond},
		{name: "attempts end", policy: retry.Policy{Attempts: 2}, faults: []error{unavailable(), unavailable()}, want: fault.Unavailable, calls: 2, least: 250 * time.Millisecond, atMost: 750 * time.Millisecond},
		{name: "a lasting fault is not repeated", faults: []error{fault.New(fault.Denied, "retry_test", "ask")}, want: fault.Denied, calls: 1},
		{name: "an expired session is not repeated", faults: []error{fault.New(fault.SessionExpired, "retry_test", "sign in")}, want: fault.SessionExpired, calls: 1},
		{name: "the server's wait wins", faults: []error{unavailable().After(20 * time.Second)}, calls: 2, least: 20 * time.Second, atMost: 20 * time.Second},
		{name: "one wait does not prolong the next", faults: []error{unavailable().After(20 * time.Second), unavailable()}, calls: 3, least: 20 * time.Second, atMost: 22 * time.Second},
		{name: "a wait too long goes to the caller", faults: []error{unavailable().After(time.Hour)}, want: fault.Unavailable, calls: 1},
		{name: "waits are bounded", policy: retry.Policy{First: time.Minute, Longest: time.Second}, faults: []error{unavailable()}, calls: 2, atMost: time.Second},
		{name: "a foreign error is not passed on", faults: []error{errors.New("secret")}, want: fault.Internal, calls: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, calls := time.Now(), 0
				err := c.policy.Do(t.Context(), func(context.Context) error {
					calls++
					if calls <= len(c.faults) {
						return c.faults[calls-1]
					}
					return nil
				})
				if !errors.Is(err, c.want) {
					t.Errorf("err = %v, want %v", err, c.want)
				}
				if took := time.Since(start); calls != c.calls || took < c.least || took > c.atMost {
					t.Errorf("%d calls in %v; want %d in %v to %v", calls, took, c.calls, c.least, c.atMost)
				}
			})
		})
	}
}

func TestDoEndsWithContext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		end  func(context.Context) (context.Context, context.CancelFunc)
		want error
	}{
		{"deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 100*time.Millisecond)
		}, fault.Timeout},
		{"cancel", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(100*time.Millisecond, cancel)
			return ctx, cancel
		}, fault.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := c.end(t.Context())
				defer cancel()
				start := time.Now()
				err := retry.Policy{First: 10 * time.Second}.Do(ctx, func(context.Context) error { return unavailable() })
				if !errors.Is(err, c.want) || time.Since(start) != 100*time.Millisecond {
					t.Errorf("%v after %v; want %v after 100ms", err, time.Since(start), c.want)
				}
			})
		})
	}
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := retry.NewLimiter(10)
		start := time.Now()
		for range 30 { // a burst of 10 and 20 more at 10 a second
			if err := l.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start).Round(time.Millisecond); took != 2*time.Second {
			t.Errorf("30 calls took %v, want 2s", took)
		}
	})
}

func TestLimiterPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := retry.NewLimiter(0)
		start := time.Now()
		l.Pause(5 * time.Second)
		l.Pause(time.Second) // the shorter one changes nothing
		go func() {
			time.Sleep(2 * time.Second)
			l.Pause(8 * time.Second) // until second 10
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Wait(ctx); !errors.Is(err, fault.Timeout) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 0 {
			t.Errorf("short context: %v after %v, want a timeout at once", err, time.Since(start))
		}
		if err := l.Wait(t.Context()); err != nil || time.Since(start) != 10*time.Second {
			t.Errorf("%v after %v, want nil after 10s", err, time.Since(start))
		}
	})
}

func TestLimiterCanceled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := retry.NewLimiter(0)
		l.Pause(time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := l.Wait(ctx); !errors.Is(err, fault.Canceled) {
			t.Errorf("err = %v, want canceled", err)
		}
	})
}
