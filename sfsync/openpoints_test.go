package sfsync_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// What Salesforce does not say it does, it may do either way: the copy becomes
// the org under each.
func TestOpenPoints(t *testing.T) {
	t.Parallel()
	bus := func(p salesforcetest.PubSub) salesforcetest.Config { return salesforcetest.Config{PubSub: p} }
	statuses := func(suffix string, code codes.Code) salesforcetest.Config {
		return bus(salesforcetest.PubSub{Statuses: map[string]codes.Code{suffix: code}})
	}
	for _, c := range []struct {
		name     string
		settings []salesforcetest.Config
		policy   string
		play     func(h *history)
	}{
		{"results without rows", []salesforcetest.Config{{}, {BulkEmptyBody: true}}, casePolicy, func(h *history) { h.begin() }},
		{"results while records change", []salesforcetest.Config{{BulkPage: 4, Records: 20}, {BulkPage: 4, Records: 20, BulkUnisolated: true}}, contactPolicy, changedBetweenPages},
		{"the status of a refused topic", []salesforcetest.Config{statuses("subscription.topic.cannot.subscribe", codes.PermissionDenied),
			statuses("subscription.topic.cannot.subscribe", codes.InvalidArgument), statuses("subscription.topic.cannot.subscribe", codes.Internal)}, contactPolicy, losesSight},
		{"the status of a missing licence", []salesforcetest.Config{statuses("service.tenant.license", codes.PermissionDenied), statuses("service.tenant.license", codes.Unauthenticated)},
			contactPolicy, refusedStreams(salesforcetest.PubSub{Unlicensed: true}, func(s sfsync.Status) fault.Code { return s.Objects["Contact"].Paused }, fault.Denied)},
		{"the status of a throttle", []salesforcetest.Config{statuses("service.protection.triggered", codes.ResourceExhausted), statuses("service.protection.triggered", codes.PermissionDenied)},
			contactPolicy, refusedStreams(salesforcetest.PubSub{Throttled: true}, topicWaits, fault.Throttled)},
		{"the status of too many clients", []salesforcetest.Config{statuses("concurrent.client.limit.exceeded", codes.ResourceExhausted), statuses("concurrent.client.limit.exceeded", codes.InvalidArgument)},
			contactPolicy, refusedStreams(salesforcetest.PubSub{MaxStreams: -1}, topicWaits, fault.Throttled)},
		{"the schema of a channel", []salesforcetest.Config{{}, bus(salesforcetest.PubSub{ChannelSchema: true})}, onChannel("/data/ChangeEvents"), func(h *history) {
			h.begin()
			h.org.Insert("Case", map[string]any{"Subject": "first", "Status": "New", "ContactId": h.id})
			h.org.Update("Contact", h.id, map[string]any{"Email": "b@example.com"})
		}},
		{"requests above the cap", []salesforcetest.Config{bus(salesforcetest.PubSub{Unmerged: true}), bus(salesforcetest.PubSub{Unmerged: true, RefuseExcess: true}),
			bus(salesforcetest.PubSub{Unmerged: true, Cap: -1})}, contactPolicy, func(h *history) {
			h.begin()
			many(h.rig, 250)
		}},
		{"a stream that begins late", []salesforcetest.Config{{}, bus(salesforcetest.PubSub{Settle: 300 * time.Millisecond})}, contactPolicy, func(h *history) {
			h.stop = h.start()
			h.Cleanup(func() { h.stop() })
			for n, tick := 0, time.NewTicker(20*time.Millisecond); n < 30; n++ {
				h.org.Update("Contact", h.id, map[string]any{"LastName": fmt.Sprint("while it begins ", n)})
				<-tick.C
			}
		}},
	} {
		for n, cfg := range c.settings {
			t.Run(fmt.Sprint(c.name, "/", n), func(t *testing.T) {
				t.Parallel()
				h := newHistory(t, cfg, c.policy)
				h.sync.Hasten(600)
				c.play(h)
				h.await("the copy", h.equal)
			})
		}
	}
}

// refusedStreams: the org refuses streams for a while, and the copy says so.
func refusedStreams(refusal salesforcetest.PubSub, said func(sfsync.Status) fault.Code, want fault.Code) func(*history) {
	return func(h *history) {
		h.begin()
		usual := h.bus
		refusal := refusal
		refusal.KeepAlive, refusal.Statuses = usual.KeepAlive, usual.Statuses
		h.org.SetPubSub(refusal)
		h.org.CutStreams()
		h.await("the refusal", func() bool { return said(h.sync.Status()) == want })
		h.org.Update("Contact", h.id, map[string]any{"Email": "meanwhile@example.com"})
		h.org.SetPubSub(usual)
	}
}

func topicWaits(s sfsync.Status) fault.Code { return s.Waiting[contactTopic].Code }

// changedBetweenPages: records change and go while the pages of a result are read.
func changedBetweenPages(h *history) {
	ids := h.ids("Contact")
	asked, release := h.holdAnswer(http.MethodGet, "/results")
	h.stop = h.start()
	h.Cleanup(func() { h.stop() })
	<-asked
	for _, id := range []string{ids[0], ids[19]} {
		h.org.Update("Contact", id, map[string]any{"LastName": "between pages"})
	}
	h.org.Delete("Contact", ids[1])
	h.org.Delete("Contact", ids[18])
	release()
}

// losesSight: the user may not view all records for a while.
func losesSight(h *history) {
	h.begin()
	h.org.SetViewAll("Contact", false)
	h.await("the pause", func() bool { return h.sync.Status().Objects["Contact"].Paused == fault.Denied })
	h.org.Update("Contact", h.id, map[string]any{"LastName": "unseen"})
	h.org.SetViewAll("Contact", true)
}

// many inserts records, each with an event of its own if the org is Unmerged.
func many(r *rig, records int) {
	r.Helper()
	r.must(r.org.Transaction(func(tx *salesforcetest.Tx) error {
		for n := range records {
			if _, err := tx.Insert("Contact", map[string]any{"LastName": fmt.Sprint("many ", n)}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// A hard delete of a live record may have an event or none.
func TestHardDelete(t *testing.T) {
	t.Parallel()
	for _, published := range []bool{true, false} {
		t.Run(fmt.Sprint(published), func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, salesforcetest.Config{}, contactPolicy)
			h.org.SetHardDeleteEvents(published)
			h.begin()
			h.org.HardDelete("Contact", h.id)
			h.passed()
			if h.equal() != published {
				t.Errorf("the copy is the org: %t", !published)
			}
			_, err := h.sync.Reconcile(t.Context())
			h.must(err)
			if d := h.difference(); d != "" {
				t.Error(d)
			}
		})
	}
}
