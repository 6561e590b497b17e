package sfsync

import (
	"context"
	"time"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// hold is why an object pauses. It never changes, and outlives a session.
type hold struct {
	err   error
	since time.Time
	wait  time.Duration // between two looks at the org
	over  chan struct{} // closed when the object is in sight again
}

// lost reports whether a fault says that the org no longer shows what the
// policy names, or not to this user. Such an answer is never an absence, and
// waiting does not mend it: somebody in the org must.
func lost(err error) bool {
	switch fault.CodeOf(err) {
	case fault.FieldLost, fault.ObjectLost, fault.Denied, fault.NotSelected, fault.Filtered, fault.PolicyInvalid:
		return true
	}
	return false
}

// hold pauses the object, and no other. Its events become one debt, as they
// may hide what was lost, and its reads wait: what they return would be short.
// The debt commits at once, so that a restart does not forget it.
func (s *session) hold(ctx context.Context, o *object, err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held != nil {
		return nil
	}
	o.held = s.sight.hold(o.name, err, s.pace)
	s.status.paused(o.name, o.held)
	s.log.Warn("the object pauses until the org shows it again; the others go on", "object", o.name, "fault", err)
	return s.oweSight(ctx, o, store.Lost)
}

// pause holds the objects of a topic that is refused, and returns when it may
// be tried again. Its position stays: events are kept for 72 hours (Pub/Sub API
// guide, "Event Message Durability").
func (s *session) pause(ctx context.Context, t *topic, err error) error {
	for _, o := range t.objects {
		if err := s.hold(ctx, o, err); err != nil {
			return err
		}
	}
	select {
	case <-time.After(s.pace.look):
		return nil
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Canceled, "sfsync.Run", "the run was stopped")
	}
}

// release lets a held object go on: it owes a read of all that was missed, and
// another one later, because the stream follows a change of permissions within
// ten minutes only (Pub/Sub API guide, "Considerations").
func (s *session) release(ctx context.Context, o *object) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	held, now := o.held, time.Now()
	switch {
	case held != nil || o.unseen == store.Lost:
		if err := s.oweSight(ctx, o, now.Add(s.pace.lag).Unix()+1); err != nil || held == nil {
			return err
		}
		o.held = nil
		s.sight.release(o.name)
		s.status.paused(o.name, nil)
		s.log.Info("the object is in sight again; all its records are read", "object", o.name)
		close(held.over)
	case o.unseen != 0 && now.Unix() >= o.unseen:
		return s.oweSight(ctx, o, store.Found)
	}
	return nil
}

// oweSight queues a debt of everything, and up to when changes may have gone
// unseen. The caller holds the object.
func (s *session) oweSight(ctx context.Context, o *object, unseen int64) error {
	batch := store.Batch{Objects: []store.ObjectBatch{{Object: o.name, Floor: true, Owe: []store.Range{store.Whole(store.Full)}, Unseen: unseen}}}
	if unseen == store.Lost {
		batch.Entries = []audit.Entry{s.entry(audit.Entry{Kind: audit.KindFault, Object: o.name, Code: string(fault.CodeOf(o.held.err))})}
	}
	_, err := s.enqueue(ctx, batch)
	return err
}

// seen waits until the object is not held.
func (o *object) seen(ctx context.Context) error {
	for {
		o.mu.Lock()
		held := o.held
		o.mu.Unlock()
		if held == nil {
			return nil
		}
		select {
		case <-held.over:
		case <-ctx.Done():
			return fault.Wrap(ctx.Err(), fault.Canceled, "sfsync.Run", "the run was stopped")
		}
	}
}

// sighted runs a read of the object while it is in sight, and holds the object
// if the read finds that it is not.
func (s *session) sighted(ctx context.Context, o *object, read func(context.Context, *object) (bool, error)) (bool, error) {
	if err := o.seen(ctx); err != nil {
		return false, err
	}
	more, err := read(ctx, o)
	if lost(err) {
		return true, s.hold(ctx, o, err)
	}
	return more, err
}

// dim makes the events of a held object a debt. A delete still counts: it says
// all there is to say, and what the org deleted must not stay here meanwhile.
// The caller holds the object.
func (o *object) dim(arrivals []arrival) {
	for i := range arrivals {
		a := &arrivals[i]
		a.lost = a.lost || o.held != nil && a.change.Kind() != minimize.Delete
	}
}
