package sfsync

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// reach is how far a topic has been received. The stream may lag, and then an
// object on it is not silent but late.
type reach struct {
	commit atomic.Int64 // second of the newest event's commit, by the org's clock
	idle   atomic.Int64 // when the service last had nothing to deliver, by ours
	before atomic.Int64 // when the position last moved before this session, by ours; 0: never
}

// event notes an event of the topic.
func (r *reach) event(a arrival) {
	if !a.lost {
		r.commit.Store(max(r.commit.Load(), a.change.Commit()))
	}
}

// at is the second of the org's clock, now at serverTime, up to which all
// events have come.
func (r *reach) at(serverTime time.Time) int64 {
	idle := r.idle.Load()
	if idle != 0 {
		idle = serverTime.Unix() - time.Now().Unix() + idle
	}
	return max(r.commit.Load(), idle)
}

// late reports whether events wait that are older than so long.
func (r *reach) late(than time.Duration) bool {
	at := r.at(time.Now())
	if at == 0 {
		at = r.before.Load()
	}
	return at != 0 && time.Since(time.Unix(at, 0)) > than
}

// foretell looks every hour whether the topic falls behind for good: events
// come faster than they are applied, or the stream is closed too long, and those
// that wait will be gone (Pub/Sub API guide, "Event Message Durability"). That is
// a fault in the ledger, with the code that the expiry would have, in Status and
// the log. It does not end the run: a run that goes on applies what it still
// can, and one that began again would be as late and have lost the time.
func (s *session) foretell(ctx context.Context, t *topic) error {
	tick := time.NewTicker(s.pace.sight)
	defer tick.Stop()
	for ctx.Err() == nil {
		late := t.reach.late(s.pace.late)
		if s.status.late(t.name, late) && late {
			s.log.Warn("events of two days ago are still to come, and Salesforce keeps them three: give the run more deliveries, or a faster store; else all records will be compared", "topic", t.name)
			entry := audit.Entry{Kind: audit.KindFault, Reason: "events will expire on " + t.name, Code: string(fault.ReplayInvalid)}
			if _, err := s.enqueue(ctx, store.Batch{Entries: []audit.Entry{s.entry(entry)}}); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}
