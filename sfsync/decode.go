package sfsync

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// schema is how the events of one schema id are decoded: not at all for an
// object that the policy does not name, or when it cannot be understood.
type schema struct {
	object *object
	events *minimize.EventProjection // nil: not understood
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
			if how.object == nil {
				continue
			}
			if len(t.pool) == len(arrivals) {
				t.pool = append(t.pool, minimize.NewChange())
			}
			a := arrival{object: how.object, change: t.pool[len(arrivals)]}
			a.lost = how.events == nil || how.events.Decode(a.change, e.Payload) != nil
			arrivals = append(arrivals, a)
		}
		if len(d.Events) == 0 {
			t.cursor.empty(store.Position(d.Latest))
		}
	}
	return arrivals, nil
}

// schema returns how to decode a schema id, fetching it when it is new.
func (s *session) schema(ctx context.Context, t *topic, id string) (schema, error) {
	if how, ok := t.schemas[id]; ok {
		return how, nil
	}
	text, err := s.events.Schema(ctx, id)
	if err != nil {
		return schema{}, err
	}
	how := schema{object: t.objectOf(text)}
	if how.object != nil {
		if how.events, err = how.object.table.Events(text); err != nil {
			s.log.Warn("an event schema cannot be used; the object is read again", "object", how.object.name, "fault", err)
		} else if err := s.met(ctx, how.object, how.events); err != nil {
			return schema{}, err
		}
	}
	t.schemas[id] = how
	return how, nil
}

// objectOf finds the policy's object by the schema's record name, which is
// that of the event: ContactChangeEvent, Invoice__ChangeEvent.
func (t *topic) objectOf(schemaJSON []byte) *object {
	var record struct{ Name string }
	if json.Unmarshal(schemaJSON, &record) != nil && len(t.objects) == 1 {
		return t.objects[0]
	}
	name := strings.TrimSuffix(record.Name, "ChangeEvent")
	if strings.HasSuffix(name, "__") {
		name += "c"
	}
	i := slices.IndexFunc(t.objects, func(o *object) bool { return o.api == name })
	if i < 0 {
		return nil
	}
	return t.objects[i]
}
