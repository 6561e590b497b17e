package salesforcetest_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

type managedStream = grpc.BidiStreamingClient[pubsubpb.ManagedFetchRequest, pubsubpb.ManagedFetchResponse]

func (b *bus) managed(t testing.TB, requests ...*pubsubpb.ManagedFetchRequest) managedStream {
	t.Helper()
	s, err := b.ManagedSubscribe(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		send(t, s, r)
	}
	return s
}

// hear receives n events and returns the names of their accounts and the ids.
func (b *bus) hear(t testing.TB, s managedStream, n int) (names []string, ids [][]byte) {
	t.Helper()
	for len(names) < n {
		r, err := s.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range r.Events {
			_, body := b.decode(t, e)
			names, ids = append(names, fmt.Sprint(body["Name"])), append(ids, e.ReplayId)
		}
	}
	return names, ids
}

// commit sends a commit and returns the answer.
func commit(t testing.TB, s managedStream, request string, id []byte) *pubsubpb.CommitReplayResponse {
	t.Helper()
	send(t, s, &pubsubpb.ManagedFetchRequest{CommitReplayIdRequest: &pubsubpb.CommitReplayRequest{CommitRequestId: request, ReplayId: id}})
	return answered(t, s)
}

func answered(t testing.TB, s managedStream) *pubsubpb.CommitReplayResponse {
	t.Helper()
	for {
		r, err := s.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if r.CommitResponse != nil {
			return r.CommitResponse
		}
	}
}

// end waits for a stream's end.
func end(s managedStream) (code codes.Code, suffix string) {
	for {
		if _, err := s.Recv(); err != nil {
			return refusal(err, s.Trailer())
		}
	}
}

// leave half-closes a stream that is owed nothing and waits for its end.
func leave(t testing.TB, s managedStream) {
	t.Helper()
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	end(s)
}

// ours is an org with a managed subscription to all accounts, from EARLIEST.
func ours(t testing.TB, cfg salesforcetest.Config) (*salesforcetest.Org, *bus, string) {
	t.Helper()
	org := newOrg(t, cfg)
	id := org.Managed(salesforcetest.ManagedSubscription{DeveloperName: "Ours", Topic: accounts, DefaultReplay: "EARLIEST"})
	return org, dial(t, org), id
}

func owed(n int32) *pubsubpb.ManagedFetchRequest {
	return &pubsubpb.ManagedFetchRequest{DeveloperName: "Ours", NumRequested: n}
}

func TestManagedGoesOnAfterCommit(t *testing.T) {
	t.Parallel()
	org, b, id := ours(t, salesforcetest.Config{})
	for i := range 5 {
		org.Insert("Account", map[string]any{"Name": fmt.Sprint(i)})
	}
	s := b.managed(t, owed(0)) // to ask for nothing is allowed
	send(t, s, &pubsubpb.ManagedFetchRequest{NumRequested: 3})
	names, ids := b.hear(t, s, 3)
	if fmt.Sprint(names) != "[0 1 2]" {
		t.Errorf("from EARLIEST come %v", names)
	}
	if got := commit(t, s, "one", ids[1]); got.CommitRequestId != "one" || string(got.ReplayId) != string(ids[1]) || got.Error != nil || got.ProcessTime == 0 {
		t.Errorf("the commit is answered %v", got)
	}
	leave(t, s)
	if got := org.Committed("Ours"); string(got) != string(ids[1]) {
		t.Errorf("committed is %x, want %x", got, ids[1])
	}
	again := b.managed(t, &pubsubpb.ManagedFetchRequest{SubscriptionId: id[:15], NumRequested: 3})
	if names, _ := b.hear(t, again, 3); fmt.Sprint(names) != "[2 3 4]" {
		t.Errorf("after the commit come %v, want what follows it", names)
	}
}

// TestCommitRefusals holds that a bad commit has an answer and ends nothing.
func TestCommitRefusals(t *testing.T) {
	t.Parallel()
	org, b, _ := ours(t, salesforcetest.Config{})
	for i := range 4 {
		org.Insert("Account", map[string]any{"Name": fmt.Sprint(i)})
	}
	future := events(t, b.earliest(t, accounts, 4), 4)[3].ReplayId
	s := b.managed(t, owed(3))
	_, ids := b.hear(t, s, 3)
	if got := commit(t, s, "good", ids[1]); got.Error != nil {
		t.Fatal(got)
	}
	for name, id := range map[string][]byte{"missing": nil, "malformed": {1, 2, 3}, "older than the committed": ids[0], "not delivered yet": future} {
		got := commit(t, s, name, id)
		if got.CommitRequestId != name || got.Error.GetCode() != pubsubpb.ErrorCode_COMMIT || got.Error.GetMsg() == "" {
			t.Errorf("%s: %v", name, got)
		}
	}
	if string(org.Committed("Ours")) != string(ids[1]) {
		t.Error("a refused commit counts")
	}
	if got := commit(t, s, "better", ids[2]); got.Error != nil {
		t.Errorf("after refusals: %v", got)
	}
	if err := org.Expire(); err != nil {
		t.Fatal(err)
	}
	if got := commit(t, s, "expired", ids[2]); got.Error.GetCode() != pubsubpb.ErrorCode_COMMIT {
		t.Errorf("an id outside the retention: %v", got)
	}
	org.Insert("Account", map[string]any{"Name": "on"})
	send(t, s, &pubsubpb.ManagedFetchRequest{NumRequested: 1})
	if names, _ := b.hear(t, s, 1); names[0] != "on" {
		t.Errorf("the stream goes on with %v", names)
	}
}

func TestCommitsAreAnsweredTogether(t *testing.T) {
	t.Parallel()
	org, b, _ := ours(t, salesforcetest.Config{PubSub: salesforcetest.PubSub{CommitBatch: time.Second}})
	for i := range 3 {
		org.Insert("Account", map[string]any{"Name": fmt.Sprint(i)})
	}
	s := b.managed(t, owed(3))
	_, ids := b.hear(t, s, 3)
	for i, id := range ids {
		send(t, s, &pubsubpb.ManagedFetchRequest{CommitReplayIdRequest: &pubsubpb.CommitReplayRequest{CommitRequestId: fmt.Sprint(i), ReplayId: id}})
	}
	if got := answered(t, s); got.CommitRequestId != "2" || string(got.ReplayId) != string(ids[2]) {
		t.Errorf("three commits are answered %v, want the last alone", got)
	}
	if got := commit(t, s, "next", ids[2]); got.CommitRequestId != "next" {
		t.Errorf("the next answer is %v", got)
	}
}

func TestManagedRefusals(t *testing.T) {
	t.Parallel()
	unknown := "18x5e0000000999AAA"
	some := &pubsubpb.CommitReplayRequest{CommitRequestId: "a", ReplayId: make([]byte, 10)}
	for name, c := range map[string]struct {
		requests []*pubsubpb.ManagedFetchRequest
		code     codes.Code
		suffix   string
	}{
		"neither name":              {[]*pubsubpb.ManagedFetchRequest{{NumRequested: 1}}, codes.InvalidArgument, "id.or.developer.name.empty"},
		"both names":                {[]*pubsubpb.ManagedFetchRequest{{NumRequested: 1, SubscriptionId: unknown, DeveloperName: "Ours"}}, codes.InvalidArgument, "id.or.developer.name.empty"},
		"an id of another length":   {[]*pubsubpb.ManagedFetchRequest{{NumRequested: 1, SubscriptionId: unknown[:12]}}, codes.InvalidArgument, "subscription.id.invalid"},
		"an unknown id":             {[]*pubsubpb.ManagedFetchRequest{{NumRequested: 1, SubscriptionId: unknown[:15]}}, codes.NotFound, "subscription.id.not.found"},
		"an unknown name":           {[]*pubsubpb.ManagedFetchRequest{{NumRequested: 1, DeveloperName: "Theirs"}}, codes.NotFound, "developer.name.not.found"},
		"a commit at once":          {[]*pubsubpb.ManagedFetchRequest{{NumRequested: 1, DeveloperName: "Ours", CommitReplayIdRequest: some}}, codes.InvalidArgument, "fetch.request.commit.request.restricted"},
		"a refresh at once":         {[]*pubsubpb.ManagedFetchRequest{{NumRequested: 1, DeveloperName: "Ours", AuthRefresh: "x"}}, codes.InvalidArgument, "fetch.request.auth.request.restricted"},
		"fewer than no events":      {[]*pubsubpb.ManagedFetchRequest{owed(-1)}, codes.InvalidArgument, "fetch.request.events.invalid"},
		"fewer than none later":     {[]*pubsubpb.ManagedFetchRequest{owed(1), {NumRequested: -1}}, codes.InvalidArgument, "fetch.request.events.invalid"},
		"a request of nothing":      {[]*pubsubpb.ManagedFetchRequest{owed(1), {}}, codes.InvalidArgument, "fetch.request.invalid"},
		"another subscription":      {[]*pubsubpb.ManagedFetchRequest{owed(1), {NumRequested: 1, DeveloperName: "Stopped"}}, codes.InvalidArgument, "fetch.request.invalid"},
		"a stopped one":             {[]*pubsubpb.ManagedFetchRequest{{NumRequested: 1, DeveloperName: "Stopped"}}, codes.FailedPrecondition, "config.stopped"},
		"a second client":           {[]*pubsubpb.ManagedFetchRequest{{NumRequested: 1, DeveloperName: "Taken"}}, codes.AlreadyExists, "already.active"},
		"one that is stopped later": {[]*pubsubpb.ManagedFetchRequest{owed(1)}, codes.FailedPrecondition, "config.stopped"},
		"one that is deleted":       {[]*pubsubpb.ManagedFetchRequest{owed(1)}, codes.NotFound, "config.deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org, b, _ := ours(t, salesforcetest.Config{})
			org.Managed(salesforcetest.ManagedSubscription{DeveloperName: "Stopped", Topic: accounts, State: "STOP"})
			org.Managed(salesforcetest.ManagedSubscription{DeveloperName: "Taken", Topic: accounts})
			first := b.managed(t, &pubsubpb.ManagedFetchRequest{DeveloperName: "Taken", NumRequested: 1})
			if _, err := first.Recv(); err != nil {
				t.Fatal(err)
			}
			s := b.managed(t, c.requests...)
			if c.suffix[:6] == "config" && c.requests[0].DeveloperName == "Ours" {
				if _, err := s.Recv(); err != nil {
					t.Fatal(err)
				}
				if c.code == codes.NotFound {
					org.RemoveManaged("Ours")
				} else {
					org.Managed(salesforcetest.ManagedSubscription{DeveloperName: "Ours", Topic: accounts, State: "STOP"})
				}
			}
			if code, suffix := end(s); code != c.code || suffix != "managed.subscription."+c.suffix {
				t.Errorf("%v with %q, want %v with %q", code, suffix, c.code, c.suffix)
			}
		})
	}
}

// TestBrokenConnectionHoldsTheSlot cuts a client off: its place is taken until
// the service notices. A client that says goodbye leaves it free.
func TestBrokenConnectionHoldsTheSlot(t *testing.T) {
	t.Parallel()
	var later atomic.Int64
	org, b, _ := ours(t, salesforcetest.Config{SessionTimeout: 1000 * time.Hour, PubSub: salesforcetest.PubSub{SlotHold: 15 * time.Minute},
		Now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) }})
	s := b.managed(t, owed(1))
	if _, err := s.Recv(); err != nil {
		t.Fatal(err)
	}
	org.CutStreams()
	end(s)
	if code, suffix := end(b.managed(t, owed(1))); code != codes.AlreadyExists || suffix != "managed.subscription.already.active" {
		t.Errorf("after a cut: %v with %q", code, suffix)
	}
	free := 0
	for range 20 { // the org may notice the cut after a first look at the clock
		later.Add(int64(16 * time.Minute))
		s = b.managed(t, owed(0))
		leave(t, s)
		if s.Trailer().Get("error-code") == nil {
			free++
		}
	}
	if free < 19 {
		t.Errorf("a quarter of an hour later %d of 20 clients were let in", free)
	}
}

// TestManagedRecovers lets what was committed expire: the service goes on where
// the subscription says, and says nothing.
func TestManagedRecovers(t *testing.T) {
	t.Parallel()
	for recovery, want := range map[string]string{"EARLIEST": "[stored]", "LATEST": "[new]"} {
		t.Run(recovery, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{})
			org.Managed(salesforcetest.ManagedSubscription{DeveloperName: "Ours", Topic: accounts, DefaultReplay: "EARLIEST", ErrorRecoveryReplay: recovery})
			b := dial(t, org)
			org.Insert("Account", map[string]any{"Name": "old"})
			s := b.managed(t, owed(1))
			_, ids := b.hear(t, s, 1)
			if got := commit(t, s, "a", ids[0]); got.Error != nil {
				t.Fatal(got)
			}
			leave(t, s)
			org.Insert("Account", map[string]any{"Name": "lost"})
			if err := org.Expire(); err != nil {
				t.Fatal(err)
			}
			org.Insert("Account", map[string]any{"Name": "stored"})
			s = b.managed(t, owed(1))
			if recovery == "LATEST" {
				if _, err := s.Recv(); err != nil { // an empty response: it stands
					t.Fatal(err)
				}
			}
			org.Insert("Account", map[string]any{"Name": "new"})
			if names, _ := b.hear(t, s, 1); fmt.Sprint(names) != want {
				t.Errorf("it goes on with %v, want %s", names, want)
			}
		})
	}
}

// TestManagedIsASubscription holds that deliveries count and tokens die.
func TestManagedIsASubscription(t *testing.T) {
	t.Parallel()
	org, b, _ := ours(t, salesforcetest.Config{})
	org.Insert("Account", map[string]any{"Name": "Acme"})
	s := b.managed(t, owed(5))
	b.hear(t, s, 1)
	if org.Deliveries() != 1 {
		t.Errorf("%d deliveries", org.Deliveries())
	}
	org.ExpireTokens()
	if code, suffix := end(s); code != codes.Unauthenticated || suffix != "service.auth.error" {
		t.Errorf("without a token: %v with %q", code, suffix)
	}
}
