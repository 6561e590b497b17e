package sfsync

import (
	"context"
	"errors"
	"iter"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
)

// subscription is Subscribe within the share of deliveries. It ends the stream
// when the share is used, also by another topic: events that were asked for
// count whether or not anyone reads them, so a stream that is merely held would
// use up what is left to others.
func (s *session) subscription(ctx context.Context, topic string, from pubsub.Start) iter.Seq2[pubsub.Delivery, error] {
	return func(yield func(pubsub.Delivery, error) bool) {
		if err := s.limits.left(ctx, &s.limits.deliveries); err != nil {
			yield(pubsub.Delivery{}, err)
			return
		}
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer s.limits.whenSpent(cancel)()
		for d, err := range s.events.Subscribe(ctx, topic, from) {
			if err != nil {
				yield(d, because(ctx, err))
				return
			}
			if !yield(d, nil) {
				return
			}
			if err := s.limits.deliver(ctx, len(d.Events)); err != nil {
				yield(pubsub.Delivery{}, because(ctx, err))
				return
			}
		}
	}
}

// because returns the fault that ended ctx, if one did, and else err.
func because(ctx context.Context, err error) error {
	var cause *fault.Error
	if errors.As(context.Cause(ctx), &cause) {
		return cause
	}
	return err
}
