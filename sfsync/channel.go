package sfsync

import (
	"context"
	"strings"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// shared reports a channel, which may carry several objects. Unlike the topic
// of one object it may be enriched or filtered, and it leaves out silently what
// the user may not see (Change Data Capture guide, "Subscription Channels").
func (t *topic) shared() bool {
	return t.name == "/data/ChangeEvents" || strings.HasSuffix(t.name, "__chn")
}

// carriesAll checks a channel for each of its objects. One that it no longer
// carries is held, and the others go on. Later checks are for the hourly look to
// make again if the org cannot answer now.
func (s *session) carriesAll(ctx context.Context, t *topic) error {
	for _, o := range t.objects {
		err := s.carries(ctx, t, o)
		if err != nil && s.sight.hasHeard(t.name) {
			switch {
			case lost(err):
				err = s.hold(ctx, o, err)
			case mendable(err):
				err = nil
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// carries checks that the topic has all changes of the object: that the user may
// view all records, which the service says of the object's own topic only, and
// that the object is on the channel, without a filter.
func (s *session) carries(ctx context.Context, t *topic, o *object) error {
	if err := s.seesAll(ctx, o); err != nil || !t.shared() {
		return err
	}
	const op = "sfsync.Run"
	rows, err := s.rest.ToolingQuery(ctx, "SELECT DeveloperName, EventChannel, SelectedEntity, FilterExpression FROM PlatformEventChannelMember")
	switch {
	case lost(err):
		return fault.New(fault.Denied, op, "whether the channel carries all changes cannot be seen; grant View Setup and Configuration, or take the channel out of the policy").On(o.api)
	case err != nil:
		return err
	}
	channel, event := strings.TrimPrefix(t.name, "/data/"), minimize.EventName(o.api)
	for _, member := range rows {
		// The name of the member, because custom channels and objects may be told
		// by their ids (Tooling API, PlatformEventChannelMember).
		if member.Text("DeveloperName") != strings.ReplaceAll(channel+"_"+event, "__", "_") &&
			(member.Text("EventChannel") != channel || member.Text("SelectedEntity") != event) {
			continue
		}
		if member.Text("FilterExpression") != "" {
			return fault.New(fault.Filtered, op, "the channel filters the object's changes; take the filter off, or the channel out of the policy").On(o.api)
		}
		return nil
	}
	return fault.New(fault.NotSelected, op, "the object is no member of the channel; add it, or take the channel out of the policy").On(o.api)
}
