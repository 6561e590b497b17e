package pubsub_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"

	pb "github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
)

var shop = pubsub.Subscription{DeveloperName: "Shop"}

// events is a response with n events from start.
func events(start, n int) *pb.ManagedFetchResponse {
	r := answer(start, n)
	return &pb.ManagedFetchResponse{Events: r.Events, LatestReplayId: r.LatestReplayId}
}

// committed answers a commit, with text that quotes values if it is refused.
func committed(id string, refused bool) *pb.ManagedFetchResponse {
	r := &pb.CommitReplayResponse{CommitRequestId: id, ProcessTime: 1}
	if refused {
		r.Error = &pb.Error{Code: pb.ErrorCode_COMMIT, Msg: "CANARY-TEXT replay id 0099"}
	}
	return &pb.ManagedFetchResponse{LatestReplayId: replayID(999), CommitResponse: r}
}

// nextCommit reads requests until one commits.
func nextCommit(s managed) (*pb.CommitReplayRequest, error) {
	for {
		r, err := s.Recv()
		if err != nil || r.GetCommitReplayIdRequest() != nil {
			return r.GetCommitReplayIdRequest(), err
		}
	}
}

func untilLeft(s managed) error { <-s.Context().Done(); return s.Context().Err() }

func TestManagedFirstRequest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		subscription pubsub.Subscription
		want         *pb.ManagedFetchRequest
	}{
		{"developer name", shop, &pb.ManagedFetchRequest{DeveloperName: "Shop", NumRequested: 7}},
		{"id", pubsub.Subscription{ID: "18x000000000001AAA"}, &pb.ManagedFetchRequest{SubscriptionId: "18x000000000001AAA", NumRequested: 7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := make(chan *pb.ManagedFetchRequest, 2)
			org := serve(t, &script{managed: func(s managed) error {
				for range 2 {
					r, err := s.Recv()
					if err != nil {
						return err
					}
					got <- r
					if err := s.Send(events(1, 3)); err != nil {
						return err
					}
				}
				return untilLeft(s)
			}})
			taken := 0
			for d, err := range pubsub.New(org, pubsub.Options{Window: 7}).Managed(c.subscription).Deliveries(soon(t)) {
				if err != nil {
					t.Fatal(err)
				}
				if taken += len(d.Events); taken == 6 {
					break
				}
			}
			if r := <-got; r.String() != c.want.String() {
				t.Errorf("first request is %v, want %v", r, c.want)
			}
			if r := <-got; r.String() != (&pb.ManagedFetchRequest{NumRequested: 3}).String() {
				t.Errorf("second request is %v, want one for the three events taken", r)
			}
		})
	}
}

// Commits are answered to the caller, a refused one too, and the stream goes on
// after both. The answers are no deliveries: a loop that commits each position
// would never end.
func TestManagedCommits(t *testing.T) {
	t.Parallel()
	asked := make(chan []byte, 2)
	org := serve(t, &script{managed: func(s managed) error {
		for i, refused := range []bool{false, true} {
			if err := s.Send(events(10*i, 2)); err != nil {
				return err
			}
			r, err := nextCommit(s)
			if err != nil {
				return err
			}
			asked <- r.GetReplayId()
			if err := s.Send(committed(r.GetCommitRequestId(), refused)); err != nil {
				return err
			}
		}
		if err := s.Send(events(20, 1)); err != nil {
			return err
		}
		return untilLeft(s)
	}})
	m := pubsub.New(org, pubsub.Options{}).Managed(shop)
	var answers []string
	for d, err := range m.Deliveries(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if len(answers) == 2 {
			if len(d.Events) != 1 {
				t.Errorf("after the commits came %d events, want 1", len(d.Events))
			}
			break
		}
		err := m.Commit(t.Context(), d.Events[1].ReplayID)
		answers = append(answers, string(fault.CodeOf(err)))
		if s := fmt.Sprintf("%v %+v", err, err); len(answers) == 2 && (fault.Retryable(err) || !errors.Is(err, fault.RequestInvalid) || strings.Contains(s, "CANARY")) {
			t.Errorf("refused commit: %v, want request_invalid without the service's text", err)
		}
	}
	if want := []string{"", string(fault.RequestInvalid)}; !slices.Equal(answers, want) {
		t.Errorf("commits gave %q, want %q", answers, want)
	}
	if a, b := <-asked, <-asked; !slices.Equal(a, replayID(1)) || !slices.Equal(b, replayID(11)) {
		t.Errorf("committed %x and %x", a, b)
	}
}

// The service puts commits together and answers the last of them.
func TestManagedCommitsTogether(t *testing.T) {
	t.Parallel()
	const n = 5
	org := serve(t, &script{managed: func(s managed) error {
		if err := s.Send(events(1, n)); err != nil {
			return err
		}
		last := ""
		for range n {
			r, err := nextCommit(s)
			if err != nil {
				return err
			}
			last = r.GetCommitRequestId()
		}
		if err := s.Send(committed(last, false)); err != nil {
			return err
		}
		return untilLeft(s)
	}})
	m := pubsub.New(org, pubsub.Options{}).Managed(shop)
	for d, err := range m.Deliveries(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for _, e := range d.Events {
			all.Go(func() {
				if err := m.Commit(soon(t), e.ReplayID); err != nil {
					t.Errorf("commit %x: %v", e.ReplayID, err)
				}
			})
		}
		all.Wait()
		break
	}
}

// The answer to a commit may be behind a window of events, and behind keepalives,
// that the loop has not taken, because it waits for the answer.
func TestManagedCommitBehindEvents(t *testing.T) {
	t.Parallel()
	const window = 40
	org := serve(t, &script{managed: func(s managed) error {
		for i := range window {
			if err := s.Send(events(i, 1)); err != nil {
				return err
			}
		}
		for range 50 {
			if err := s.Send(&pb.ManagedFetchResponse{LatestReplayId: replayID(window)}); err != nil {
				return err
			}
		}
		r, err := nextCommit(s)
		if err == nil {
			err = s.Send(committed(r.GetCommitRequestId(), false))
		}
		if err == nil {
			err = untilLeft(s)
		}
		return err
	}})
	m := pubsub.New(org, pubsub.Options{Window: window}).Managed(shop)
	taken := 0
	for d, err := range m.Deliveries(soon(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if taken == 0 {
			if err := m.Commit(soon(t), d.Latest); err != nil {
				t.Fatal(err)
			}
		}
		if taken += len(d.Events); taken == window {
			break
		}
	}
}

func TestManagedCommitEnds(t *testing.T) {
	t.Parallel()
	md, refusal := refuse(codes.Internal, "service.unavailable")
	for _, c := range []struct {
		name string
		end  func(managed, context.CancelFunc) error // after a commit has been asked for
		want fault.Code
	}{
		{"with the stream", func(s managed, _ context.CancelFunc) error { s.SetTrailer(md); return refusal }, fault.Unavailable},
		{"with its context", func(s managed, cancel context.CancelFunc) error { cancel(); return untilLeft(s) }, fault.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(soon(t))
			defer cancel()
			org := serve(t, &script{managed: func(s managed) error {
				if err := s.Send(events(1, 1)); err != nil {
					return err
				}
				if _, err := nextCommit(s); err != nil {
					return err
				}
				return c.end(s, cancel)
			}})
			m := pubsub.New(org, pubsub.Options{}).Managed(shop)
			for d, err := range m.Deliveries(soon(t)) {
				if err != nil {
					t.Fatal(err)
				}
				if err := m.Commit(ctx, d.Latest); !errors.Is(err, c.want) {
					t.Errorf("commit gave %v, want %s", err, c.want)
				}
				break
			}
			if err := m.Commit(soon(t), replayID(1)); !errors.Is(err, fault.RequestInvalid) {
				t.Errorf("a commit after the loop gave %v, want request_invalid", err)
			}
		})
	}
}

func TestManagedRefusesWithoutCall(t *testing.T) {
	t.Parallel()
	org := serve(t, &script{managed: func(s managed) error {
		if err := s.Send(events(1, 1)); err != nil {
			return err
		}
		return untilLeft(s)
	}})
	bus := pubsub.New(org, pubsub.Options{})
	m := bus.Managed(shop)
	if err := m.Commit(t.Context(), replayID(1)); !errors.Is(err, fault.RequestInvalid) {
		t.Errorf("a commit before the loop: %v, want request_invalid", err)
	}
	for _, s := range []pubsub.Subscription{{}, {ID: "18x000000000001AAA", DeveloperName: "Shop"}} {
		for _, err := range bus.Managed(s).Deliveries(soon(t)) {
			if !errors.Is(err, fault.RequestInvalid) {
				t.Errorf("%v: %v, want request_invalid", s, err)
			}
		}
	}
	for range m.Deliveries(soon(t)) {
		if err := m.Commit(t.Context(), nil); !errors.Is(err, fault.RequestInvalid) {
			t.Errorf("a commit of nothing: %v, want request_invalid", err)
		}
		for _, err := range m.Deliveries(soon(t)) {
			if !errors.Is(err, fault.Conflict) {
				t.Errorf("a second loop: %v, want conflict", err)
			}
		}
		break
	}
	for _, err := range m.Deliveries(soon(t)) {
		if err != nil {
			t.Errorf("a loop after another: %v", err)
		}
		break
	}
}

func TestManagedRefused(t *testing.T) {
	t.Parallel()
	for suffix, want := range map[string]fault.Code{
		"managed.subscription.already.active":           fault.Conflict,
		"managed.subscription.config.stopped":           fault.ConfigInvalid,
		"managed.subscription.developer.name.not.found": fault.NotFound,
	} {
		md, refusal := refuse(codes.Unknown, suffix)
		org := serve(t, &script{managed: func(s managed) error { s.SetTrailer(md); return refusal }})
		for _, err := range pubsub.New(org, pubsub.Options{}).Managed(shop).Deliveries(soon(t)) {
			if !errors.Is(err, want) || fault.Retryable(err) != (want == fault.Conflict) {
				t.Errorf("%s: %v, want %s", suffix, err, want)
			}
		}
	}
}
