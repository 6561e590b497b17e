package sfsync

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// sight is what a Sync has seen of the org and what it lost sight of. It
// outlives a session, so that the next one can hold what is lost then.
type sight struct {
	sync.Mutex
	tables map[string]*minimize.Table // by API name, as last described
	heard  map[string]bool            // topics that have answered
	holds  map[string]*hold           // by stable name
	freed  map[string]freed           // how the last one of an object ended
}

// freed is when an object was released, and how often it had been looked at.
type freed struct {
	at   time.Time
	wait time.Duration
}

// describe asks the org for an object and fits the policy to it. A field that
// the org gained is reported by name, once; nothing of it is kept.
func (s *Sync) describe(ctx context.Context, name string) (*minimize.Table, error) {
	answer, err := s.rest.Describe(ctx, name)
	if err != nil {
		return nil, err
	}
	table, err := s.cfg.Policy.Compile(name, answer)
	if err != nil {
		return nil, err
	}
	if gained := s.sight.gained(table); len(gained) > 0 {
		s.log.Info("fields of the org that the policy does not list", "object", name, "fields", gained)
	}
	return table, nil
}

// gained remembers the table, and returns the unlisted fields that the one
// before it did not have.
func (s *sight) gained(table *minimize.Table) []string {
	s.Lock()
	defer s.Unlock()
	fields, before := table.Unlisted(), s.tables[table.Object()]
	if before != nil {
		fields = slices.DeleteFunc(slices.Clone(fields), func(f string) bool { return slices.Contains(before.Unlisted(), f) })
	}
	s.tables[table.Object()] = table
	return fields
}

func (s *sight) table(name string) *minimize.Table {
	s.Lock()
	defer s.Unlock()
	return s.tables[name]
}

// hear notes that a topic has answered a subscription: from then on a refusal
// is a loss, not a wrong setting.
func (s *sight) hear(topic string) {
	s.Lock()
	defer s.Unlock()
	s.heard[topic] = true
}

func (s *sight) hasHeard(topic string) bool {
	s.Lock()
	defer s.Unlock()
	return s.heard[topic]
}

// hold notes why an object is held. One that is lost again soon is looked at
// less often, because each release costs a read of everything.
func (s *sight) hold(name string, err error, p pace) *hold {
	s.Lock()
	defer s.Unlock()
	h := &hold{err: err, since: time.Now(), wait: p.look, over: make(chan struct{})}
	if last, ok := s.freed[name]; ok && h.since.Sub(last.at) < p.sight {
		h.wait = min(2*last.wait, p.sight)
	}
	s.holds[name] = h
	return h
}

func (s *sight) held(name string) *hold {
	s.Lock()
	defer s.Unlock()
	return s.holds[name]
}

func (s *sight) release(name string) {
	s.Lock()
	defer s.Unlock()
	s.freed[name] = freed{time.Now(), s.holds[name].wait}
	delete(s.holds, name)
}

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
// subscribed to tells, also of one on a channel, and costs no API call. A pass without a stream, and an
// object without a topic, have the loss guard only.
func (s *session) seesAll(ctx context.Context, o *object) error {
	if !s.streaming || o.topic == nil {
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

// met notes a schema that events came with for the first time. If it lacks a
// column that one before it had, the field was dropped, and may be back
// already with other values.
func (s *session) met(ctx context.Context, o *object, events *minimize.EventProjection) error {
	missing := events.Missing()
	gone := slices.DeleteFunc(slices.Clone(missing), func(c string) bool { return slices.Contains(o.missing, c) })
	first := o.missing == nil
	o.missing = append([]string{}, missing...)
	if first || len(gone) == 0 {
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
