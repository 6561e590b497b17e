package salesforcetest_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

type members = []salesforcetest.Member

// sales is an org with Contact selected, and a channel of Account and Case.
func sales(t *testing.T, list ...salesforcetest.Member) (*salesforcetest.Org, *bus, string) {
	t.Helper()
	org := newOrg(t, salesforcetest.Config{Selected: []string{"Contact"}})
	if list == nil {
		list = members{{Object: "Account"}, {Object: "Case"}}
	}
	return org, dial(t, org), org.Channel("Sales__chn", list...)
}

func TestCustomChannel(t *testing.T) {
	t.Parallel()
	org, b, topic := sales(t)
	org.Insert("Contact", map[string]any{"LastName": "Byron"})
	org.Insert("Account", map[string]any{"Name": "Acme"})
	org.Insert("Case", map[string]any{"Subject": "Late"})
	org.Insert("Lead", map[string]any{"LastName": "Nobody's", "Company": "Acme"})
	for of, want := range map[string][]string{
		topic:                   {"Account", "Case"},
		"/data/ChangeEvents":    {"Contact"},
		accounts:                {"Account"}, // an object on any channel has its own topic as well
		"/data/CaseChangeEvent": {"Case"},
	} {
		var got []string
		for _, e := range events(t, b.earliest(t, of, 100), len(want)) {
			header, _ := b.decode(t, e)
			got = append(got, header["entityName"].(string))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s carries %v, want %v", of, got, want)
		}
	}
	for name, gone := range map[string]string{"an object on no channel": "/data/LeadChangeEvent", "no such channel": "/data/sales__chn"} {
		s := b.earliest(t, gone, 1)
		_, err := drain(s)
		if code, suffix := refusal(err, s.Trailer()); code != codes.NotFound || suffix != "topic.not.found" {
			t.Errorf("%s: %v with %q", name, err, suffix)
		}
	}
}

// TestChannelOmitsUnseen holds that a channel says nothing of objects that the
// user may not view all records of, where a topic of one object refuses.
func TestChannelOmitsUnseen(t *testing.T) {
	t.Parallel()
	org, b, topic := sales(t)
	org.SetViewAll("Account", false)
	org.Insert("Account", map[string]any{"Name": "Unseen"})
	org.Insert("Case", map[string]any{"Subject": "Seen"})
	if header, _ := b.decode(t, events(t, b.earliest(t, topic, 10), 1)[0]); header["entityName"] != "Case" {
		t.Errorf("the channel delivers %v", header["entityName"])
	}
	s := b.earliest(t, accounts, 1)
	_, err := drain(s)
	if code, suffix := refusal(err, s.Trailer()); code != codes.PermissionDenied || suffix != "subscription.topic.cannot.subscribe" {
		t.Errorf("the topic of the object: %v with %q", err, suffix)
	}
}

// TestOpenStreamsFollow changes what open streams may see, at once and late.
func TestOpenStreamsFollow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		delay time.Duration
		want  []string
	}{
		"at once": {0, []string{"Contact", "Case 2"}},
		"late":    {time.Hour, []string{"Account", "Case 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org, b, topic := sales(t)
			org.Select("Account", true)
			org.SetPubSub(salesforcetest.PubSub{PermissionDelay: c.delay})
			s, _ := b.latest(t, topic, 100)
			org.Channel("Sales__chn", salesforcetest.Member{Object: "Contact"}, salesforcetest.Member{Object: "Case"})
			org.HideField("Case", "Status")
			org.Insert("Account", map[string]any{"Name": "Acme"})
			org.Insert("Contact", map[string]any{"LastName": "Byron"})
			org.Insert("Case", map[string]any{"Subject": "Late", "Status": "New"})
			var got []string
			for _, e := range events(t, s, 2) {
				header, body := b.decode(t, e)
				got = append(got, header["entityName"].(string))
				if header["entityName"] == "Case" {
					got[len(got)-1] += map[bool]string{true: " 1", false: " 2"}[body["Status"] != nil]
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestLostPermissionEndsStreams takes View All from a silent stream: nothing
// but the change itself ends it.
func TestLostPermissionEndsStreams(t *testing.T) {
	t.Parallel()
	for _, delay := range []time.Duration{0, 300 * time.Millisecond} {
		org := newOrg(t, salesforcetest.Config{PubSub: salesforcetest.PubSub{PermissionDelay: delay}})
		b := dial(t, org)
		begin := time.Now()
		s, _ := b.latest(t, accounts, 10)
		org.SetViewAll("Account", false)
		_, err := drain(s)
		if code, suffix := refusal(err, s.Trailer()); code != codes.PermissionDenied || suffix != "subscription.topic.cannot.subscribe" {
			t.Errorf("%v with %q", err, suffix)
		}
		if took := time.Since(begin); took < delay {
			t.Errorf("the stream ended after %v, want not before %v", took, delay)
		}
	}
}

// TestDeselectedObjectFallsSilent holds that the end of a selection ends no
// stream: nothing tells its reader.
func TestDeselectedObjectFallsSilent(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	b := dial(t, org)
	s, _ := b.latest(t, accounts, 10)
	org.Select("Account", false)
	org.Insert("Account", map[string]any{"Name": "Unheard"})
	org.Select("Account", true)
	org.Insert("Account", map[string]any{"Name": "Heard"})
	if _, body := b.decode(t, events(t, s, 1)[0]); body["Name"] != "Heard" {
		t.Errorf("the stream goes on with %v", body["Name"])
	}
}

func TestChannelMetadata(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{Selected: []string{"Account", "Case"}})
	c.AddField("Account", "Tier__c", "string", 20)
	c.Channel("Sales__chn", salesforcetest.Member{Object: "Contact", Filter: "LeadSource = 'Web'"})
	c.Channel("ChangeEvents", salesforcetest.Member{Object: "Account", Enriched: []string{"Industry", "Tier__c"}})
	ask := func(soql string) []map[string]any {
		t.Helper()
		var p page
		c.get(data+"/tooling/query?q="+soql, &p)
		for _, r := range p.Records {
			delete(r, "attributes")
		}
		return p.Records
	}
	got := ask("SELECT+DeveloperName,EventChannel,SelectedEntity,FilterExpression+FROM+PlatformEventChannelMember")
	want := []map[string]any{
		{"DeveloperName": "ChangeEvents_AccountChangeEvent", "EventChannel": "ChangeEvents", "SelectedEntity": "AccountChangeEvent", "FilterExpression": nil},
		{"DeveloperName": "ChangeEvents_CaseChangeEvent", "EventChannel": "ChangeEvents", "SelectedEntity": "CaseChangeEvent", "FilterExpression": nil},
		{"DeveloperName": "Sales_chn_ContactChangeEvent", "EventChannel": "Sales__chn", "SelectedEntity": "ContactChangeEvent", "FilterExpression": "LeadSource = 'Web'"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("members %v, want %v", got, want)
	}
	id := ask("SELECT+Id+FROM+PlatformEventChannelMember+WHERE+SelectedEntity='AccountChangeEvent'")[0]["Id"]
	enriched := ask("SELECT+ChannelMemberId,Field+FROM+EnrichedField")
	if len(enriched) != 2 || enriched[0]["ChannelMemberId"] != id || enriched[0]["Field"] != "Industry" || enriched[1]["Field"].(string)[:3] != "00N" {
		t.Errorf("enriched fields %v of the member %v, want Industry and the id of a custom field", enriched, id)
	}
	if got := ask("SELECT+DeveloperName,ChannelType+FROM+PlatformEventChannel"); len(got) != 1 || got[0]["DeveloperName"] != "Sales" || got[0]["ChannelType"] != "data" {
		t.Errorf("channels %v, want the custom one alone", got)
	}
	// EventChannel is a text, so that no query follows it.
	if status, _, body := c.do("GET", data+"/tooling/query?q=SELECT+EventChannel.DeveloperName+FROM+PlatformEventChannelMember", nil); status != 400 {
		t.Errorf("EventChannel.DeveloperName: %d %s", status, body)
	}
	c.Select("Account", false)
	c.Channel("Sales__chn")
	if got := ask("SELECT+SelectedEntity+FROM+PlatformEventChannelMember"); len(got) != 1 || got[0]["SelectedEntity"] != "CaseChangeEvent" {
		t.Errorf("after the selection and the channel are gone: %v", got)
	}
}

func TestChannelSchema(t *testing.T) {
	t.Parallel()
	org, b, topic := sales(t)
	own, err := b.GetTopic(b.ctx, &pubsubpb.TopicRequest{TopicName: accounts})
	if err != nil {
		t.Fatal(err)
	}
	for on, want := range map[bool]string{false: "", true: own.SchemaId} {
		org.SetPubSub(salesforcetest.PubSub{ChannelSchema: on})
		if info, err := b.GetTopic(b.ctx, &pubsubpb.TopicRequest{TopicName: topic}); err != nil || info.SchemaId != want {
			t.Errorf("with ChannelSchema %v the schema id is %q, %v; want %q", on, info.GetSchemaId(), err, want)
		}
	}
}

func TestFilteredChannel(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string][]string{
		"Industry = 'Retail'":                     {"CREATE Retail", "UPDATE to Retail", "GAP_UPDATE"},
		"Industry != 'Retail'":                    {"CREATE Media", "UPDATE of Media", "GAP_UPDATE", "UPDATE to Media"},
		"ChangeEventHeader.changeType = 'CREATE'": {"CREATE Retail", "CREATE Media"},
	} {
		t.Run(filter, func(t *testing.T) {
			t.Parallel()
			org, b, topic := sales(t, salesforcetest.Member{Object: "Account", Filter: filter}, salesforcetest.Member{Object: "Case"})
			live, _ := b.latest(t, topic, 100)
			s := &oneByOne{stream: live}
			var id string
			var got []string
			for _, step := range []struct {
				what string
				do   func()
			}{
				{"CREATE Retail", func() { org.Insert("Account", map[string]any{"Name": "Acme", "Industry": "Retail"}) }},
				{"CREATE Media", func() { id = org.Insert("Account", map[string]any{"Name": "Acme", "Industry": "Media"}) }},
				{"UPDATE of Media", func() { org.Update("Account", id, map[string]any{"Phone": "555-0100"}) }}, // what the filter reads is enriched
				{"UPDATE to Retail", func() { org.Update("Account", id, map[string]any{"Industry": "Retail"}) }},
				{"GAP_UPDATE", func() { org.GapNext(""); org.Update("Account", id, map[string]any{"Industry": "Other"}) }},
				{"UPDATE to Media", func() { org.Update("Account", id, map[string]any{"Industry": "Media"}) }},
			} {
				step.do()
				org.Insert("Case", map[string]any{"Subject": "the end of the step"})
				if header, _ := b.decode(t, s.next(t)); header["entityName"] == "Account" {
					got = append(got, step.what)
					s.next(t)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// TestChannelRefuses names what no channel can be made of.
func TestChannelRefuses(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	for name, m := range map[string]salesforcetest.Member{
		"no such object":    {Object: "Nothing"},
		"no such field":     {Object: "Account", Enriched: []string{"Nothing"}},
		"a part":            {Object: "Account", Enriched: []string{"BillingCity"}},
		"eleven fields":     {Object: "Account", Enriched: slices.Repeat([]string{"Phone"}, 11)},
		"another operator":  {Object: "Account", Filter: "Industry IN ('Retail')"},
		"an array":          {Object: "Account", Filter: "ChangeEventHeader.recordIds = 'x'"},
		"an unknown filter": {Object: "Account", Filter: "Nothing = 'x'"},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: the channel was made", name)
				}
			}()
			org.Channel("Sales__chn", m)
		}()
	}
}

// TestEnrichedChannel takes a merged update and a merged delete apart.
func TestEnrichedChannel(t *testing.T) {
	t.Parallel()
	org, b, topic := sales(t, salesforcetest.Member{Object: "Account", Enriched: []string{"Industry", "BillingAddress", "Fax"}})
	var ids []string
	for i := range 3 {
		ids = append(ids, org.Insert("Account", map[string]any{"Name": fmt.Sprint("Acme ", i), "Industry": "Retail", "BillingCity": fmt.Sprint("City ", i), "BillingCountry": "Norway"}))
	}
	s, _ := b.latest(t, topic, 2)
	together(t, org, func(tx *salesforcetest.Tx) error {
		for _, id := range ids {
			if err := tx.Update("Account", id, map[string]any{"BillingCountry": "Sweden", "Phone": "555-0100"}); err != nil {
				return err
			}
		}
		return nil
	})
	org.Update("Account", ids[0], map[string]any{"Industry": "Media", "BillingCountry": "Denmark"})
	first := events(t, s, 2) // the window ends inside the merged event
	send(t, s, &pubsubpb.FetchRequest{NumRequested: 2})
	rest := events(t, s, 2)
	for i, e := range append(first, rest[0]) {
		header, body := b.decode(t, e)
		if got := list(header["recordIds"]); len(got) != 1 || got[0] != ids[i] || string(e.ReplayId) != string(first[0].ReplayId) {
			t.Errorf("part %d is of %v under the id %x, want one record and the id %x", i, got, e.ReplayId, first[0].ReplayId)
		}
		place := body["BillingAddress"].(map[string]any)
		if place["City"] != fmt.Sprint("City ", i) || place["Country"] != "Sweden" || body["Phone"] != "555-0100" || body["Industry"] == nil || body["Fax"] != nil {
			t.Errorf("part %d has %v", i, body)
		}
		if got := b.names(t, e, header["changedFields"]); !slices.Equal(got, []string{"BillingAddress.Country", "LastModifiedDate", "Phone"}) {
			t.Errorf("part %d changed %v, want nothing of the enrichment", i, got)
		}
	}
	again := events(t, b.subscribe(t, &pubsubpb.FetchRequest{TopicName: topic, ReplayPreset: pubsubpb.ReplayPreset_EARLIEST, NumRequested: 4}), 4)
	if _, body := b.decode(t, again[3]); body["Industry"] != "Media" || body["BillingAddress"].(map[string]any)["Country"] != "Sweden" {
		t.Errorf("on replay: %v, want the industry of now and the country that the event changed", body)
	}
	resumed := b.subscribe(t, &pubsubpb.FetchRequest{TopicName: topic, ReplayPreset: pubsubpb.ReplayPreset_CUSTOM, ReplayId: first[0].ReplayId, NumRequested: 1})
	if e := events(t, resumed, 1)[0]; string(e.ReplayId) != string(rest[1].ReplayId) {
		t.Errorf("after the id of a part the stream goes on at %x, want behind all its parts, at %x", e.ReplayId, rest[1].ReplayId)
	}
}

// TestEnrichmentOfTheOthers holds which events are enriched and which stay merged.
func TestEnrichmentOfTheOthers(t *testing.T) {
	t.Parallel()
	org, b, topic := sales(t, salesforcetest.Member{Object: "Account", Enriched: []string{"Industry", "Fax"}})
	var ids []string
	together(t, org, func(tx *salesforcetest.Tx) error {
		for range 2 {
			id, err := tx.Insert("Account", map[string]any{"Name": "Acme", "Industry": "Retail", "Fax": "555-0101"})
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	org.HideField("Account", "Fax")
	each := func(change func(tx *salesforcetest.Tx, id string) error) {
		together(t, org, func(tx *salesforcetest.Tx) error {
			for _, id := range ids {
				if err := change(tx, id); err != nil {
					return err
				}
			}
			return nil
		})
	}
	s, _ := b.latest(t, topic, 100)
	phone := func(tx *salesforcetest.Tx, id string) error {
		return tx.Update("Account", id, map[string]any{"Phone": "555-0100"})
	}
	for _, c := range []struct {
		what     string
		do       func()
		want     int
		industry any
	}{
		{"a gap", func() { org.GapNext(""); each(phone) }, 1, nil},
		{"an overflow", func() { org.OverflowNext(); each(phone) }, 1, nil},
		{"a wildcard", func() { org.WildcardNext(); each(phone) }, 1, nil},
		{"a delete", func() { each(func(tx *salesforcetest.Tx, id string) error { return tx.Delete("Account", id) }) }, 2, "Retail"},
		{"an undelete", func() { each(func(tx *salesforcetest.Tx, id string) error { return tx.Undelete("Account", id) }) }, 1, "Retail"},
	} {
		c.do()
		for _, e := range events(t, s, c.want) {
			if _, body := b.decode(t, e); body["Industry"] != c.industry || body["Fax"] != nil {
				t.Errorf("%s has the industry %v and the hidden fax %v, want %v and none", c.what, body["Industry"], body["Fax"], c.industry)
			}
		}
	}
	org.Purge("Account", func() string { org.Delete("Account", ids[0]); return ids[0] }())
	deleted := events(t, s, 1)[0]
	replayed := events(t, b.earliest(t, topic, 100), 8)
	if header, body := b.decode(t, replayed[7]); string(replayed[7].ReplayId) != string(deleted.ReplayId) || body["Industry"] != nil {
		t.Errorf("the replayed delete %v of a purged record has the industry %v", header["recordIds"], body["Industry"])
	}
}

// oneByOne hands on the events of a stream one at a time.
type oneByOne struct {
	stream
	rest []*pubsubpb.ConsumerEvent
}

func (s *oneByOne) next(t testing.TB) *pubsubpb.ConsumerEvent {
	t.Helper()
	for len(s.rest) == 0 {
		s.rest = receive(t, s.stream).Events
	}
	e := s.rest[0]
	s.rest = s.rest[1:]
	return e
}

// together commits one transaction.
func together(t testing.TB, org *salesforcetest.Org, fn func(tx *salesforcetest.Tx) error) {
	t.Helper()
	if err := org.Transaction(fn); err != nil {
		t.Fatal(err)
	}
}
