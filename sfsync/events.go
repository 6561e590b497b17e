package sfsync

import (
	"context"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// made makes one object's part of a batch. The caller holds the object.
func (s *session) made(ctx context.Context, o *object, keys *crypto.Batch, arrivals []arrival) (store.ObjectBatch, error) {
	newest := s.hear(o, arrivals)
	m := &maker{sealing: s.sealing(o, keys), o: o, references: len(o.table.References())}
	if err := m.load(ctx, s.cfg.Store, arrivals); err != nil {
		return store.ObjectBatch{}, err
	}
	named, err := m.persons(ctx, arrivals)
	if err != nil {
		return store.ObjectBatch{}, err
	}
	for _, a := range arrivals {
		if a.lost || a.change.Kind() == minimize.Overflow {
			m.owe = true
			continue
		}
		for i := range a.change.Len() {
			var who persons
			if complete(a) {
				who, named = named[0], named[1:]
			}
			r := m.records[a.change.RecordID(i)]
			if err := m.apply(r, a.change, who); err != nil {
				return store.ObjectBatch{}, err
			}
			if a.change.Kind() == minimize.Gap && r.row.Dirty {
				o.noted(r.row.ID).gap = a.change.Commit()
			}
		}
	}
	result := m.result()
	result.Heard = newest
	return result, nil
}

// persons are those of a record as a complete description names them, one for
// each person rule, and the records that they came from; none where the row was
// filled by a read that contains the event.
type persons struct {
	subjects []crypto.Subject
	owners   []string
}

// complete reports whether an event describes all of its records.
func complete(a arrival) bool {
	return !a.lost && (a.change.Kind() == minimize.Create || a.change.Kind() == minimize.Undelete)
}

func (m *maker) load(ctx context.Context, s store.Store, arrivals []arrival) error {
	seen := map[string]bool{}
	for _, a := range arrivals {
		if !a.lost && a.change.Kind() != minimize.Overflow {
			m.order = ids(m.order, seen, a.change)
		}
	}
	records, err := m.o.load(ctx, s, m.order)
	m.records = records
	return err
}

// persons finds whose records the events are: those named by complete events,
// in their order, and those of the rows already held. What a read contains may
// name somebody whose the record no longer is, and to ask is to file it there:
// others would take that person from it.
func (m *maker) persons(ctx context.Context, arrivals []arrival) ([]persons, error) {
	var wants []crypto.Want
	var asked []bool
	for _, a := range arrivals {
		if complete(a) {
			for i := range a.change.Len() {
				id := a.change.RecordID(i)
				asked = append(asked, !m.contained(m.records[id], a.change))
				if asked[len(asked)-1] {
					wants = m.wants(wants, m.o.table, id, a.change)
				}
			}
		}
	}
	subjects, err := m.keys.Subjects(ctx, wants)
	if err != nil {
		return nil, err
	}
	m.o.strayed(m.keys)
	named, rules := make([]persons, len(asked)), len(m.table.Rules)
	for i := range named {
		if asked[i] {
			named[i] = persons{subjects[:rules:rules], m.o.owners(wants[:rules])}
			wants, subjects = wants[rules:], subjects[rules:]
		}
	}
	return named, m.known(ctx)
}

func (m *maker) known(ctx context.Context) error {
	var persons []crypto.Person
	for _, id := range m.order {
		if r := m.records[id]; r.row.Mark == store.Live {
			persons = append(persons, r.row.Persons...)
		}
	}
	subjects, err := m.keys.Known(ctx, persons)
	if err != nil {
		return err
	}
	for _, id := range m.order {
		if r := m.records[id]; r.row.Mark == store.Live {
			n := len(r.row.Persons)
			r.subjects, subjects = subjects[:n:n], subjects[n:]
		}
	}
	return nil
}
