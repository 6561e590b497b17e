package sfsync

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sfsync/sfsync-go/minimize"
)

// sight is what a Sync has seen of the org and what it lost sight of. It
// outlives a session, so that the next one can hold what is lost then.
type sight struct {
	sync.Mutex
	tables map[string]*minimize.Table // by API name, as last described
	heard  map[string]bool            // topics that have answered
	holds  map[string]*hold           // by stable name
	freed  map[string]freed           // how the last one of an object ended
	odds   map[string]bool            // ids of schemas that are not their fingerprints
}

// freed is when an object was released, and how often it had been looked at.
type freed struct {
	at   time.Time
	wait time.Duration
}

func newSight() *sight {
	return &sight{tables: map[string]*minimize.Table{}, heard: map[string]bool{}, holds: map[string]*hold{}, freed: map[string]freed{}, odds: map[string]bool{}}
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

// odd notes the id of a schema that is not its fingerprint, and reports whether
// that is news.
func (s *sight) odd(id string) bool {
	s.Lock()
	defer s.Unlock()
	known := s.odds[id]
	s.odds[id] = true
	return !known
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
