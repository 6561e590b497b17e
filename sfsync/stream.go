package sfsync

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// batchEvents is how many events are put in one transaction at most.
const batchEvents = 1000

// topic is one stream of events. Only its own goroutine uses it.
type topic struct {
	name    string
	objects []*object
	cursor  cursor
	at      store.Topic // as the queued batches will leave it
	refused error       // why the service does not take the position
	ended   time.Time   // when the last stream did
	schemas map[string]schema
	pool    []minimize.Change
	reach   reach
	window  window
}

func (s *session) join(o *object, name string, state store.Topic) {
	t := s.topics[name]
	if t == nil {
		t = &topic{name: name, at: state, schemas: map[string]schema{}, window: window(s.cfg.Window)}
		t.reach.before.Store(state.AsOf)
		s.topics[name] = t
	}
	t.objects = append(t.objects, o)
	o.topic, o.heard = t, cmp.Or(o.heard, state.AsOf)
}

// follow applies the topic's events until ctx ends. A stream that breaks is
// opened again after the last safe position; an id that the service no longer
// knows is replaced by a new position, and everything is owed again. If that is
// refused as well there is a pause before the next.
func (s *session) follow(ctx context.Context, t *topic) error {
	return s.keepTrying(ctx, t.name, func(ctx context.Context) error {
		for {
			err := s.listen(ctx, t)
			if !lost(err) || !s.sight.hasHeard(t.name) {
				return err
			}
			if err := s.pause(ctx, t, err); err != nil {
				return err
			}
		}
	})
}

func (s *session) listen(ctx context.Context, t *topic) error {
	defer func() { t.ended = time.Now() }()
	if s.disabled&positionFirst != 0 {
		t.arm()
	}
	// Before any read: without View All, records that others own look deleted.
	// The schema of now is what those of later events are held against.
	now, err := s.events.Topic(ctx, t.name)
	if err != nil {
		return err
	}
	if t.shared() {
		if err := s.carriesAll(ctx, t); err != nil {
			return err
		}
	}
	if now.SchemaID != "" {
		if err := s.meets(ctx, t, now.SchemaID); err != nil {
			return err
		}
	}
	t.behind(time.Now().Unix())
	here, err := s.instance(ctx, t.ended)
	if err != nil {
		return err
	}
	useless := s.useless(t, here)
	renewed := useless != nil || t.at.Position == ""
	if renewed {
		if err := s.renew(ctx, t, useless, here); err != nil {
			return err
		}
	}
	t.at.Instance = cmp.Or(here, t.at.Instance)
	t.arm()
	t.cursor = cursor{safe: t.at.Position}
	err = s.subscribe(ctx, t)
	if fault.CodeOf(err) == fault.ReplayInvalid {
		t.refused = err
		if !renewed { // at once, before reads pay what is owed anew then
			return s.listen(ctx, t)
		}
	}
	return err
}

// arm lets the reads of the topic's objects begin.
func (t *topic) arm() {
	for _, o := range t.objects {
		o.arm()
	}
}

func (o *object) arm() {
	select {
	case <-o.ready:
	default:
		close(o.ready)
	}
}

// subscribe receives deliveries and applies as many at once as have arrived.
func (s *session) subscribe(ctx context.Context, t *topic) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began, start := time.Now(), t.start(s.disabled).Within(int(t.window), s.pace.lasted)
	defer func() { t.window = t.window.cut(window(s.cfg.Window), time.Since(began), s.pace.lasted) }()
	deliveries := make(chan pubsub.Delivery, 32)
	ended := make(chan error, 1)
	go func() { // owned by this call, which waits for it below
		defer close(deliveries)
		ended <- receive(ctx, s.subscription(ctx, t.name, start), deliveries)
	}()
	var err error
	for d := range deliveries {
		s.sight.hear(t.name)
		if err == nil {
			if err = s.absorb(ctx, t, gather(d, deliveries)); err != nil {
				cancel()
			}
		}
	}
	if failed := <-ended; err == nil {
		err = failed
	}
	return err
}

// start is where the topic goes on.
func (t *topic) start(disabled rule) pubsub.Start {
	if disabled&resumeAtPosition != 0 {
		return pubsub.Latest()
	}
	return pubsub.After([]byte(t.at.Position))
}

func receive(ctx context.Context, stream func(func(pubsub.Delivery, error) bool), to chan<- pubsub.Delivery) error {
	for d, err := range stream {
		if err != nil {
			return err
		}
		select {
		case to <- d:
		case <-ctx.Done():
			return fault.Wrap(ctx.Err(), fault.Canceled, "sfsync.Run", "the run was stopped")
		}
	}
	return fault.New(fault.Unavailable, "sfsync.Run", "the stream ended; it is opened again")
}

// gather adds the deliveries that wait already, up to a transaction's worth.
func gather(first pubsub.Delivery, more <-chan pubsub.Delivery) []pubsub.Delivery {
	list, events := []pubsub.Delivery{first}, len(first.Events)
	for events < batchEvents {
		select {
		case d, ok := <-more:
			if !ok {
				return list
			}
			list = append(list, d)
			events += len(d.Events)
		default:
			return list
		}
	}
	return list
}

// absorb makes one batch of the deliveries and queues it.
func (s *session) absorb(ctx context.Context, t *topic, deliveries []pubsub.Delivery) error {
	arrivals, err := s.decode(ctx, t, deliveries)
	if err != nil {
		return err
	}
	batch := s.move(t)
	if len(arrivals) == 0 && batch.From == batch.Next && batch.AsOf == t.at.AsOf {
		return nil
	}
	keys, err := s.cfg.Vault.Sealer().Begin(ctx)
	if err != nil {
		return err
	}
	concerned := concerned(arrivals)
	defer lockAll(concerned)()
	for _, o := range concerned {
		mine := slices.DeleteFunc(slices.Clone(arrivals), func(a arrival) bool { return a.object != o })
		o.dim(mine)
		ob, err := s.made(ctx, o, keys, mine)
		if err != nil {
			return err
		}
		batch.Objects = append(batch.Objects, ob)
	}
	if _, err := s.enqueue(ctx, batch); err != nil {
		return err
	}
	t.moved(batch)
	return nil
}
