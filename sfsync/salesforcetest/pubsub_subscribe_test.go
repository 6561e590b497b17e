package salesforcetest_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

func TestEventsOwed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pubsub  salesforcetest.PubSub
		asked   []int32
		want    int   // events out of 250
		pending int32 // after them
	}{
		"fewer than there are":   {salesforcetest.PubSub{}, []int32{7}, 7, 0},
		"requests add up":        {salesforcetest.PubSub{}, []int32{7, 5}, 12, 0},
		"the cap":                {salesforcetest.PubSub{}, []int32{200}, 100, 0},
		"no cap":                 {salesforcetest.PubSub{Cap: -1}, []int32{300}, 250, 50},
		"the cap as a test sets": {salesforcetest.PubSub{Cap: 30}, []int32{100}, 30, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.pubsub.Unmerged = true
			org := newOrg(t, salesforcetest.Config{PubSub: c.pubsub})
			b := dial(t, org)
			if err := org.Transaction(func(tx *salesforcetest.Tx) error {
				for i := range 250 {
					if _, err := tx.Insert("Account", map[string]any{"Name": fmt.Sprint(i)}); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			s := b.earliest(t, accounts, c.asked[0])
			for _, n := range c.asked[1:] {
				send(t, s, &pubsubpb.FetchRequest{NumRequested: n})
			}
			if err := s.CloseSend(); err != nil {
				t.Fatal(err)
			}
			n, pending := 0, int32(-1)
			for {
				r, err := s.Recv()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				n, pending = n+len(r.Events), r.PendingNumRequested
				if len(r.Events) > 0 && string(r.LatestReplayId) != string(r.Events[len(r.Events)-1].ReplayId) {
					t.Errorf("latest_replay_id %x, the last event has %x", r.LatestReplayId, r.Events[len(r.Events)-1].ReplayId)
				}
				if n == c.want && c.pending > 0 {
					break // the stream stays open for what is owed
				}
			}
			if n != c.want || pending != c.pending {
				t.Errorf("%d events and %d still owed, want %d and %d", n, pending, c.want, c.pending)
			}
		})
	}
}

func TestExcessRefused(t *testing.T) {
	t.Parallel()
	b := dial(t, newOrg(t, salesforcetest.Config{PubSub: salesforcetest.PubSub{RefuseExcess: true}}))
	s, _ := b.latest(t, accounts, 60)
	send(t, s, &pubsubpb.FetchRequest{NumRequested: 41})
	if _, err := drain(s); status.Code(err) != codes.InvalidArgument {
		t.Errorf("101 events owed: %v, want InvalidArgument", err)
	}
}

func TestKeepalive(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{PubSub: salesforcetest.PubSub{KeepAlive: 100 * time.Millisecond, FirstResponse: -1}})
	b := dial(t, org)
	start := time.Now()
	s, before := b.latest(t, accounts, 5)
	if since := time.Since(start); since < 100*time.Millisecond {
		t.Errorf("the first response came after %v, want the keepalive's 100 ms", since)
	}
	r := receive(t, s)
	if len(r.Events) != 0 || r.PendingNumRequested != 5 || r.RpcId == "" || fmt.Sprintf("%x", r.LatestReplayId) <= fmt.Sprintf("%x", before) {
		t.Errorf("keepalive %v after the position %x", r, before)
	}
	org.Insert("Account", map[string]any{"Name": "Acme"})
	e := events(t, s, 1)[0]
	if fmt.Sprintf("%x", e.ReplayId) <= fmt.Sprintf("%x", r.LatestReplayId) {
		t.Errorf("an event has the id %x, behind the keepalive's %x", e.ReplayId, r.LatestReplayId)
	}
	resumed := b.subscribe(t, &pubsubpb.FetchRequest{TopicName: accounts, ReplayPreset: pubsubpb.ReplayPreset_CUSTOM, ReplayId: r.LatestReplayId, NumRequested: 5})
	if got := events(t, resumed, 1)[0]; string(got.ReplayId) != string(e.ReplayId) {
		t.Errorf("from the keepalive's id the stream goes on at %x, want %x", got.ReplayId, e.ReplayId)
	}
}

func TestIdleStreamEnds(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{PubSub: salesforcetest.PubSub{IdleClose: 50 * time.Millisecond}})
	b := dial(t, org)
	org.Insert("Account", map[string]any{"Name": "Acme"})
	s := b.earliest(t, accounts, 1)
	if n, err := drain(s); n != 1 || err != io.EOF {
		t.Errorf("%d events, then %v; want one, then the end", n, err)
	}
}

func TestStreamsFail(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	b := dial(t, org)
	live, _ := b.latest(t, accounts, 10)
	const text = "You have exceeded the event delivery limit for your org."
	org.FailSubscribe("subscription.limit.exceeded", codes.ResourceExhausted, text)
	refused := b.earliest(t, accounts, 1)
	_, err := drain(refused)
	if code, suffix := refusal(err, refused.Trailer()); code != codes.ResourceExhausted || suffix != "subscription.limit.exceeded" {
		t.Errorf("the next subscribe: %v with %q", err, suffix)
	}
	org.Insert("Account", map[string]any{"Name": "Acme"})
	events(t, live, 1)
	org.FailStreams("service.unavailable", codes.Internal, "The service is unavailable. Try again later")
	_, err = drain(live)
	if code, suffix := refusal(err, live.Trailer()); code != codes.Internal || suffix != "service.unavailable" {
		t.Errorf("the open stream: %v with %q", err, suffix)
	}
	again, _ := b.latest(t, accounts, 10)
	org.CutStreams()
	if _, err := drain(again); status.Code(err) != codes.Unavailable {
		t.Errorf("a cut stream: %v, want Unavailable", err)
	}
	if _, err := b.GetTopic(b.ctx, &pubsubpb.TopicRequest{TopicName: accounts}); err != nil {
		t.Errorf("after the cut: %v", err)
	}
}

// TestRoundTripIsPipelined keeps two windows on the way: the delay is that of
// the way, not of each message.
func TestRoundTripIsPipelined(t *testing.T) {
	t.Parallel()
	const way = 40 * time.Millisecond
	org := newOrg(t, salesforcetest.Config{PubSub: salesforcetest.PubSub{RoundTrip: way}})
	for range 100 {
		org.Insert("Account", map[string]any{"Name": "Acme"})
	}
	b := dial(t, org)
	s := b.earliest(t, accounts, 1)
	events(t, s, 1)
	start := time.Now()
	for range 99 {
		send(t, s, &pubsubpb.FetchRequest{NumRequested: 1})
	}
	events(t, s, 99)
	if took := time.Since(start); took < way || took > 99*way/2 {
		t.Errorf("99 requests under way together took %v, want little more than one round trip of %v", took, way)
	}
}

func TestTwoReadersSeeTheSame(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	b := dial(t, org)
	one, _ := b.latest(t, accounts, 100)
	two, _ := b.latest(t, "/data/ChangeEvents", 100)
	go func() {
		for i := range 50 {
			org.Insert("Account", map[string]any{"Name": fmt.Sprint(i)})
		}
	}()
	a, c := events(t, one, 50), events(t, two, 50)
	for i := range a {
		if string(a[i].ReplayId) != string(c[i].ReplayId) || i > 0 && string(a[i].ReplayId) <= string(a[i-1].ReplayId) {
			t.Fatalf("event %d has the ids %x and %x", i, a[i].ReplayId, c[i].ReplayId)
		}
	}
}
