package sfsync

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// CatchUp makes one pass and returns: what is owed is read by Bulk API, then
// what changed since the last pass by SystemModstamp, then what was deleted. An
// object for which a reconcile is due is compared as well. It opens no stream
// and uses no event deliveries, so it suits a cron job. Changes that move no
// stamp are found by a reconcile only.
func (s *Sync) CatchUp(ctx context.Context) error {
	return s.session(ctx, func(ctx context.Context, se *session) error {
		se.status.phase("catching up")
		return se.once(ctx, se.pass)
	})
}

// once does work for every object, without topics and workers, and applies
// what it makes.
func (s *session) once(ctx context.Context, work func(context.Context, *object) error) error {
	passes, done := context.WithCancel(ctx)
	defer done()
	makers, ctx := errgroup.WithContext(ctx)
	for _, o := range s.objects {
		o.arm()
	}
	makers.Go(func() error {
		defer done()
		if err := s.each(ctx, work); err != nil {
			return err
		}
		return s.payFollowed(ctx)
	})
	return s.drain(passes, makers, func(b *Batch, err error) bool { return b.Ack(ctx) == nil })
}

// pass pays all debts of one object and reads what changed.
func (s *session) pass(ctx context.Context, o *object) error {
	if err := s.inSight(ctx, o); err != nil {
		return err
	}
	if err := s.positioned(ctx, o); err != nil {
		return err
	}
	compared := false
	if s.untilCompared(o) <= 0 {
		var err error
		if compared, err = s.beginComparison(ctx, o, inquiry{}); err != nil {
			return err
		}
	}
	if err := s.payRanges(ctx, o); err != nil {
		return err
	}
	if err := s.window(ctx, o); err != nil {
		return err
	}
	if err := s.payNow(ctx, o); err != nil || !compared {
		return err
	}
	_, err := s.conclude(ctx, o)
	return err
}

// payNow pays what is owed of an object, in a session without workers.
func (s *session) payNow(ctx context.Context, o *object) error {
	if err := s.payRanges(ctx, o); err != nil {
		return err
	}
	for {
		if paid, err := s.payDirty(ctx, o); err != nil || !paid {
			return err
		}
	}
}

// payFollowed pays what reads of other objects have made dirty since an object's own
// were paid: an owner has moved. Those reads may do the same to a third object.
func (s *session) payFollowed(ctx context.Context) error {
	for {
		var some atomic.Bool
		err := s.each(ctx, func(ctx context.Context, o *object) error {
			paid, err := s.payDirty(ctx, o)
			if paid {
				some.Store(true)
			}
			return err
		})
		if err != nil || !some.Load() {
			return err
		}
	}
}

func (s *session) payRanges(ctx context.Context, o *object) error {
	for {
		if paid, err := s.payRange(ctx, o); err != nil || !paid {
			return err
		}
	}
}
