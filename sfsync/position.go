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
// API guide, "Event Message Durability").
func (s *session) useless(ctx context.Context, t *topic) error {
	was := t.at.Instance
	t.at.Instance = cmp.Or(s.instance(ctx), was)
	switch {
	case t.at.Position == "":
		return nil
	case was != "" && t.at.Instance != was:
		t.at.Instance = was // until a position is taken on the new one
		return errAway
	case time.Since(time.Unix(t.at.AsOf, 0)) > s.pace.stale:
		return errStale
	}
	return nil
}

// renew takes a new position, in place of one that is useless or for the first
// time, and owes a read of everything with it.
func (s *session) renew(ctx context.Context, t *topic, useless error) error {
	switch {
	case useless != nil && s.cfg.FailOnExpired:
		return useless
	case useless != nil:
		s.log.Warn("the position is useless; a new one is taken and everything is compared", "topic", t.name, "fault", useless)
	}
	t.at.Instance = cmp.Or(s.instance(ctx), t.at.Instance)
	return s.begin(ctx, t)
}

// begin takes a position where the topic stands now. No call returns one: the
// first response to a subscription at LATEST carries it, which takes up to 270
// seconds on an idle topic (Pub/Sub API guide, Subscribe RPC). The position
// commits before any read begins, so a change is after it or in the read.
func (s *session) begin(ctx context.Context, t *topic) error {
	s.log.Info("waiting for the first position, up to 270 seconds on an idle topic", "topic", t.name)
	for d, err := range s.subscription(ctx, t.name, pubsub.Latest()) {
		if err != nil {
			return err
		}
		s.sight.hear(t.name)
		batch := t.move(store.Position(d.Latest))
		if err := s.oweAll(ctx, t.owners(s.disabled), batch); err != nil {
			return err
		}
		t.moved(batch)
		t.reach.idle.Store(batch.AsOf) // nothing before it is to come
		return nil
	}
	return fault.New(fault.Unavailable, "sfsync.Run", "the stream ended before its first response; it is opened again")
}

// move is a batch that moves the position.
func (t *topic) move(next store.Position) store.Batch {
	b := store.Batch{Topic: t.name, From: t.at.Position, Next: next, AsOf: t.at.AsOf, Instance: t.at.Instance}
	if next != b.From {
		b.AsOf = time.Now().Unix()
	}
	return b
}

// moved takes over where a queued batch leaves the position.
func (t *topic) moved(b store.Batch) { t.at.Position, t.at.AsOf = b.Next, b.AsOf }

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
		b.Objects = append(b.Objects, store.ObjectBatch{Object: o.name, Floor: true, Owe: []store.Range{store.Whole(store.Stamp)}})
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
	at       time.Time
}

// instance returns the name of the org's instance, asked for again every few
// minutes, or "" if the user may not see it or the org does not answer: then
// the stream goes on without this check (Object Reference, Organization).
func (s *session) instance(ctx context.Context) string {
	w := &s.whereabouts
	w.Lock()
	defer w.Unlock()
	if !w.at.IsZero() && time.Since(w.at) < s.pace.look {
		return w.instance
	}
	w.instance, w.at = "", time.Now()
	rows, err := s.rest.Query(ctx, "SELECT InstanceName FROM Organization")
	if err != nil || len(rows) != 1 {
		s.log.Info("the org's instance is not known", "fault", err)
		return ""
	}
	w.instance = rows[0].Text("InstanceName")
	return w.instance
}
