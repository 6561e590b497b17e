package pubsub_test

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// newOrg is a test org and a client that signs in to it.
func newOrg(t testing.TB, options salesforcetest.PubSub, except ...salesforce.TLS12Exception) (*salesforcetest.Org, *salesforce.Org) {
	t.Helper()
	org, err := salesforcetest.New(salesforcetest.Config{PubSub: options})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { org.Close() })
	settings, err := salesforce.FromEnv(org.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	settings.TLS12 = except
	client, err := salesforce.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return org, client
}

func insert(org *salesforcetest.Org, n int) {
	for range n {
		org.Insert("Contact", map[string]any{"LastName": "Muster"})
	}
}

// newest is the position at the end of the topic.
func newest(t testing.TB, bus *pubsub.PubSub) []byte {
	t.Helper()
	for d, err := range bus.Subscribe(t.Context(), topic, pubsub.Latest()) {
		if err != nil || len(d.Events) != 0 {
			t.Fatalf("first delivery %v, %v; want one without events", d, err)
		}
		return d.Latest
	}
	return nil
}

// take returns the next n events behind a position.
func take(t testing.TB, bus *pubsub.PubSub, start pubsub.Start, n int) (events []pubsub.Event) {
	t.Helper()
	for d, err := range bus.Subscribe(t.Context(), topic, start) {
		if err != nil {
			t.Fatal(err)
		}
		if events = append(events, d.Events...); len(events) >= n {
			break
		}
	}
	return events
}

func TestOrgFromPosition(t *testing.T) {
	t.Parallel()
	org, client := newOrg(t, salesforcetest.PubSub{})
	bus := pubsub.New(client, pubsub.Options{Window: 10})
	position := newest(t, bus)
	insert(org, 25)
	events := take(t, bus, pubsub.After(position), 25)
	again := take(t, bus, pubsub.After(events[9].ReplayID), 15)
	if len(events) != 25 || len(again) != 15 {
		t.Fatalf("%d events, and %d behind the tenth; want 25 and 15", len(events), len(again))
	}
	for i, e := range again {
		if !bytes.Equal(e.ReplayID, events[10+i].ReplayID) || !bytes.Equal(e.Payload, events[10+i].Payload) {
			t.Errorf("event %d behind the tenth differs from event %d", i, 10+i)
		}
	}
	found, err := bus.Topic(t.Context(), topic)
	if err != nil || found.SchemaID != events[0].SchemaID {
		t.Errorf("topic %v, %v; want the schema of its events, %s", found, err, events[0].SchemaID)
	}
	if schema, err := bus.Schema(t.Context(), events[0].SchemaID); err != nil || !bytes.Contains(schema, []byte(`"ContactChangeEvent"`)) {
		t.Errorf("schema %.80s, %v", schema, err)
	}
	if _, err := bus.Schema(t.Context(), "no such schema"); err == nil || fault.Retryable(err) {
		t.Errorf("unknown schema: %v, want a fault that stays", err)
	}
}

func TestOrgRefusals(t *testing.T) {
	t.Parallel()
	org, client := newOrg(t, salesforcetest.PubSub{})
	bus := pubsub.New(client, pubsub.Options{})
	old := newest(t, bus)
	insert(org, 1)
	subscribe := func() error {
		for _, err := range bus.Subscribe(t.Context(), topic, pubsub.After(old)) {
			return err
		}
		return nil
	}
	if err := subscribe(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		set  func()
		want fault.Code
	}{
		{"position expired", func() { insert(org, 1); org.Expire() }, fault.ReplayInvalid},
		{"no View All", func() { org.SetViewAll("Contact", false) }, fault.Denied},
		{"not selected", func() { org.SetViewAll("Contact", true); org.Select("Contact", false) }, fault.NotSelected},
		{"deliveries used up", func() {
			org.Select("Contact", true)
			org.FailSubscribe("subscription.limit.exceeded", codes.ResourceExhausted, "CANARY")
		}, fault.LimitExceeded},
	} {
		c.set()
		if err := subscribe(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

// A stream that dies with its token or its connection goes on where it was when
// it is opened again: the org signs in anew by itself.
func TestOrgGoesOn(t *testing.T) {
	t.Parallel()
	org, client := newOrg(t, salesforcetest.PubSub{})
	bus := pubsub.New(client, pubsub.Options{})
	position := newest(t, bus)
	for _, c := range []struct {
		name string
		harm func()
		want fault.Code
	}{
		{"token expired", org.ExpireTokens, fault.SessionExpired},
		{"connection cut", org.CutStreams, fault.Unavailable},
	} {
		insert(org, 3)
		taken := 0
		for d, err := range bus.Subscribe(t.Context(), topic, pubsub.After(position)) {
			if err != nil {
				if !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %s", c.name, err, c.want)
				}
				break
			}
			if len(d.Events) > 0 {
				position = d.Events[len(d.Events)-1].ReplayID
			}
			if taken += len(d.Events); taken == 3 {
				c.harm()
			}
		}
		if taken != 3 {
			t.Errorf("%s: %d events before it, want 3", c.name, taken)
		}
	}
	insert(org, 2)
	if events := take(t, bus, pubsub.After(position), 2); len(events) != 2 {
		t.Errorf("%d events after all that, want 2", len(events))
	}
}

// The error code alone makes the next call sign in again: the statuses of one
// code are known to differ.
func TestOrgSignsInByErrorCode(t *testing.T) {
	t.Parallel()
	for suffix, want := range map[string]int32{"service.auth.error": 1, "service.unavailable": 0} {
		org, client := newOrg(t, salesforcetest.PubSub{})
		var again atomic.Int32
		client.Observe(func(e salesforce.Event) {
			if e.Kind == salesforce.Refreshed {
				again.Add(1)
			}
		})
		bus := pubsub.New(client, pubsub.Options{})
		newest(t, bus)
		org.FailSubscribe(suffix, codes.Internal, "CANARY")
		for _, err := range bus.Subscribe(t.Context(), topic, pubsub.Latest()) {
			if err == nil {
				t.Fatal("the call was not refused")
			}
		}
		newest(t, bus)
		if n := again.Load(); n != want {
			t.Errorf("%s: signed in again %d times, want %d", suffix, n, want)
		}
	}
}

func TestOrgKeepsAlive(t *testing.T) {
	t.Parallel()
	_, client := newOrg(t, salesforcetest.PubSub{KeepAlive: 20 * time.Millisecond})
	n := 0
	for d, err := range pubsub.New(client, pubsub.Options{Silence: 5 * time.Second}).Subscribe(t.Context(), topic, pubsub.Latest()) {
		if err != nil || len(d.Events) != 0 || len(d.Latest) != 10 {
			t.Fatalf("delivery %v, %v; want one without events, with a position", d, err)
		}
		if n++; n == 4 {
			break
		}
	}
}

// At 50 ms a round trip and 100 events outstanding no client gets more than
// 2,000 events a second, and one that leaves half of the window unused gets half.
func TestOrgRoundTrip(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out what waits for real round trips; run without it")
	}
	if rate := roundTripRate(t, 1500); rate < 1_200 { // a busy machine costs some
		t.Errorf("%.0f events/s at 50 ms a round trip, want nearly 2,000", rate)
	}
}

// roundTripRate is how many events a second come over a line of 50 ms, once the
// stream flows.
func roundTripRate(t testing.TB, n int) float64 {
	org, client := newOrg(t, salesforcetest.PubSub{RoundTrip: 50 * time.Millisecond})
	insert(org, 50)
	if err := org.Flood(topic, 1<<20); err != nil {
		t.Fatal(err)
	}
	taken := 0
	var start time.Time
	for d, err := range pubsub.New(client, pubsub.Options{}).Subscribe(t.Context(), topic, pubsub.Latest()) {
		if err != nil {
			t.Fatal(err)
		}
		if taken += len(d.Events); start.IsZero() && taken > 0 {
			taken, start = 0, time.Now()
		}
		if taken >= n {
			break
		}
	}
	return float64(taken) / time.Since(start).Seconds()
}

// A Pub/Sub API that does not offer TLS 1.3 is refused, unless an exception names
// its host.
func TestOrgTLS12(t *testing.T) {
	t.Parallel()
	options := salesforcetest.PubSub{TLS12: true}
	_, client := newOrg(t, options)
	if _, err := pubsub.New(client, pubsub.Options{}).Topic(soon(t), topic); fault.CodeOf(err) != fault.TLSRefused {
		t.Errorf("without an exception: %v, want %s", err, fault.TLSRefused)
	}
	_, client = newOrg(t, options, salesforce.TLS12Exception{Host: "localhost", Reason: "not behind Edge yet", Until: time.Now().Add(time.Hour)})
	if _, err := pubsub.New(client, pubsub.Options{}).Topic(soon(t), topic); err != nil {
		t.Errorf("with one: %v", err)
	}
}
