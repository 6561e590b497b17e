package salesforcetest

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
)

// ManagedSubscribe is a Subscribe whose position the service keeps: it begins
// after what was committed, and takes commits (Pub/Sub API guide,
// "ManagedSubscribe RPC Method", beta).
func (s *pubSubServer) ManagedSubscribe(stream grpc.BidiStreamingServer[pubsubpb.ManagedFetchRequest, pubsubpb.ManagedFetchResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	sub := s.subscription(stream, "")
	if sub.managed, err = sub.named(first); err != nil {
		return err
	}
	if err := sub.managed.connect(sub.ctx, s.bus.org.now()); err != nil {
		return err
	}
	cuts := s.conns.broken()
	defer func() { sub.managed.disconnect(sub.holdSlot(cuts)) }()
	sub.topic = sub.managed.Topic
	if err := sub.open(sub.managed.start(s.bus)); err != nil {
		return err
	}
	sub.latest, _ = sub.source.pause() // what a commit may name before anything is delivered
	if err := sub.grantManaged(request{num: first.NumRequested}); err != nil {
		return err
	}
	go sub.receive(func() request {
		r, err := stream.Recv()
		return request{topic: r.GetSubscriptionId() + r.GetDeveloperName(), num: r.GetNumRequested(), commit: r.GetCommitReplayIdRequest(), err: err}
	})
	if err = sub.serve(); err == nil {
		err = sub.answer(true)
	}
	return err
}

// named finds the subscription of a first request.
func (s *subscription) named(first *pubsubpb.ManagedFetchRequest) (*managed, error) {
	id, whole := longID(first.SubscriptionId)
	refuse := func(code codes.Code, suffix, text string) (*managed, error) {
		return nil, refuseCall(s.ctx, code, "managed.subscription."+suffix, text)
	}
	switch {
	case (first.SubscriptionId == "") == (first.DeveloperName == ""):
		return refuse(codes.InvalidArgument, "id.or.developer.name.empty", "Provide either a subscription ID or a developer name.")
	case first.CommitReplayIdRequest != nil:
		return refuse(codes.InvalidArgument, "fetch.request.commit.request.restricted", "The first request can't have a commit request.")
	case first.AuthRefresh != "":
		return refuse(codes.InvalidArgument, "fetch.request.auth.request.restricted", "The first request can't have an auth refresh.")
	case first.SubscriptionId != "" && !whole:
		return refuse(codes.InvalidArgument, "subscription.id.invalid", "The subscription ID isn't valid.")
	}
	set := &s.bus.managed
	set.mu.Lock()
	m := set.find(id, first.DeveloperName)
	set.mu.Unlock()
	switch {
	case m == nil && id != "":
		return refuse(codes.NotFound, "subscription.id.not.found", "The subscription ID wasn't found.")
	case m == nil:
		return refuse(codes.NotFound, "developer.name.not.found", "The developer name wasn't found.")
	}
	return m, nil
}

// holdSlot is until when the end of a stream keeps its place from others.
func (s *subscription) holdSlot(cuts int) time.Time {
	if s.conns.broken() == cuts {
		return time.Time{}
	}
	return s.bus.org.now().Add(s.bus.settings().SlotHold)
}

// grantManaged adds to the events owed. To ask for none is allowed.
func (s *subscription) grantManaged(r request) error {
	if r.num < 0 {
		return refuseCall(s.ctx, codes.InvalidArgument, "managed.subscription.fetch.request.events.invalid",
			"The number of requested events can't be less than 0.")
	}
	if r.num == 0 {
		return nil
	}
	return s.grant(request{num: r.num})
}

// acceptManaged takes a request after the first, which may leave out whose it
// is, but has to ask or to commit.
func (s *subscription) acceptManaged(r request) error {
	id, _ := longID(r.topic)
	other := r.topic != "" && id != s.managed.ID && r.topic != s.managed.DeveloperName
	if other || r.num == 0 && r.commit == nil {
		return refuseCall(s.ctx, codes.InvalidArgument, "managed.subscription.fetch.request.invalid", "The request isn't valid.")
	}
	s.idle = time.Now().Add(s.bus.settings().idleClose())
	if r.commit != nil {
		if err := s.commit(r.commit); err != nil {
			return err
		}
	}
	return s.grantManaged(r)
}

// commit takes a commit request. Those of one moment have one answer, that of
// the last; a refusal has its own, and ends nothing.
func (s *subscription) commit(r *pubsubpb.CommitReplayRequest) error {
	answer := &pubsubpb.CommitReplayResponse{CommitRequestId: r.CommitRequestId, ReplayId: r.ReplayId, ProcessTime: s.bus.org.now().UnixMilli()}
	refused := s.managed.commit(s.bus, r.ReplayId, s.latest)
	if refused != "" {
		if err := s.answer(true); err != nil {
			return err
		}
		answer.Error = &pubsubpb.Error{Code: pubsubpb.ErrorCode_COMMIT, Msg: refused}
	}
	if s.committed == nil {
		s.answerBy = time.Now().Add(s.bus.settings().CommitBatch)
	}
	s.committed = answer
	return s.answer(refused != "")
}

// answer sends the answer to the last commit when it is due, or now.
func (s *subscription) answer(now bool) error {
	if s.committed == nil || !now && time.Now().Before(s.answerBy) {
		return nil
	}
	r := &pubsubpb.ManagedFetchResponse{LatestReplayId: s.latest, RpcId: newUUID(), PendingNumRequested: s.pending, CommitResponse: s.committed}
	s.committed = nil
	return s.stream.SendMsg(r)
}
