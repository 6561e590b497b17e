package sfsync

import (
	"context"
	"slices"
	"time"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// watch looks at the object once an hour, and every few minutes while it is
// held. Describes are not asked for conditionally: a permission that was taken
// away is no change of the object (REST API guide, "sObject Describe").
func (s *session) watch(ctx context.Context, o *object) error {
	if err := s.holdOn(ctx, o); err != nil {
		return err
	}
	tick := time.NewTicker(s.pace.look / 5) // the least that a look may be late
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-tick.C:
			if !o.lookDue(last, s.pace) {
				continue
			}
		case <-o.doubt:
		case <-ctx.Done():
			return nil
		}
		if err := s.keepTrying(ctx, o.name, func(ctx context.Context) error { return s.look(ctx, o) }); err != nil {
			return err
		}
		last = time.Now()
	}
}

// holdOn makes the debt of an object durable that was held before this session.
func (s *session) holdOn(ctx context.Context, o *object) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held == nil {
		return nil
	}
	return s.oweSight(ctx, o, store.Lost)
}

// lookDue reports whether the last look at the object was long enough ago.
func (o *object) lookDue(last time.Time, p pace) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	wait := p.sight
	switch {
	case o.held != nil:
		wait = o.held.wait
		if o.held.since.After(last) {
			last = o.held.since
		}
	case o.unseen == store.Lost: // and the process ended before it was regained
		return true
	case o.unseen != 0 && time.Now().Unix() >= o.unseen:
		return true
	}
	return time.Since(last) >= wait
}

// errChanged ends a session whose tables no longer fit the org.
var errChanged = fault.New(fault.Conflict, "sfsync.Run", "the org describes an object in another way than before; the run begins again with what it says now")

// look asks the org whether all that the policy names of the object is there
// and open to the user.
func (s *session) look(ctx context.Context, o *object) error {
	table, err := s.describe(ctx, o.api)
	if err == nil && s.streaming && o.topic != nil {
		if err = s.carries(ctx, o.topic, o); err == nil {
			err = s.heed(ctx, o)
		}
	}
	switch {
	case lost(err):
		return s.hold(ctx, o, err)
	case err != nil:
		return err
	case table.Equal(o.table):
		return s.release(ctx, o)
	}
	// Values may have been converted without an event (Change Data Capture
	// guide, "Conversion of Field Types"), so everything is owed.
	if err := s.commitAlone(ctx, store.ObjectBatch{Object: o.name, Floor: true, Owe: []store.Range{store.Whole(store.Full)}}); err != nil {
		return err
	}
	s.stop(errChanged)
	return errChanged
}

// seesAll fails unless the user may view all records of the object: to one who
// may not, those that others own look deleted. Whether the object's own topic may be
// subscribed to tells, also of one on a channel, also a pass without a stream,
// and costs no API call. Of an object without a topic nothing tells that a user
// may ask who has no more than the object: who has which permission is shown to
// those only who may view the org's set-up (Object Reference, "ObjectPermissions").
// It has the loss guard, which leaves out what the list of deletes names.
func (s *session) seesAll(ctx context.Context, o *object) error {
	if o.topic == nil {
		return nil
	}
	_, err := s.events.Topic(ctx, "/data/"+minimize.EventName(o.api))
	return err
}

// inSight looks at an object that was lost before a pass without a stream, and
// fails if it still is.
func (s *session) inSight(ctx context.Context, o *object) error {
	if o.held == nil && o.unseen == 0 {
		return nil
	}
	if err := s.look(ctx, o); err != nil {
		return err
	}
	if o.held != nil {
		return o.held.err
	}
	return nil
}

// meets notes the schema that the topic has now.
func (s *session) meets(ctx context.Context, t *topic, id string) error {
	how, err := s.schema(ctx, t, id)
	if err != nil || how.events == nil {
		return err
	}
	return s.met(ctx, how.objects[0], how.events, 0)
}

// behind notes since when the topic's events may be older than what is known of
// their schemas.
func (t *topic) behind(since int64) {
	for _, o := range t.objects {
		o.behind = since
	}
}

// met notes the schema of an event, committed at a second of the org's clock, or
// with 0 the one that the topic has now. If it lacks a column that the newest
// one before it had, the field was dropped, and may be back already with other
// values. Not so an event from before the stream was opened: its schema may be
// older than the field. One in the newest schema or an empty response says that
// no such event is to come, and so does the time, if the clocks agree.
func (s *session) met(ctx context.Context, o *object, events *minimize.EventProjection, commit int64) error {
	if events == o.newest {
		if commit != 0 {
			o.behind = 0
		}
		return nil
	}
	var gone []string
	if o.newest != nil {
		had := o.newest.Missing()
		gone = slices.DeleteFunc(events.Missing(), func(c string) bool { return slices.Contains(had, c) })
	}
	if len(gone) > 0 && commit != 0 && commit <= o.behind {
		return nil
	}
	o.newest = events
	if len(gone) == 0 {
		return nil
	}
	if err := s.hold(ctx, o, fault.New(fault.FieldLost, "sfsync.Run", "change events no longer have these fields; restore them, or take them out of the policy").On(o.api, gone...)); err != nil {
		return err
	}
	select {
	case o.doubt <- struct{}{}:
	default:
	}
	return nil
}
