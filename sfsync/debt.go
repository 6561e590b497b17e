package sfsync

import (
	"context"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// scan pays the object's owed ranges, one Bulk read after another: first copy,
// backfill and resynchronisation are the same loop.
func (s *session) scan(ctx context.Context, o *object) error {
	return s.payAll(ctx, o, o.indebted, s.payRange)
}

// reread pays the object's dirty rows, the longest owed first.
func (s *session) reread(ctx context.Context, o *object) error {
	return s.payAll(ctx, o, o.wake, s.payDirty)
}

// payAll pays one debt after another, once the object's position is durable,
// and waits for the next when there is none, or none to be paid yet.
func (s *session) payAll(ctx context.Context, o *object, more <-chan struct{}, pay func(context.Context, *object) (bool, error)) error {
	return s.keepTrying(ctx, o.name, func(ctx context.Context) error {
		select {
		case <-o.ready:
		case <-ctx.Done():
		}
		alarm := time.NewTimer(0)
		defer alarm.Stop()
		for ctx.Err() == nil {
			paid, err := s.sighted(ctx, o, pay)
			if err != nil {
				return err
			}
			if paid {
				continue
			}
			alarm.Reset(o.untilDue())
			select {
			case <-more:
			case <-alarm.C:
			case <-ctx.Done():
			}
		}
		return fault.Wrap(ctx.Err(), fault.Canceled, "sfsync.Run", "the run was stopped")
	})
}
