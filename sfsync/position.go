package sfsync

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Why a stored position is given up though the service may still take it. An id
// that it takes from another stream would be a silent jump.
var (
	errStale = fault.New(fault.ReplayInvalid, "sfsync.Run", "the position was last moved so long ago that events behind it may be gone; take a new one and reconcile")
	errAway  = fault.New(fault.ReplayInvalid, "sfsync.Run", "the position was taken on another instance of Salesforce, whose replay ids mean nothing on this one; take a new one and reconcile")
)

// useless says why the stream cannot be gone on with from the stored position,
// or nil: events are kept for 72 hours, and replay ids are of an instance (Pub/Sub
// API guide, "Event Message Durability"). here is the instance, "" if not known.
func (s *session) useless(t *topic, here string) error {
	switch {
	case t.at.Position == "":
		return nil
	case t.refused != nil:
		return t.refused
	case here != "" && t.at.Instance != "" && here != t.at.Instance:
		return errAway
	case time.Since(time.Unix(t.at.AsOf, 0)) > s.pace.stale:
		return errStale
	}
	return nil
}

// renew takes a new position, in place of one that is useless or for the first
// time, and owes a read of everything with it.
func (s *session) renew(ctx context.Context, t *topic, useless error, here string) error {
	switch {
	case useless != nil && s.cfg.FailOnExpired:
		return useless
	case useless != nil:
		s.log.Warn("the position is useless; a new one is taken and everything is compared", "topic", t.name, "fault", useless)
	}
	return s.begin(ctx, t, here)
}

// begin takes a position where the topic stands now. No call returns one: the
// first response to a subscription at LATEST carries it, which takes up to 270
// seconds on an idle topic (Pub/Sub API guide, Subscribe RPC). The position
// commits before any read begins, so a change is after it or in the read.
func (s *session) begin(ctx context.Context, t *topic, here string) error {
	s.log.Info("waiting for the first position, up to 270 seconds on an idle topic", "topic", t.name)
	for d, err := range s.subscription(ctx, t.name, pubsub.Latest()) {
		if err != nil {
			return err
		}
		s.sight.hear(t.name)
		batch := t.batch(store.Position(d.Latest))
		batch.AsOf, batch.Instance = time.Now().Unix(), cmp.Or(here, batch.Instance)
		if err := s.oweAll(ctx, t.owners(s.disabled), batch); err != nil {
			return err
		}
		t.moved(batch)
		t.refused = nil
		t.reach.idle.Store(batch.AsOf) // nothing before it is to come
		return nil
	}
	return fault.New(fault.Unavailable, "sfsync.Run", "the stream ended before its first response; it is opened again")
}

// batch is a batch that leaves the position at next.
func (t *topic) batch(next store.Position) store.Batch {
	return store.Batch{Topic: t.name, From: t.at.Position, Next: next, AsOf: t.at.AsOf, Instance: t.at.Instance}
}

// move is a batch that moves the position to what has been received. One that
// stays is good as of the last empty response, which may repeat its id
// (eventbus.v1, FetchResponse): that is written too, or the position would seem
// useless one day, but not with every response, should they come often.
func (s *session) move(t *topic) store.Batch {
	b := t.batch(t.cursor.safe)
	idle := t.reach.idle.Load()
	switch {
	case b.Next != b.From:
		b.AsOf = time.Now().Unix()
	case time.Duration(idle-b.AsOf)*time.Second >= s.pace.renew:
		b.AsOf = idle
	}
	return b
}

// moved takes over where a queued batch leaves the position.
func (t *topic) moved(b store.Batch) {
	t.at.Position, t.at.AsOf, t.at.Instance = b.Next, b.AsOf, b.Instance
}

// owners are the objects that a new position owes a read of.
func (t *topic) owners(disabled rule) []*object {
	if disabled&positionFirst != 0 {
		return nil
	}
	return t.objects
}

// oweAll commits a new position together with a debt for each object: what
// happened before it is found by comparing the stamps of all records. A full
// read that is owed already stays so.
func (s *session) oweAll(ctx context.Context, objects []*object, b store.Batch) error {
	unlock := lockAll(objects)
	for _, o := range objects {
		o.heard = b.AsOf
		b.Objects = append(b.Objects, store.ObjectBatch{Object: o.name, Floor: true, Heard: b.AsOf, Owe: []store.Range{store.Whole(store.Stamp)}})
	}
	batch, err := s.enqueue(ctx, b)
	unlock()
	if err != nil {
		return err
	}
	return batch.wait(ctx)
}

// whereabouts is the instance that the org was last seen on.
type whereabouts struct {
	sync.Mutex
	instance string
	at       time.Time // when it was asked for
}

// instance returns the name of the org's instance, or "" if the user may not see
// it: then the stream goes on without this check (Object Reference,
// Organization). It is asked for anew after each end of a stream, as the org may
// have moved meanwhile; an answer serves every topic whose stream had ended
// before. So streams that last cost no calls, and those that fail again and
// again one or two a minute together, however many they are, because the pause
// between two tries grows to a minute.
func (s *session) instance(ctx context.Context, ended time.Time) (string, error) {
	w := &s.whereabouts
	w.Lock()
	defer w.Unlock()
	if w.at.After(ended) {
		return w.instance, nil
	}
	at := time.Now()
	rows, err := s.rest.Query(ctx, "SELECT InstanceName FROM Organization")
	if err != nil && !lost(err) {
		return "", err // going on without the answer might be a silent jump
	}
	w.instance, w.at = "", at
	if len(rows) == 1 {
		w.instance = rows[0].Text("InstanceName")
	}
	if w.instance == "" {
		s.log.Info("the org's instance is not shown to the user; a move of the org is not noticed by it", "fault", err)
	}
	return w.instance, nil
}
