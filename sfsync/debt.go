package sfsync

import (
	"context"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// scan pays the object's owed ranges, one Bulk read after another: first copy,
// backfill and resynchronisation are the same loop.
func (s *session) scan(ctx context.Context, o *object) error {
	return s.payAll(ctx, o, o.indebted, s.payRange)
}

// payAll pays one debt after another, once the object's position is durable,
// and waits for the next when there is none.
func (s *session) payAll(ctx context.Context, o *object, more <-chan struct{}, pay func(context.Context, *object) (bool, error)) error {
	return s.keepTrying(ctx, o.name, func(ctx context.Context) error {
		select {
		case <-o.ready:
		case <-ctx.Done():
		}
		for ctx.Err() == nil {
			paid, err := s.sighted(ctx, o, pay)
			if err != nil {
				return err
			}
			if paid {
				continue
			}
			select {
			case <-more:
			case <-ctx.Done():
			}
		}
		return fault.Wrap(ctx.Err(), fault.Canceled, "sfsync.Run", "the run was stopped")
	})
}
