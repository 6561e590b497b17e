package salesforcetest

import (
	"slices"
	"time"
)

// sight is what a stream may see: what its topic carries and what the user may
// read of it. The service has open streams follow a change within ten minutes
// (Pub/Sub API guide, "Considerations"); PubSub.PermissionDelay says how soon.
type sight struct {
	org      *Org
	taken    time.Time
	members  map[string]channelMember   // by object
	blind    map[string]bool            // objects without View All Records
	hidden   map[string]map[string]bool // fields without read access, by object
	dropBits bool
}

// sight takes a topic as it is now. One that is gone carries nothing.
func (o *Org) sight(topic string) *sight {
	s := &sight{org: o, taken: time.Now(), members: map[string]channelMember{}, blind: map[string]bool{}, hidden: map[string]map[string]bool{},
		dropBits: o.events.settings().DropHiddenBits}
	list, _ := o.topicMembers(topic)
	for _, m := range list {
		s.members[m.Object] = m
		s.blind[m.Object] = !o.viewAll(m.Object)
		s.hidden[m.Object] = o.hiddenFields(m.Object)
	}
	return s
}

// look renews the sight of a stream. The object of a single-entity topic stays
// on it when its selection ends: the stream falls silent and stays open.
func (s *subscription) look() {
	delay := s.bus.settings().PermissionDelay
	if s.sight != nil && time.Since(s.sight.taken) < delay {
		return
	}
	next := s.bus.org.sight(s.topic)
	if s.sight != nil && !multiEntity(s.topic) && len(next.members) == 0 {
		next.members, next.blind, next.hidden = s.sight.members, s.sight.blind, s.sight.hidden
	}
	s.sight = next
}

// has reports an object whose events are on the topic, seen or not.
func (s *sight) has(object string) bool {
	_, ok := s.members[object]
	return ok
}

// piece is what is delivered of an event: the whole, or its part for one
// record where enrichment takes a merged event apart again. All parts have the
// replay id of the event.
type piece struct {
	*event
	id string
}

// pieces takes events apart. Those of objects that the user may not view are
// left out without a word, as the service does on channels.
func (s *sight) pieces(events []*event) []piece {
	pieces := make([]piece, 0, len(events))
	for _, e := range events {
		switch m := s.members[e.Header.Entity]; {
		case s.blind[e.Header.Entity]:
		case len(m.enriched) > 0 && e.enrichable():
			for _, id := range e.Header.IDs {
				pieces = append(pieces, piece{e, id})
			}
		default:
			pieces = append(pieces, piece{e, ""})
		}
	}
	return pieces
}

// frame writes a piece as the reader gets it; false where a filter holds it back.
func (s *sight) frame(b []byte, p piece) ([]byte, bool) {
	m, hidden := s.members[p.Header.Entity], s.hidden[p.Header.Entity]
	if p.Raw || p.id == "" && m.filter == nil && len(hidden) == 0 {
		return append(b, p.event.frame...), true
	}
	shown := *p.event
	values := p.schema.split(p.Body)
	if p.id != "" {
		shown.Header.IDs = []string{p.id}
		p.schema.enrich(values, p.Header.Changed, m.enriched, s.org.valuesNow(p.Header.Entity, p.id))
	}
	if m.filter != nil && !m.filter.admits(&shown, values) {
		return b, false
	}
	p.schema.redact(values, func(source string) bool { return hidden[source] })
	if s.dropBits {
		shown.dropBits(hidden)
	}
	shown.Body = join(values)
	return shown.appendFrame(b, shown.payload()), true
}

// dropBits takes hidden fields out of the bitmaps.
func (e *event) dropBits(hidden map[string]bool) {
	keep := func(list []position) []position {
		return slices.DeleteFunc(slices.Clone(list), func(p position) bool { return hidden[e.schema.leaf(p).Source] })
	}
	e.Header.Changed, e.Header.Nulled, e.Header.Diff = keep(e.Header.Changed), keep(e.Header.Nulled), keep(e.Header.Diff)
}

// valuesNow are the values of a record, in the Recycle Bin or not, by field.
func (o *Org) valuesNow(object, id string) map[string]string {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if r := o.find(object, id); r != nil {
		return r.fields(o.object(object))
	}
	return nil
}
