package salesforcetest

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// event is one published change event. Its JSON members are what the event
// log keeps.
type event struct {
	Replay uint64 `json:"n"`  // 0 while publishing is held
	At     int64  `json:"at"` // ms, when it was published
	Commit int64  `json:"commit"`
	ID     string `json:"id"` // empty for a tick, which only moves the counter
	Schema string `json:"schema"`
	Header header `json:"header"`
	Body   []byte `json:"body"`            // what follows the header
	Raw    bool   `json:"raw,omitempty"`   // the body is the whole payload, and no reader can decode it
	Floor  uint64 `json:"floor,omitempty"` // where set, nothing before this event can be replayed, and no stream begin before this id

	schema *eventSchema
	frame  []byte // the event as a member of a FetchResponse
}

// eventsOf turns a transaction into its change events, not yet published.
// Objects that are not selected take part in the numbering and have no events.
func (b *eventBus) eventsOf(c Commit, options PubSub) []*event {
	key := newUUID()
	var events []*event
	same := map[string]*event{}
	sequence, changes := 0, 0
	captured := b.org.captured()
	for _, w := range c.Writes {
		var e *event
		if o := b.org.object(w.Object); o != nil && slices.Contains(captured, o.Name) {
			e = b.eventOf(c, w, o, options)
			if changes += max(1, len(e.Header.Changed)); changes > options.overflowAfter() {
				e.overflow()
			}
		}
		if e != nil && (!options.Unmerged || e.overflown()) {
			if m := same[e.content()]; m != nil {
				m.merge(e)
				continue
			}
			same[e.content()] = e
		}
		sequence++
		if e != nil {
			e.Header.Key, e.Header.Sequence = key, sequence
			events = append(events, e)
		}
	}
	return events
}

// merge takes over the records of an event that says the same.
func (e *event) merge(other *event) {
	if !e.overflown() {
		e.Header.IDs = append(e.Header.IDs, other.Header.IDs...)
	}
}

// content is what an event says of its records: those of which a transaction
// says the same share one event.
func (e *event) content() string {
	return fmt.Sprint(e.Schema, e.Header.Change, e.Header.Changed, e.Header.Nulled, e.Header.Diff) + string(e.Body)
}

func (b *eventBus) eventOf(c Commit, w Write, o *object, how PubSub) *event {
	s := b.schemaOf(o)
	e := &event{ID: newUUID(), Commit: c.Number, Schema: s.id, schema: s, Header: header{
		Entity: o.Name, IDs: []string{w.ID}, Change: slices.Index(changeTypes, string(w.Kind)), Origin: c.Origin,
		Time: c.Time.Truncate(1e9).UnixMilli(), Number: firstCommit + c.Number, User: c.User}}
	var err error
	switch w.Kind {
	case Update:
		values := e.update(w, how)
		set := positionSet(e.Header.Changed)
		e.Body, err = s.appendBody(nil, values, func(p position) bool { return set[p] })
	case Delete:
		e.Body, err = s.appendBody(nil, nil, func(position) bool { return false })
	default:
		e.Body, err = s.appendBody(nil, w.After, func(position) bool { return true })
	}
	if err != nil || len(e.Body) > how.maxEvent() { // the service, too, says no more than this of an error of its own
		e.gap("")
	}
	return e
}

// firstCommit makes commit numbers of the size that live orgs have.
const firstCommit = 12_279_648_331_300

// update fills the bitmaps of an UPDATE and returns the values to send. The
// changed fields are those of the write; LastModifiedDate is among them even
// where two changes share its second.
func (e *event) update(w Write, how PubSub) map[string]string {
	values := w.After
	names := w.Changed
	if w.After["LastModifiedDate"] != "" && !slices.Contains(names, "LastModifiedDate") {
		names = append(slices.Clip(names), "LastModifiedDate")
	}
	for _, name := range names {
		p, ok := e.schema.leafs[name]
		if !ok || p.Part < 0 && e.schema.Fields[p.Field].Switch && w.person() {
			continue // derived, or the text that a person's name parts make up
		}
		named := p.Part >= 0 && e.schema.Fields[p.Field].Switch && how.ContactNames
		if w.Object == "Account" && w.person() && (named || contactSourced(name)) {
			continue // the event of the contact has it (Change Data Capture Developer Guide, "Change Events for Person Accounts")
		}
		e.Header.Changed = append(e.Header.Changed, p)
		switch {
		case w.After[name] == "":
			e.Header.Nulled = append(e.Header.Nulled, p)
		case how.DiffText && strings.HasSuffix(e.schema.leaf(p).Doc, "PlusClob"):
			if text, ok := unifiedDiff(w.Before[name], w.After[name]); ok {
				values = with(values, name, text)
				e.Header.Diff = append(e.Header.Diff, p)
			}
		}
	}
	return values
}

// person reports the write of a person account, whose name is a record.
func (w *Write) person() bool {
	return w.After["LastName"] != "" || w.Before["LastName"] != ""
}

// gap turns the event into the gap event of a kind, or of its own kind: a
// header that says which records changed, and nothing of how.
func (e *event) gap(kind Kind) {
	if kind == "" {
		kind = Kind(changeTypes[e.Header.Change])
	}
	if i := slices.Index(changeTypes, "GAP_"+strings.TrimPrefix(string(kind), "GAP_")); i >= 0 {
		e.Header.Change = i
	}
	e.empty()
}

// overflow turns the event into one that stands for all that follows of its
// object.
func (e *event) overflow() {
	e.empty()
	e.Header.Change = slices.Index(changeTypes, "GAP_OVERFLOW")
	e.Header.IDs = []string{"000000000000000AAA"}
}

func (e *event) overflown() bool { return changeTypes[e.Header.Change] == "GAP_OVERFLOW" }

// empty removes the body and what the bitmaps say of it.
func (e *event) empty() {
	e.Header.Changed, e.Header.Nulled, e.Header.Diff = nil, nil, nil
	e.Body = make([]byte, len(e.schema.Fields)) // one null a field
}

func (e *event) payload() []byte {
	if e.Raw {
		return e.Body
	}
	return append(appendHeader(make([]byte, 0, 256+len(e.Body)), &e.Header), e.Body...)
}

// appendFrame writes a ConsumerEvent as a member of FetchResponse.events. The
// replay id comes last, so that it can be replaced in place.
func (e *event) appendFrame(b, payload []byte) []byte {
	var producer, consumer []byte
	producer = appendBytes(producer, 1, []byte(e.ID))
	producer = appendBytes(producer, 2, []byte(e.Schema))
	producer = appendBytes(producer, 3, payload)
	consumer = appendBytes(consumer, 1, producer)
	consumer = appendBytes(consumer, 2, replayID(e.Replay))
	return appendBytes(b, 1, consumer)
}

func appendBytes(b []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), value)
}

func positionSet(list []position) map[position]bool {
	set := make(map[position]bool, len(list))
	for _, p := range list {
		set[p] = true
	}
	return set
}

func with(values map[string]string, name, text string) map[string]string {
	changed := make(map[string]string, len(values))
	for k, v := range values {
		changed[k] = v
	}
	changed[name] = text
	return changed
}
