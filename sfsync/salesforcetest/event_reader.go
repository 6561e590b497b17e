package salesforcetest

import (
	"encoding/hex"
	"maps"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
)

// busReader is a subscription's place in the bus.
type busReader struct {
	sub      *subscription
	era      int
	position uint64
	rest     []piece // taken from the bus and not yet delivered
}

// position is where a stream starts: behind the counter returned. It returns false for a replay id that is malformed, of another org
// or outside retention, which the service does not tell apart either.
func (b *eventBus) position(preset pubsubpb.ReplayPreset, id []byte) (at uint64, era int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	switch preset {
	case pubsubpb.ReplayPreset_EARLIEST:
		return b.floor - 1, b.era, true
	case pubsubpb.ReplayPreset_CUSTOM:
		counter, ok := parseReplayID(id)
		return counter, b.era, ok && counter >= b.floor && counter <= b.last
	}
	return b.last, b.era, true
}

func (r *busReader) take(limit int32) response {
	for {
		if len(r.rest) == 0 {
			var events []*event
			if events, r.position = r.sub.bus.after(r.era, r.position, r.sub.sight.has, int(limit)); len(events) == 0 {
				return response{}
			}
			r.rest = r.sub.sight.pieces(events)
		}
		if answer := r.fill(limit); answer.events > 0 {
			return answer
		}
	}
}

// fill puts pieces into a response, as many as are asked for and fit.
func (r *busReader) fill(limit int32) response {
	size := 256
	for _, p := range r.rest[:min(len(r.rest), int(limit))] {
		size += len(p.frame)
	}
	answer := response{frame: make(frame, 0, min(size, maxResponse))}
	for len(r.rest) > 0 && answer.events < limit {
		p := r.rest[0]
		if answer.events > 0 && len(answer.frame)+len(p.frame) > maxResponse {
			break
		}
		r.rest = r.rest[1:]
		if f, shown := r.sub.sight.frame(answer.frame, p); shown {
			answer.frame, answer.latest = f, replayID(p.Replay)
			answer.events++
		}
	}
	return answer
}

func (r *busReader) pause() ([]byte, bool) {
	latest, ok := r.sub.bus.advance(r.era, r.position, r.sub.sight.has)
	if ok {
		r.position = latest
	}
	return replayID(latest), ok
}

// outlived reports whether the replay ids have been started anew since.
func (r *busReader) outlived() bool {
	b := r.sub.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	return r.era != b.era
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
