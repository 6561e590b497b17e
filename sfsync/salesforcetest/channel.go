package salesforcetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Member is an object on a channel (Tooling API, PlatformEventChannelMember).
type Member struct {
	// Object is its API name, such as Account.
	Object string
	// Enriched are describe fields that events of updates and deletes carry
	// whether or not they changed: at most ten, an address as one of them and
	// whole (Change Data Capture Developer Guide, "Enrich Change Events").
	Enriched []string
	// Filter is the condition that an event has to meet to be delivered: FIELD
	// = VALUE or FIELD != VALUE, where FIELD is one of the object or a scalar
	// of the header, such as ChangeEventHeader.changeType. The service knows
	// more operators; the org refuses them, so that none is ignored.
	Filter string
}

// channelMember is a Member with what delivery needs of it.
type channelMember struct {
	Member
	enriched map[string]bool // by field, those that the filter asks for included
	filter   *filter
}

// channels are the org's channels by name: ChangeEvents, of which only what is
// set beside the selection is here, and custom ones.
type channels struct {
	mu   sync.RWMutex
	list map[string][]channelMember
}

const (
	standardChannel = "ChangeEvents"
	maxEnriched     = 10
)

// Channel makes the custom channel of a name, such as Sales__chn, or replaces
// its members, and returns its topic, /data/Sales__chn; without members the
// channel is gone. An object on any channel has change events, also on the
// topic of its own. The name ChangeEvents sets enrichment and filters on the
// standard channel, for objects that Select has put there. Open streams follow
// as with permissions. It panics like Insert.
func (o *Org) Channel(name string, members ...Member) (topic string) {
	if name != standardChannel && !strings.HasSuffix(name, "__chn") {
		panic("salesforcetest: Channel: the name of a custom channel ends in __chn")
	}
	var list []channelMember
	for _, m := range members {
		made, err := o.member(m)
		if err != nil {
			panic("salesforcetest: Channel: " + err.Error())
		}
		list = append(list, made)
	}
	c := &o.events.channels
	c.mu.Lock()
	if c.list == nil {
		c.list = map[string][]channelMember{}
	}
	if c.list[name] = list; len(list) == 0 {
		delete(c.list, name)
	}
	c.mu.Unlock()
	o.events.wakeAll()
	return "/data/" + name
}

func (o *Org) member(m Member) (channelMember, error) {
	obj := o.object(m.Object)
	if obj == nil {
		return channelMember{}, noSuchObject(m.Object)
	}
	made := channelMember{Member: m, enriched: map[string]bool{}}
	made.Object = obj.Name
	if len(m.Enriched) > maxEnriched {
		return channelMember{}, fmt.Errorf("a member has at most %d enriched fields", maxEnriched)
	}
	schema := o.events.schemaOf(obj)
	for _, name := range m.Enriched {
		if !slices.ContainsFunc(schema.Fields, func(f eventField) bool { return f.Source == name }) {
			return channelMember{}, noSuchField(name, obj.Name)
		}
		made.enriched[name] = true
	}
	var err error
	if m.Filter != "" {
		if made.filter, err = parseFilter(m.Filter, schema); err == nil && made.filter.field != "" {
			made.enriched[schema.top(made.filter.field)] = true // what a filter reads is enriched with it
		}
	}
	return made, err
}

// top is the event field that holds the value of a describe field.
func (s *eventSchema) top(source string) string { return s.Fields[s.leafs[source].Field].Source }

// membersOf lists what a channel carries, by the name of the channel.
func (o *Org) membersOf(channel string) (list []channelMember, known bool) {
	c := &o.events.channels
	c.mu.RLock()
	set, known := c.list[channel]
	c.mu.RUnlock()
	if channel != standardChannel {
		return set, known
	}
	for _, object := range o.selectedForCDC() {
		m := channelMember{Member: Member{Object: object}}
		if i := slices.IndexFunc(set, func(m channelMember) bool { return m.Object == object }); i >= 0 {
			m = set[i]
		}
		list = append(list, m)
	}
	return list, true
}

// channelNames lists the channels, the standard one first.
func (o *Org) channelNames() []string {
	c := &o.events.channels
	c.mu.RLock()
	defer c.mu.RUnlock()
	var names []string
	for name := range c.list {
		if name != standardChannel {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return append([]string{standardChannel}, names...)
}

// captured lists the objects that have change events: those on any channel
// (Change Data Capture Developer Guide, "Subscription Channels").
func (o *Org) captured() []string {
	var objects []string
	for _, name := range o.channelNames() {
		members, _ := o.membersOf(name)
		for _, m := range members {
			objects = append(objects, m.Object)
		}
	}
	slices.Sort(objects)
	return slices.Compact(objects)
}

// topicMembers lists what a topic carries; false if the org has no such topic.
// Names are case-sensitive. Enrichment and filters are of channels only.
func (o *Org) topicMembers(topic string) ([]channelMember, bool) {
	name, _ := strings.CutPrefix(topic, "/data/")
	if multiEntity(topic) {
		return o.membersOf(name)
	}
	for _, object := range o.captured() {
		if name == eventName(object) && o.object(object) != nil {
			return []channelMember{{Member: Member{Object: object}}}, true
		}
	}
	return nil, false
}

// multiEntity reports a topic that may carry several objects.
func multiEntity(topic string) bool {
	return topic == allChanges || strings.HasPrefix(topic, "/data/") && strings.HasSuffix(topic, "__chn")
}
