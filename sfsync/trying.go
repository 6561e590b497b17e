package sfsync

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// keepTrying runs work until ctx ends, and again after a fault that waiting can
// mend. Any other fault is returned.
func (s *Sync) keepTrying(ctx context.Context, work func(context.Context) error) error {
	pause := backoff.NewExponentialBackOff(backoff.WithInitialInterval(s.pace.firstPause),
		backoff.WithMaxInterval(s.pace.longestPause), backoff.WithMaxElapsedTime(0))
	for {
		began := time.Now()
		err := work(ctx)
		if ctx.Err() != nil && ended(ctx, err) {
			return nil
		}
		if err == nil || ctx.Err() != nil || !s.begun.Load() || !mendable(err) {
			return err
		}
		if time.Since(began) > s.pace.lasted {
			pause.Reset()
		}
		wait := max(pause.NextBackOff(), askedFor(err))
		s.status.waiting(err, wait)
		s.log.Warn("waiting, then trying again", "fault", err, "wait", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// mendable reports whether the same work may succeed later, unchanged.
func mendable(err error) bool {
	switch fault.CodeOf(err) {
	case fault.LimitExceeded, fault.KeyUnavailable:
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
