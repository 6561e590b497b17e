package sfsync

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// schema is how the events of one schema id are decoded.
type schema struct {
	objects []*object // whose events they are, each of the topic's if that cannot be told; none: not the policy's
	events  *minimize.EventProjection
	again   time.Time // when to ask for it once more; zero: never
}

// arrival is one event of a policy's object.
type arrival struct {
	object *object
	change minimize.Change
	lost   bool // could not be decoded: everything is owed again
}

// decode projects the events, each into a Change of its own, and moves the
// cursor past them.
func (s *session) decode(ctx context.Context, t *topic, deliveries []pubsub.Delivery) ([]arrival, error) {
	var arrivals []arrival
	for _, d := range deliveries {
		for _, e := range d.Events {
			how, err := s.schema(ctx, t, e.SchemaID)
			if err != nil {
				return nil, err
			}
			t.cursor.event(store.Position(e.ReplayID), s.disabled)
			for _, o := range how.objects {
				if len(t.pool) == len(arrivals) {
					t.pool = append(t.pool, minimize.NewChange())
				}
				a := arrival{object: o, change: t.pool[len(arrivals)]}
				a.lost = how.events == nil || how.events.Decode(a.change, e.Payload) != nil
				if !a.lost {
					if err := s.met(ctx, o, how.events, a.change.Commit()); err != nil {
						return nil, err
					}
				}
				t.reach.event(a)
				arrivals = append(arrivals, a)
			}
		}
		if len(d.Events) == 0 {
			t.cursor.empty(store.Position(d.Latest))
			t.behind(0)
			t.reach.idle.Store(time.Now().Unix())
		}
	}
	return arrivals, nil
}

// schema returns how to decode a schema id, fetching it when it is new. Trouble
// with a schema is no reason to stop: its events owe a read instead.
func (s *session) schema(ctx context.Context, t *topic, id string) (schema, error) {
	if how, ok := t.schemas[id]; ok && (how.again.IsZero() || time.Now().Before(how.again)) {
		return how, nil
	}
	text, err := s.events.Schema(ctx, id)
	how := schema{objects: t.objects, again: time.Now().Add(s.pace.badAgain)}
	switch {
	case err == nil:
		how, err = s.understand(t, id, text), nil
	case ofSchema(err):
		s.log.Warn("an event schema is not to be had; all objects of the topic are read again", "topic", t.name, "fault", err)
		err = nil
	}
	if err == nil {
		t.schemas[id] = how
	}
	return how, err
}

// ofSchema reports whether a fault is of one schema. Any other is of the
// session, the service or the user, and would stop every call.
func ofSchema(err error) bool {
	switch fault.CodeOf(err) {
	case fault.NotFound, fault.RequestInvalid, fault.ResponseInvalid, fault.SchemaInvalid, fault.TooLarge, fault.Denied:
		return true
	}
	return false
}

func (s *session) understand(t *topic, id string, text []byte) schema {
	how := schema{objects: t.objectsOf(text)}
	if len(how.objects) != 1 {
		return how
	}
	o := how.objects[0]
	events, err := o.table.Events(text)
	if err != nil {
		s.log.Warn("an event schema cannot be used; the object is read again", "object", o.name, "fault", err)
		return how
	}
	// Seen of every schema, and documented nowhere: the answer may be another
	// schema than the one asked for, or the rule may have changed.
	if events.SchemaID() != id && s.sight.odd(id) {
		s.log.Warn("an event schema is not the one that its id is the fingerprint of; compare a few records with the org, and report it", "object", o.name, "schema", id)
	}
	how.events = events
	return how
}

// objectsOf finds the policy's object by the schema's record name, which is
// that of the event. Without a name the events may be of any object of the topic.
func (t *topic) objectsOf(schemaJSON []byte) []*object {
	var record struct{ Name string }
	if !t.shared() || json.Unmarshal(schemaJSON, &record) != nil || record.Name == "" {
		return t.objects
	}
	for _, o := range t.objects {
		if minimize.EventName(o.api) == record.Name {
			return []*object{o}
		}
	}
	return nil
}
