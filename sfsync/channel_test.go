package sfsync_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// channelPolicy has two objects on one topic.
const channelPolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Contact:
    purpose: [support]
    person: [Id]
    channel: CHANNEL
    plain: {LeadSource: {category: user.behavior}}
    personal: {FirstName, LastName, Email, Description}
  Case:
    purpose: [support]
    person: [ContactId]
    channel: CHANNEL
    plain: {Status}
    personal: {Subject, Description}
`

func onChannel(topic string) string { return strings.ReplaceAll(channelPolicy, "CHANNEL", topic) }

// onSales is a copy that follows Contact and Case on a channel, with a record
// of each.
func onSales(t *testing.T, cfg salesforcetest.Config, members ...salesforcetest.Member) *history {
	h := newHistory(t, cfg, onChannel("/data/Sales__chn"))
	if members == nil {
		members = []salesforcetest.Member{{Object: "Contact"}, {Object: "Case"}, {Object: "Lead"}}
	}
	h.org.Channel("Sales__chn", members...)
	h.other = h.org.Insert("Case", map[string]any{"Subject": "first", "Status": "New", "ContactId": h.id})
	return h
}

// One stream carries several objects, and more than the policy names.
func TestSharedTopic(t *testing.T) {
	t.Parallel()
	for _, topic := range []string{"/data/ChangeEvents", "/data/Sales__chn"} {
		t.Run(topic, func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, salesforcetest.Config{}, onChannel(topic))
			h.org.Channel("Sales__chn", salesforcetest.Member{Object: "Contact"}, salesforcetest.Member{Object: "Case"}, salesforcetest.Member{Object: "Lead"})
			h.begin()
			h.org.UndecodableNext() // of an object that is none of the policy's: not looked at
			h.org.Insert("Lead", map[string]any{"LastName": "Nobody's", "Company": "Acme"})
			h.other = h.org.Insert("Case", map[string]any{"Subject": "first", "Status": "New", "ContactId": h.id})
			h.org.Update("Contact", h.id, map[string]any{"Email": "b@example.com"})
			h.await("both objects", h.equal)
			for name, o := range h.sync.Status().Objects {
				if o.Owed {
					t.Errorf("an event of another object owes a read of %s", name)
				}
			}
			if topics := h.sync.Status().Topics; len(topics) != 1 {
				t.Errorf("%d topics are followed", len(topics))
			}
		})
	}
}

// A channel that does not carry all changes of an object is refused at start.
func TestChannelRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		members []salesforcetest.Member
		harm    func(org *salesforcetest.Org)
		code    fault.Code
	}{
		{"filtered", []salesforcetest.Member{{Object: "Contact", Filter: "LeadSource = 'Web'"}, {Object: "Case"}}, nil, fault.Filtered},
		{"not on the channel", []salesforcetest.Member{{Object: "Contact"}}, nil, fault.NotSelected},
		{"without View All, which a channel leaves out silently", nil, func(org *salesforcetest.Org) { org.SetViewAll("Case", false) }, fault.Denied},
		{"members not to be seen", nil, func(org *salesforcetest.Org) { org.DenyObject("PlatformEventChannelMember") }, fault.Denied},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := onSales(t, salesforcetest.Config{}, c.members...)
			if c.harm != nil {
				c.harm(h.org)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := h.sync.Run(ctx); fault.CodeOf(err) != c.code {
				t.Errorf("it ended with %v, want %s", err, c.code)
			}
		})
	}
}

// An object that its channel no longer carries whole pauses alone, and nothing
// is missing once it is back.
func TestChannelChanged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		harm, mend func(org *salesforcetest.Org)
		code       fault.Code
	}{
		{"a filter comes", func(org *salesforcetest.Org) {
			org.Channel("Sales__chn", salesforcetest.Member{Object: "Contact", Filter: "LeadSource = 'Web'"}, salesforcetest.Member{Object: "Case"})
		}, nil, fault.Filtered},
		{"an object leaves", func(org *salesforcetest.Org) { org.Channel("Sales__chn", salesforcetest.Member{Object: "Case"}) }, nil, fault.NotSelected},
		{"View All is lost", func(org *salesforcetest.Org) { org.SetViewAll("Contact", false) },
			func(org *salesforcetest.Org) { org.SetViewAll("Contact", true) }, fault.Denied},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := onSales(t, salesforcetest.Config{})
			h.sync.Hasten(3600)
			h.begin()
			c.harm(h.org)
			h.await("the pause", func() bool { return h.sync.Status().Objects["Contact"].Paused == c.code })
			h.org.Update("Contact", h.id, map[string]any{"Email": "unheard@example.com"})
			h.org.Update("Case", h.other, map[string]any{"Subject": "heard"})
			h.await("the other object", func() bool { return h.differenceIn("Case") == "" })
			if c.mend != nil {
				c.mend(h.org)
			} else {
				h.org.Channel("Sales__chn", salesforcetest.Member{Object: "Contact"}, salesforcetest.Member{Object: "Case"})
			}
			h.await("what was not heard", func() bool { return h.equal() && h.sync.Status().Objects["Contact"].Paused == "" })
			h.org.Update("Contact", h.id, map[string]any{"Email": "heard@example.com"})
			h.await("the stream after it", h.equal)
		})
	}
}

// enriched is the policy of a copy that follows contacts on an enriched channel.
var enriched = strings.Replace(contactPolicy, "person: [Id]", "person: [Id]\n    channel: /data/Enriched__chn", 1)

func (h *history) enrich() {
	h.org.Channel("Enriched__chn", salesforcetest.Member{Object: "Contact", Enriched: []string{"Name", "Email", "LeadSource"}})
}

// siblings: one change of several records comes on an enriched channel as
// events that share a replay id, and the run ends between them.
func siblings(h *history) {
	h.enrich()
	h.through(sfsync.Config{Window: 1}, nil)
	h.sync.Disable(h.off...)
	ids := []string{h.id}
	for n := range 5 {
		ids = append(ids, h.org.Insert("Contact", map[string]any{"LastName": fmt.Sprint("sibling ", n)}))
	}
	h.stop = h.start()
	h.await("the first copy", func() bool { return h.sync.Status().Ready(time.Hour) && h.equal() })
	h.must(h.stop())
	for round, held := 0, 0; held == 0 || held == len(ids); round++ {
		name := fmt.Sprint("together ", round)
		before := make([]int64, len(ids))
		for i, id := range ids {
			before[i] = h.row("Contact", id).Seq
		}
		h.must(h.org.Transaction(func(tx *salesforcetest.Tx) error {
			for _, id := range ids {
				if err := tx.Update("Contact", id, map[string]any{"Description": name}); err != nil {
					return err
				}
			}
			return nil
		}))
		h.until("some of the siblings", func() bool {
			held = 0
			for i, id := range ids {
				if h.row("Contact", id).Seq != before[i] {
					held++
				}
			}
			return held > 0
		})
	}
	h.stop = h.start()
	h.Cleanup(func() { h.stop() })
}

// Values that enrichment adds to an event are no change, and the body of a
// DELETE says nothing.
func TestEnrichedChannel(t *testing.T) {
	t.Parallel()
	h := newHistory(t, salesforcetest.Config{}, enriched)
	h.enrich()
	h.begin()
	h.await("the end of the first copy", func() bool { return h.sync.Status().Ready(time.Hour) })
	var reads atomic.Int64
	h.org.Intercept(salesforcetest.Fault{Path: collections, Match: func(r *http.Request) bool {
		if names(h.id)(r) {
			reads.Add(1)
		}
		return false
	}})
	release := h.org.HoldPublish()
	h.org.Update("Contact", h.id, map[string]any{"LastName": "second"})
	h.org.Update("Contact", h.id, map[string]any{"Email": nil, "LeadSource": "Web"})
	gone := h.org.Insert("Contact", map[string]any{"LastName": "gone", "Email": "gone@example.com"})
	h.org.Delete("Contact", gone)
	release()
	h.await("the copy", h.equal)
	h.org.HideField("Contact", "Phone") // what the policy does not name may be hidden
	h.org.Update("Contact", h.id, map[string]any{"Phone": "1", "Description": "third"})
	h.await("the copy", h.equal)
	if n := reads.Load(); n != 0 {
		t.Errorf("%d calls read the record again", n)
	}
}

// A position of a channel that expired owes a read of each of its objects.
func TestExpiredChannel(t *testing.T) {
	t.Parallel()
	h := onSales(t, salesforcetest.Config{})
	h.begin()
	h.await("the first copy", func() bool { return h.sync.Status().Ready(time.Hour) })
	h.must(h.stop())
	for object, id := range map[string]string{"Contact": h.id, "Case": h.other} {
		h.org.LoseNext()
		h.org.Update(object, id, map[string]any{"Description": "unheard"})
	}
	h.must(h.org.Expire())
	h.through(sfsync.Config{}, nil)
	h.stop = h.start()
	h.Cleanup(func() { h.stop() })
	h.await("both objects", h.equal)
}

// A slow store slows the stream: events are asked for as they are applied, none
// is dropped, and what waits does not grow with what there is. Salesforce ends a
// stream of which nothing is asked, after 60 seconds or 70, here hundredths of it.
func TestSlowStore(t *testing.T) {
	t.Parallel()
	for _, idle := range []time.Duration{600 * time.Millisecond, 700 * time.Millisecond} {
		t.Run(idle.String(), func(t *testing.T) {
			t.Parallel()
			slowStore(t, idle)
		})
	}
}

func slowStore(t *testing.T, idle time.Duration) {
	h := newHistory(t, salesforcetest.Config{PubSub: salesforcetest.PubSub{Unmerged: true, KeepAlive: 100 * time.Millisecond, IdleClose: idle}}, contactPolicy)
	h.through(sfsync.Config{Window: 10}, nil)
	h.begin()
	h.must(h.stop())
	const changes = 6000
	h.org.SetDeliveries(0, 1_000_000)
	for range changes / 200 {
		h.must(h.org.Transaction(func(tx *salesforcetest.Tx) error {
			for n := range 200 {
				if _, err := tx.Insert("Contact", map[string]any{"LastName": fmt.Sprint("many ", n)}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience) // it takes a minute under the race detector
	defer cancel()
	waits, applied := true, 0
	for batch, err := range h.sync.Changes(ctx) {
		h.must(err)
		if waits {
			last, since := -1, time.Now()
			h.await("an end of the requests", func() bool {
				if now := h.org.Deliveries(); now != last {
					last, since = now, time.Now()
				}
				return time.Since(since) > time.Second/2
			})
			if last >= changes/2 {
				t.Errorf("%d events were asked for while none was applied", last)
			}
			h.await("the end of the idle stream", func() bool { open, _ := h.org.Streams(); return open == 0 })
			waits = false
		}
		h.must(batch.Ack(ctx))
		for range batch.Rows() {
			applied++
		}
		if applied >= changes && h.equal() {
			break
		}
	}
	if d := h.difference(); d != "" {
		t.Error(d)
	}
	if n := h.org.Deliveries(); n > changes+changes/10 { // a cut stream delivers a little again
		t.Errorf("%d events were delivered for %d changes", n, changes)
	}
}

// A stream that is cut asks for half as many events: after two cuts for no more
// than a service allows that refuses what is above 30.
func TestCutsShrinkWindow(t *testing.T) {
	t.Parallel()
	h := newHistory(t, salesforcetest.Config{}, contactPolicy)
	h.begin()
	for n := range 3 {
		if n == 2 {
			h.org.SetPubSub(salesforcetest.PubSub{KeepAlive: 100 * time.Millisecond, Cap: 30, RefuseExcess: true})
		}
		_, before := h.org.Streams()
		h.org.CutStreams()
		h.await("another stream", func() bool { open, ever := h.org.Streams(); return open == 1 && ever > before })
	}
	h.org.Update("Contact", h.id, map[string]any{"LastName": "after the cuts"})
	h.await("the change", h.equal)
	if _, ever := h.org.Streams(); ever > 6 {
		t.Errorf("%d streams were opened: some were refused", ever)
	}
}
