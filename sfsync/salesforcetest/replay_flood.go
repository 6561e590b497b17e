package salesforcetest

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
)

// flood is a topic that repeats events for a benchmark of its readers.
type flood struct {
	templates [][]byte // members of a FetchResponse, the replay id last
	largest   int      // bytes of the largest
	first     uint64   // counter of event 0
	n         uint64
}

// Flood has a topic deliver n events to every subscription opened from now
// on, wherever it starts but for CUSTOM inside the flood: the events published
// on it so far, in order and over again, under new replay ids. They are
// bytes already, so that the org costs a benchmark little. With n = 0 the
// topic is its own again.
func (o *Org) Flood(topic string, n int) error {
	b := o.events
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.floods, topic)
	if n == 0 {
		return nil
	}
	f := &flood{first: b.last + 1, n: uint64(n)}
	members, _ := o.topicMembers(topic)
	for _, e := range b.log {
		if e.ID != "" && slices.ContainsFunc(members, func(m channelMember) bool { return m.Object == e.Header.Entity }) {
			f.templates = append(f.templates, e.frame)
		}
	}
	if s := b.scripts[topic]; s != nil {
		f.templates = s.members()
	}
	if len(f.templates) == 0 {
		return fmt.Errorf("salesforcetest: Flood: nothing was published on %s yet", topic)
	}
	for _, template := range f.templates {
		f.largest = max(f.largest, len(template))
	}
	b.floods[topic] = f
	return nil
}

func (b *eventBus) flood(topic string) *flood {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.floods[topic]
}

// members are the events of a script, each as a member of a FetchResponse.
func (s *script) members() [][]byte {
	var members [][]byte
	for _, r := range s.parsed {
		for _, e := range r.Events {
			captured := &event{ID: e.Event.GetId(), Schema: e.Event.GetSchemaId()}
			members = append(members, captured.appendFrame(nil, e.Event.GetPayload()))
		}
	}
	return members
}

// floodReader is a subscription's place in a flood.
type floodReader struct {
	*flood
	next uint64
}

func (f *flood) reader(first *pubsubpb.FetchRequest) *floodReader {
	r := &floodReader{flood: f}
	if counter, ok := parseReplayID(first.ReplayId); ok && counter >= f.first && counter < f.first+f.n {
		r.next = counter - f.first + 1
	}
	return r
}

func (r *floodReader) take(limit int32) response {
	count := min(uint64(limit), r.n-r.next)
	if count == 0 {
		return response{}
	}
	answer := response{frame: make(frame, 0, min(maxResponse, int(count)*r.largest)+256)}
	for range count {
		template := r.templates[r.next%uint64(len(r.templates))]
		if answer.events > 0 && len(answer.frame)+len(template) > maxResponse {
			break
		}
		answer.frame = append(answer.frame, template...)
		id := answer.frame[len(answer.frame)-10:]
		binary.BigEndian.PutUint64(id, r.first+r.next)
		r.next++
		answer.events++
	}
	answer.latest = replayID(r.first + r.next - 1)
	return answer
}

func (r *floodReader) pause() ([]byte, bool) { return replayID(r.first + r.next - 1), true }
