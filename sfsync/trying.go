package sfsync

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// keepTrying runs work until ctx ends, and again after a fault that waiting can
// mend. Any other fault is returned. The status says meanwhile what waits: the
// object or topic named, or with "" the whole run.
func (s *Sync) keepTrying(ctx context.Context, name string, work func(context.Context) error) error {
	pause := backoff.NewExponentialBackOff(backoff.WithInitialInterval(s.pace.firstPause),
		backoff.WithMaxInterval(s.pace.longestPause), backoff.WithMaxElapsedTime(0))
	for {
		began := time.Now()
		err := work(ctx)
		switch {
		case ctx.Err() != nil && ended(ctx, err):
			return nil
		case err == nil || !s.worthWaiting(err):
			return err
		case ctx.Err() != nil: // it was stopped, as in the pause
			return nil
		}
		if time.Since(began) > s.pace.lasted {
			pause.Reset()
		}
		wait := max(pause.NextBackOff(), askedFor(err), s.limits.refusal(err))
		s.log.Warn("waiting, then trying again", "for", name, "fault", err, "wait", wait)
		if !s.status.waiting(ctx, name, err, wait) {
			return nil
		}
	}
}

// worthWaiting reports whether to wait after a fault. Before the first session
// that is so only at a limit: an org out of reach is then more likely a wrong
// setting. A position that is refused gives way to a new one.
func (s *Sync) worthWaiting(err error) bool {
	if fault.CodeOf(err) == fault.ReplayInvalid {
		return !s.cfg.FailOnExpired
	}
	return mendable(err) && (s.begun.Load() || fault.CodeOf(err) == fault.LimitExceeded)
}

// mendable reports whether the same work may succeed later, unchanged.
func mendable(err error) bool {
	switch fault.CodeOf(err) {
	case fault.LimitExceeded, fault.KeyUnavailable:
		return true
	case fault.TooLarge: // and less is asked for then
		return true
	case fault.Forgotten: // a person was forgotten while a batch was on its way; it is made again
		return true
	}
	return fault.Retryable(err)
}

func askedFor(err error) time.Duration {
	var e *fault.Error
	if errors.As(err, &e) {
		return e.RetryAfter()
	}
	return 0
}
