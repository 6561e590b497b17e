package sfsync

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Status is how far the copy is.
type Status struct {
	// Phase is "new", "signing in", "running", "catching up", "reconciling" or
	// "stopped".
	Phase   string
	Objects map[string]ObjectStatus // by API name
	Topics  map[string]TopicStatus  // by topic name

	// Applied counts the rows written since New.
	Applied int64
	// CallsLeft and DeliveriesLeft are how many API calls and event deliveries
	// the org has left of its 24 hours, for everyone; -1 while not known.
	CallsLeft, DeliveriesLeft int64
	// Waiting is what waits, by API name of the object or name of the topic;
	// "" is the whole run. Everything else goes on.
	Waiting map[string]Wait
}

// ObjectStatus is how far one object is.
type ObjectStatus struct {
	// Paused is why the object alone pauses, such as fault.FieldLost, or "". It
	// goes on when the org shows it again, which is looked at every few minutes.
	Paused fault.Code
	Since  time.Time // when the pause began

	Owed  bool  // a read of all its records is owed or under way, other than by a reconcile
	Rows  int64 // of that read, committed or queued
	Total int64 // of that read, 0 until known

	// Reconciled is when the last comparison with the org that a reconcile made
	// began, by the org's clock, and Drift what it found; both since New.
	Reconciled time.Time
	Drift      Drift

	// Unreadable is how many records could not be read by id. They stay dirty
	// and are tried again every hour; no other waits for them.
	Unreadable int

	// Silent is set when changes an hour old have had no event, until the next
	// event comes. The records are compared, but nothing tells when the next
	// change is missed: check the object's selection for Change Data Capture.
	Silent bool
}

// TopicStatus is how far one topic is.
type TopicStatus struct {
	// AsOf is when the position last moved, or was last seen to be the latest:
	// on an idle topic with a keepalive, at most 270 seconds apart (Pub/Sub API
	// guide), and 30 seconds after the one before at the earliest.
	AsOf time.Time
	// Delay is how long after its commit the last change was applied.
	Delay time.Duration
	// Expiring is set while events of two days ago have not been applied.
	// Salesforce keeps them for three: then a new position is taken, and all
	// records are compared.
	Expiring bool
}

// Ready reports whether the copy is complete and each topic's position moved, or
// was seen to be the latest, within maxLag, for a readiness probe. A maxLag under five minutes fails on
// idle topics.
func (s Status) Ready(maxLag time.Duration) bool {
	if s.Phase != "running" || len(s.Waiting) > 0 {
		return false
	}
	for _, o := range s.Objects {
		if o.Owed || o.Paused != "" {
			return false
		}
	}
	for _, t := range s.Topics {
		if time.Since(t.AsOf) > maxLag {
			return false
		}
	}
	return true
}

// Status returns how far the copy is. It does no I/O.
func (s *Sync) Status() Status {
	s.status.Lock()
	defer s.status.Unlock()
	now := s.status.now
	now.CallsLeft, now.DeliveriesLeft = s.limits.remaining()
	now.Objects, now.Topics, now.Waiting = maps.Clone(now.Objects), maps.Clone(now.Topics), s.status.longest()
	if now.Phase == "" {
		now.Phase = "new"
	}
	return now
}

type status struct {
	sync.Mutex
	now     Status
	waiters []*waiter
	owed    map[string][]store.Range // by stable name
	// reconciling are the objects of which no more is owed than a reconcile,
	// which is a read of this kind.
	reconciling map[string]store.ReadKind
}

func (s *status) phase(name string) {
	s.Lock()
	defer s.Unlock()
	s.now.Phase = name
	if name == "stopped" {
		s.waiters = nil
	}
}

// opened takes over what the store said at the start of a session.
func (s *status) opened(se *session) {
	s.Lock()
	defer s.Unlock()
	before := s.now.Objects
	s.now.Objects, s.now.Topics = map[string]ObjectStatus{}, map[string]TopicStatus{}
	s.owed, s.reconciling = map[string][]store.Range{}, map[string]store.ReadKind{}
	for name, o := range se.objects {
		s.owed[name] = o.owed
		s.now.Objects[name] = ObjectStatus{Owed: len(o.owed) > 0, Reconciled: before[name].Reconciled, Drift: before[name].Drift}.paused(o.held)
	}
	for name := range se.topics {
		s.now.Topics[name] = TopicStatus{}
	}
}

func (s *status) reading(object string, rows, total int64) {
	s.Lock()
	defer s.Unlock()
	now := s.now.Objects[object]
	now.Rows, now.Total = rows, total
	s.now.Objects[object] = now
}

func (s *status) paused(object string, h *hold) {
	s.Lock()
	defer s.Unlock()
	s.now.Objects[object] = s.now.Objects[object].paused(h)
}

func (o ObjectStatus) paused(h *hold) ObjectStatus {
	o.Paused, o.Since = "", time.Time{}
	if h != nil {
		o.Paused, o.Since = fault.CodeOf(h.err), h.since
	}
	return o
}

func (s *status) silent(object string, silent bool) {
	s.Lock()
	defer s.Unlock()
	now := s.now.Objects[object]
	now.Silent = silent
	s.now.Objects[object] = now
}

// late reports whether that is news.
func (s *status) late(topic string, late bool) bool {
	s.Lock()
	defer s.Unlock()
	now := s.now.Topics[topic]
	was := now.Expiring
	now.Expiring = late
	s.now.Topics[topic] = now
	return was != late
}

func (s *status) unreadable(o *object) {
	s.Lock()
	defer s.Unlock()
	now := s.now.Objects[o.name]
	now.Unreadable = int(o.unreadable.Load())
	s.now.Objects[o.name] = now
}

// owes keeps up what is owed of an object, and reports whether that is more
// than a reconcile. The caller holds the lock.
func (s *status) owes(b *store.ObjectBatch) bool {
	owed := balance(s.owed[b.Object], b.Owe, b.Paid)
	s.owed[b.Object] = owed
	kind := s.reconciling[b.Object]
	split := len(b.Paid) > 0 // or half of one paid
	if b.Floor || !split && !slices.Equal(owed, []store.Range{store.Whole(kind)}) || len(owed) == 0 {
		delete(s.reconciling, b.Object)
	}
	return len(owed) > 0 && s.reconciling[b.Object] == ""
}

// comparing notes that the next thing owed is a reconcile.
func (s *status) comparing(object string, kind store.ReadKind) {
	s.Lock()
	defer s.Unlock()
	s.reconciling[object] = kind
}

func (s *status) compared(object string, drift Drift, at int64) {
	s.Lock()
	defer s.Unlock()
	now := s.now.Objects[object]
	now.Reconciled, now.Drift = time.Unix(at, 0), drift
	s.now.Objects[object] = now
}

// committed counts what a batch applied.
func (s *status) committed(b *store.Batch) {
	s.Lock()
	defer s.Unlock()
	var latest int64
	for _, o := range b.Objects {
		s.now.Applied += int64(len(o.Rows))
		now := s.now.Objects[o.Object]
		now.Owed = s.owes(&o)
		s.now.Objects[o.Object] = now
		for _, row := range o.Rows {
			latest = max(latest, row.Commit)
		}
	}
	if b.Topic != "" {
		t := s.now.Topics[b.Topic]
		t.AsOf = time.Unix(b.AsOf, 0)
		if latest > 0 {
			t.Delay = max(0, time.Since(time.Unix(latest, 0)))
		}
		s.now.Topics[b.Topic] = t
	}
}
