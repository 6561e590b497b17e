package salesforcetest

import (
	"encoding/hex"
	"maps"
	"slices"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
)

// busReader is a subscription's place in the bus.
type busReader struct {
	sub      *subscription
	position uint64
}

// position is where a first request has its stream start: behind the counter
// returned. It returns false for a replay id that is malformed, of another org
// or outside retention, which the service does not tell apart either.
func (b *eventBus) position(first *pubsubpb.FetchRequest) (uint64, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	switch first.ReplayPreset {
	case pubsubpb.ReplayPreset_EARLIEST:
		return b.floor - 1, true
	case pubsubpb.ReplayPreset_CUSTOM:
		counter, ok := parseReplayID(first.ReplayId)
		return counter, ok && counter >= b.floor && counter <= b.last
	}
	return b.last, true
}

func (r *busReader) take(limit int32) response {
	bus := r.sub.bus
	for {
		events, position := bus.after(r.position, r.sub.objects, int(limit))
		r.position = position
		answer := bus.respond(events)
		if answer.events > 0 || len(events) == 0 {
			return answer
		}
	}
}

// respond puts events into a response, as far and as the user may see them now.
func (b *eventBus) respond(events []*event) response {
	size := 256
	for _, e := range events {
		size += len(e.frame)
	}
	answer := response{frame: make(frame, 0, size)}
	options := b.settings()
	hidden := map[string]map[string]bool{}
	for _, e := range events {
		object := e.Header.Entity
		if _, asked := hidden[object]; !asked {
			hidden[object] = b.org.hiddenFields(object)
		}
		if b.org.viewAll(object) {
			answer.events++
			answer.frame = e.appendFor(answer.frame, hidden[object], options.DropHiddenBits)
			answer.latest = replayID(e.Replay)
		}
	}
	return answer
}

func (r *busReader) pause() ([]byte, bool) {
	latest, ok := r.sub.bus.advance(r.position, r.sub.objects)
	if ok {
		r.position = latest
	}
	return replayID(latest), ok
}

// appendFor writes the event as a reader gets it from whom fields are hidden:
// with null in their place.
func (e *event) appendFor(b []byte, hidden map[string]bool, dropBits bool) []byte {
	if len(hidden) == 0 || e.Raw {
		return append(b, e.frame...)
	}
	shown := *e
	shown.Body = e.schema.redact(e.Body, func(source string) bool { return hidden[source] })
	if dropBits {
		keep := func(list []position) []position {
			return slices.DeleteFunc(slices.Clone(list), func(p position) bool { return hidden[e.schema.leaf(p).Source] })
		}
		shown.Header.Changed, shown.Header.Nulled, shown.Header.Diff = keep(e.Header.Changed), keep(e.Header.Nulled), keep(e.Header.Diff)
	}
	return shown.appendFrame(b, shown.payload())
}

// hiddenFields are the fields of an object that the user may not read.
func (o *Org) hiddenFields(object string) map[string]bool {
	o.perm.mu.RLock()
	defer o.perm.mu.RUnlock()
	hidden := maps.Clone(o.perm.hidden[object])
	maps.DeleteFunc(hidden, func(_ string, yes bool) bool { return !yes })
	return hidden
}

func hexID(id []byte) string { return hex.EncodeToString(id) }
