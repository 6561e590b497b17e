package sfsync_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// Events that stay undecodable owe one read after another, later each time,
// and keep neither those reads nor the other objects of the topic from going on.
func TestEventsStayUndecodable(t *testing.T) {
	t.Parallel()
	h := onSales(t, salesforcetest.Config{})
	h.sync.Hasten(600) // a minute is a tenth of a second
	h.begin()
	var jobs atomic.Int64
	h.org.Intercept(salesforcetest.Fault{Method: http.MethodPost, Path: "/jobs/query", Match: func(*http.Request) bool { jobs.Add(1); return false }})
	h.org.Intercept(salesforcetest.Fault{Path: "/results", Times: -1, Delay: 50 * time.Millisecond})
	noisy, stopped := h.org.Insert("Contact", map[string]any{"LastName": "noisy"}), make(chan struct{})
	began, done := time.Now(), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				h.org.UndecodableNext()
				h.org.Update("Contact", noisy, map[string]any{"Description": time.Now().String()})
			case <-stopped:
				return
			}
		}
	}()
	h.await("debts", func() bool { return jobs.Load() > 1 })
	h.org.UndecodableNext()
	h.org.Update("Contact", h.id, map[string]any{"LeadSource": "Web"})
	h.org.Update("Case", h.other, map[string]any{"Subject": "heard"})
	h.await("the other object", func() bool { return h.differenceIn("Case") == "" })
	h.await("a record of which no event tells", func() bool { return h.plain("Contact", h.id, "LeadSource") == "Web" })
	h.await("some rests", func() bool { return time.Since(began) > 2*time.Second })
	if n := jobs.Load(); n > 10 { // 2 at once, then after 0.1, 0.2, 0.4, 0.8 seconds
		t.Errorf("%d reads of everything in %v", n, time.Since(began))
	}
	close(stopped)
	<-done
	h.await("the copy", func() bool { return h.equal() && h.sync.Status().Ready(time.Hour) })
}

// plain is the value of a plain field as it is held.
func (h *history) plain(object, id, field string) string {
	h.Helper()
	table, err := h.rows.Table(h.Context(), object)
	h.must(err)
	for i, c := range table.Columns {
		if cells := h.row(object, id).Cells; c.Name == field && i < len(cells) {
			return string(cells[i].Bytes)
		}
	}
	return ""
}

// A schema that cannot be had, or that does not say of which object it is, owes
// a read of each object of the topic, and none of them stops.
func TestSchemaOfNobody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		schema string
		owes   bool
	}{
		{"without a name", `{"type":"map","values":"string"}`, true},
		{"not served", "", true},
		{"of an object that is none of the policy's", `{"type":"record","name":"LeadChangeEvent","namespace":"com.sforce.eventbus","fields":[]}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := onSales(t, salesforcetest.Config{})
			var schemas [][]byte
			id := "AAAAAAAAAAAAAAAAAAAAAA"
			if c.schema != "" {
				schemas = append(schemas, []byte(c.schema))
				var err error
				id, err = salesforcetest.SchemaID(schemas[0])
				h.must(err)
			}
			replay := func(n byte) []byte { return []byte{0, 0, 0, 0, 0, 0x20, 0, n, 0, 0} }
			quiet := &pubsubpb.FetchResponse{LatestReplayId: replay(1)}
			h.must(h.org.Replay("/data/Sales__chn", nil, []*pubsubpb.FetchResponse{quiet}))
			h.begin()
			h.await("the first copy", func() bool { return h.sync.Status().Ready(time.Hour) })
			h.must(h.stop())
			h.org.Update("Contact", h.id, map[string]any{"LeadSource": "Web"}) // no event tells: the script has the stream
			h.org.Update("Case", h.other, map[string]any{"Status": "Closed"})
			h.must(h.org.Replay("/data/Sales__chn", schemas, []*pubsubpb.FetchResponse{quiet, {LatestReplayId: replay(2), Events: []*pubsubpb.ConsumerEvent{
				{ReplayId: replay(2), Event: &pubsubpb.ProducerEvent{Id: "1", SchemaId: id, Payload: []byte{0}}}}}, {LatestReplayId: replay(3)}}))
			h.through(sfsync.Config{}, nil)
			h.stop = h.start()
			h.Cleanup(func() { h.stop() })
			h.await("the event", func() bool { return !h.sync.Status().Topics["/data/Sales__chn"].AsOf.IsZero() })
			if c.owes {
				h.await("both objects", h.equal)
				return
			}
			h.must(h.stop())
			if h.equal() {
				t.Error("an event of another object owes a read")
			}
		})
	}
}

// A schema that is not to be had is asked for again an hour later, and from then
// on its events are applied as any others.
func TestSchemaComesBack(t *testing.T) {
	t.Parallel()
	bus := salesforcetest.PubSub{KeepAlive: 100 * time.Millisecond}
	h := newHistory(t, salesforcetest.Config{PubSub: bus}, contactPolicy)
	h.sync.Hasten(600) // an hour is six seconds
	missing := bus
	missing.NoSchemas = true
	h.org.SetPubSub(missing)
	h.begin()
	h.org.Update("Contact", h.id, map[string]any{"LastName": "by a read"})
	h.await("the change", func() bool { return h.equal() && h.sync.Status().Ready(time.Hour) })
	h.org.SetPubSub(bus)
	var jobs atomic.Int64
	h.org.Intercept(salesforcetest.Fault{Method: http.MethodPost, Path: "/jobs/query", Match: func(*http.Request) bool { jobs.Add(1); return false }})
	streamed := func() bool {
		before := jobs.Load()
		h.org.Insert("Contact", map[string]any{"LastName": "by an event or a read"})
		h.await("the record", h.settledAndEqual)
		return jobs.Load() == before
	}
	if streamed() {
		t.Fatal("the schema is there: the test shows nothing")
	}
	h.await("an event that is applied", streamed)
}

// A schema whose id is not its fingerprint is reported once, and used.
func TestSchemaIsNotItsID(t *testing.T) {
	t.Parallel()
	for _, odd := range []bool{false, true} {
		t.Run(fmt.Sprint(odd), func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, salesforcetest.Config{PubSub: salesforcetest.PubSub{KeepAlive: 100 * time.Millisecond, OddSchemas: odd}}, contactPolicy)
			var log lines
			h.logTo(&log)
			h.begin()
			h.await("the first copy", func() bool { return h.sync.Status().Ready(time.Hour) })
			h.must(h.stop())
			h.stop = h.start() // and asks for it again
			defer h.stop()
			h.await("the second run", func() bool { return h.sync.Status().Ready(time.Hour) })
			h.org.Intercept(salesforcetest.Fault{Path: "/jobs/query", Times: -1, Status: http.StatusInternalServerError})
			h.org.Insert("Contact", map[string]any{"LastName": "heard"})
			h.await("the event", h.equal)
			h.must(h.stop())
			if n := log.count("the fingerprint of"); n != map[bool]int{true: 1}[odd] {
				t.Errorf("it is reported %d times", n)
			}
		})
	}
}

// An event from before a field was, which comes when the policy names it, says
// nothing of the field: no object pauses, and all is read once.
func TestEventOlderThanField(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	id := org.Insert("Contact", map[string]any{"LastName": "first"})
	r := open(t, org, dir, contactPolicy)
	r.runUntilEqual("the first copy")
	r.must(r.close())
	org.Update("Contact", id, map[string]any{"LastName": "before the field"})
	org.AddField("Contact", "Shoe_Size__c", "string", 20)
	org.Update("Contact", id, map[string]any{"Shoe_Size__c": "39"})

	var log lines
	var jobs atomic.Int64
	org.Intercept(salesforcetest.Fault{Method: http.MethodPost, Path: "/jobs/query", Match: func(*http.Request) bool { jobs.Add(1); return false }})
	r = open(t, org, dir, strings.NewReplacer("version: 1", "version: 2", "plain: {", "plain: {Shoe_Size__c: {category: user.behavior}, ").Replace(contactPolicy))
	r.through(sfsync.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, nil)
	stop := r.start()
	defer stop()
	r.await("the copy", r.settledAndEqual)
	org.Insert("Contact", map[string]any{"LastName": "later"}) // no read is owed any more
	r.await("the events", r.settledAndEqual)
	r.must(stop())
	if log.contain("the object pauses") || jobs.Load() != 1 {
		t.Errorf("%d reads of everything; a pause: %t", jobs.Load(), log.contain("the object pauses"))
	}
}

// accountsPolicy keeps the name of an account, which is a text or, with person
// accounts, a text or a record.
const accountsPolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Account:
    purpose: [support]
    person: [Id]
    plain: {Industry}
    personal: {Name, Description}
  Contact:
    purpose: [support]
    person: [Id]
    plain: {LeadSource: {category: user.behavior}}
    personal: {FirstName, LastName, Email}
`

// Schemas change while the stream goes on, and old events come in old ones.
func TestSchemaChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		policy string
		play   func(h *history)
	}{
		{"a change type that is reserved", contactPolicy, func(h *history) {
			h.org.SymbolNext("SNAPSHOT")
			h.org.Update("Contact", h.id, map[string]any{"Email": "snapshot@example.com"})
		}},
		{"a change type that is new", contactPolicy, func(h *history) {
			h.org.AddEnumSymbol("REWRITE")
			h.org.SymbolNext("REWRITE")
			h.org.Update("Contact", h.id, map[string]any{"Email": "rewritten@example.com"})
		}},
		{"a change type that is new, of a new record", contactPolicy, func(h *history) {
			h.org.AddEnumSymbol("IMPORT")
			h.org.SymbolNext("IMPORT")
			h.org.Insert("Contact", map[string]any{"LastName": "imported"})
		}},
		{"an old event after new ones", contactPolicy, func(h *history) {
			h.org.Update("Contact", h.id, map[string]any{"Email": "old@example.com", "LastName": "old"})
			h.org.AddField("Contact", "A_First__c", "string", 20)
			h.org.AddEnumSymbol("REWRITE")
			h.org.Update("Contact", h.id, map[string]any{"Email": "new@example.com"})
			h.must(h.org.Redeliver(2))
			h.org.Update("Contact", h.id, map[string]any{"LastName": "new"})
		}},
		{"two events of one change", contactPolicy, func(h *history) {
			h.org.TwoEventsNext()
			h.org.Update("Contact", h.id, map[string]any{"Email": "twice@example.com"})
		}},
		{"the name of an account becomes a text or a record", accountsPolicy, func(h *history) {
			business := h.org.Insert("Account", map[string]any{"Name": "Acme", "Industry": "Retail"})
			h.await("an account without person accounts", h.equal)
			h.org.SetPersonAccounts(true)
			h.org.Update("Account", business, map[string]any{"Name": "Acme Ltd"})
			person := h.org.Insert("Account", map[string]any{"LastName": "Byron", "FirstName": "Ada"})
			h.await("accounts of both kinds", h.equal)
			h.org.Update("Account", person, map[string]any{"LastName": "Lovelace"})
			h.org.Update("Account", business, map[string]any{"Industry": "Media", "Name": "Acme"})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, salesforcetest.Config{}, c.policy)
			h.begin()
			c.play(h)
			h.passed()
			h.await("the copy", h.equal)
		})
	}
}
