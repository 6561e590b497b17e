package salesforcetest

import "strings"

// channelRows are the rows of the Tooling API objects that tell of channels.
// Their fields are those of the Tooling API reference: EventChannel is a text
// and no reference, so no query can follow it, and what a member is enriched
// with is asked of EnrichedField. PlatformEventChannel has no row for the
// standard channel.
func (o *Org) channelRows(b *rowBuilder) {
	serial := int64(0)
	for _, channel := range o.channelNames() {
		base, custom := strings.CutSuffix(channel, "__chn")
		if custom && b.object.Name == "PlatformEventChannel" {
			b.add(map[string]string{"DeveloperName": base, "MasterLabel": base, "ChannelType": "data", "ManageableState": "unmanaged"})
		}
		members, _ := o.membersOf(channel)
		for _, m := range members {
			serial++
			o.memberRows(b, channel, m, recordID("0v8", serial))
		}
	}
}

func (o *Org) memberRows(b *rowBuilder, channel string, m channelMember, id string) {
	switch b.object.Name {
	case "PlatformEventChannelMember":
		event := eventName(m.Object)
		name := strings.ReplaceAll(channel+"_"+event, "__", "_")
		b.add(map[string]string{"DeveloperName": name, "MasterLabel": name, "EventChannel": channel, "SelectedEntity": event,
			"FilterExpression": m.Filter, "ManageableState": "unmanaged"})
	case "EnrichedField":
		for _, field := range m.Enriched {
			if o.object(m.Object).field(field).Custom {
				field, _ = longID(customFieldID(m.Object, field)) // custom fields are told by id
			}
			b.add(map[string]string{"ChannelMemberId": id, "Field": field, "ManageableState": "unmanaged"})
		}
	}
}
