package salesforcetest

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
)

// HoldPublish keeps changes from being published until release is called: rows
// change at once, their events come late, with the replay ids of their
// publishing. A process that is killed meanwhile publishes them when it runs again.
func (o *Org) HoldPublish() (release func()) {
	b := o.events
	b.mu.Lock()
	defer b.mu.Unlock()
	b.holds++
	released := false
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		b.mu.Lock()
		defer b.mu.Unlock()
		if released {
			return
		}
		released = true
		if b.holds--; b.holds == 0 {
			_ = b.release() // the next commit fails in the same way, and says so
			b.signal()
		}
	}
}

// GapNext publishes the next transaction's events as gap events: of the kind
// given, or of that of each change if it is empty. Those of a kind are one
// event of all their records.
func (o *Org) GapNext(kind Kind) {
	o.replaceNext(func(events []*event) []*event {
		for _, e := range events {
			e.gap(kind)
		}
		return merged(events)
	})
}

// OverflowNext publishes, in place of the next transaction's events, one
// GAP_OVERFLOW for each object in it, as if it had changed over 100,000 records.
func (o *Org) OverflowNext() {
	o.replaceNext(func(events []*event) []*event {
		for _, e := range events {
			e.overflow()
		}
		return merged(events)
	})
}

// merged merges the events that say the same.
func merged(events []*event) []*event {
	var list []*event
	same := map[string]*event{}
	for _, e := range events {
		content := e.content()
		if m := same[content]; m != nil {
			m.merge(e)
			continue
		}
		same[content] = e
		list = append(list, e)
	}
	return list
}

// TwoEventsNext publishes two events for each update of the next transaction,
// of the same records and under one transactionKey: the first changed
// LastModifiedDate alone, the second all the rest. A live org was seen to do so
// (captures).
func (o *Org) TwoEventsNext() {
	o.replaceNext(func(events []*event) []*event {
		var all []*event
		for _, e := range events {
			all = append(all, e.halves()...)
		}
		for i, e := range all {
			e.Header.Sequence = i + 1
		}
		return all
	})
}

func (e *event) halves() []*event {
	stamp, ok := e.schema.leafs["LastModifiedDate"]
	if !ok || !slices.Contains(e.Header.Changed, stamp) {
		return []*event{e}
	}
	return []*event{e.only(func(p position) bool { return p == stamp }), e.only(func(p position) bool { return p != stamp })}
}

// only is the event of some of the fields that changed.
func (e *event) only(wanted func(position) bool) *event {
	part := *e
	part.ID = newUUID()
	for _, list := range []*[]position{&part.Header.Changed, &part.Header.Nulled, &part.Header.Diff} {
		*list = slices.DeleteFunc(slices.Clone(*list), func(p position) bool { return !wanted(p) })
	}
	body := e.schema.split(e.Body)
	e.schema.keep(body, positionSet(part.Header.Changed))
	part.Body = join(body)
	return &part
}

// WildcardNext publishes the next transaction's events without body and with a
// wildcard for record ids, such as 001*, as after a change of a field's type.
func (o *Org) WildcardNext() {
	o.replaceNext(func(events []*event) []*event {
		for _, e := range events {
			e.empty()
			e.Header.Change = slices.Index(changeTypes, string(Update))
			e.Header.IDs = []string{e.Header.IDs[0][:3] + "*"}
		}
		return events
	})
}

// UndecodableNext publishes the next transaction's events, of these objects or
// of all if there are none, with a payload that is no Avro: a string whose
// length never ends.
func (o *Org) UndecodableNext(objects ...string) {
	o.replaceNext(func(events []*event) []*event {
		for _, e := range events {
			if len(objects) == 0 || slices.Contains(objects, e.Header.Entity) {
				e.Raw, e.Body = true, bytes.Repeat([]byte{0xFF}, 16)
			}
		}
		return events
	})
}

// LoseNext publishes nothing of the next transaction.
func (o *Org) LoseNext() {
	o.replaceNext(func([]*event) []*event { return nil })
}

func (o *Org) replaceNext(mishap func([]*event) []*event) {
	o.events.mu.Lock()
	defer o.events.mu.Unlock()
	o.events.mishap = mishap
}

// Gap publishes a gap event of a kind without any change, as the service does
// after work of its own on the database.
func (o *Org) Gap(object string, kind Kind, ids ...string) error {
	return o.announce(object, Kind("GAP_"+strings.TrimPrefix(string(kind), "GAP_")), ids...)
}

// announce publishes an event without a body.
func (o *Org) announce(object string, kind Kind, ids ...string) error {
	obj := o.object(object)
	if obj == nil {
		return noSuchObject(object)
	}
	s := o.events.schemaOf(obj)
	e := &event{ID: newUUID(), Schema: s.id, schema: s, Header: header{Entity: obj.Name, IDs: ids, Change: slices.Index(changeTypes, string(kind)),
		Key: newUUID(), Sequence: 1, Time: o.now().Truncate(1e9).UnixMilli(), Number: firstCommit, User: o.UserID()}}
	e.empty()
	return o.events.publish(e)
}

// Redeliver publishes the newest n events once more, under new replay ids:
// delivery is at least once.
func (o *Org) Redeliver(n int) error {
	b := o.events
	b.mu.Lock()
	var again []*event
	for i := len(b.log) - 1; i >= 0 && len(again) < n; i-- {
		if b.log[i].ID != "" {
			e := *b.log[i]
			e.Commit = 0
			again = append(again, &e)
		}
	}
	b.mu.Unlock()
	slices.Reverse(again)
	return b.publish(again...)
}

// CutStreams breaks every open connection of the Pub/Sub API, without a
// goodbye, as a failing network does.
func (o *Org) CutStreams() { o.events.server.conns.cut() }

// FailSubscribe refuses the next Subscribe: with the suffix of an error code,
// such as "service.unavailable", a status, and a text, which may carry values.
func (o *Org) FailSubscribe(suffix string, code codes.Code, text string) {
	o.events.mu.Lock()
	defer o.events.mu.Unlock()
	o.events.failure = &failure{suffix, code, text}
}

// FailStreams ends every open Subscribe with such an error.
func (o *Org) FailStreams(suffix string, code codes.Code, text string) {
	b := o.events
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end(failure{suffix, code, text})
}

func (b *eventBus) end(f failure) {
	b.ending = f
	close(b.cut)
	b.cut = make(chan struct{})
}

func (b *eventBus) takeFailure() *failure {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.failure
	b.failure = nil
	return f
}

func (b *eventBus) cutError(ctx context.Context) error {
	b.mu.Lock()
	f := b.ending
	b.mu.Unlock()
	return refuseCall(ctx, f.code, f.suffix, f.text)
}
