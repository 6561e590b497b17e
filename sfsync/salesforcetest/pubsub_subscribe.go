package salesforcetest

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
)

// subscription is one Subscribe or ManagedSubscribe call (Pub/Sub API guide,
// "Subscribe RPC Method"): it is owed events, and delivers them in the order of
// the bus.
type subscription struct {
	*pubSubServer
	stream    grpc.ServerStream
	ctx       context.Context
	managed   *managed // nil for Subscribe
	token     string
	revoked   <-chan struct{} // closed when the token dies
	topic     string
	sight     *sight
	source    source
	latest    []byte // what the last response said
	pending   int32
	committed *pubsubpb.CommitReplayResponse // not yet sent
	answerBy  time.Time
	requests  chan request
	silent    time.Time // when the next empty response is due
	idle      time.Time // when a stream that is owed nothing ends
	ended     bool      // the client sends no more requests
}

// request is a FetchRequest or a ManagedFetchRequest after the first.
type request struct {
	topic  string // or the managed subscription
	num    int32
	commit *pubsubpb.CommitReplayRequest
	err    error
}

// source is where a subscription's events come from.
type source interface {
	// take returns a response that lacks only its end, with at most limit
	// events, or with none where there are none now.
	take(limit int32) response
	// pause is the latest replay id for an empty response; false means that
	// there is something to take after all.
	pause() (latest []byte, ok bool)
}

type response struct {
	frame  frame
	events int32
	latest []byte
	whole  bool // the frame is a complete response already
}

// Subscribe answers the first request and then serves the stream.
func (s *pubSubServer) Subscribe(stream grpc.BidiStreamingServer[pubsubpb.FetchRequest, pubsubpb.FetchResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	sub := s.subscription(stream, first.TopicName)
	if err := sub.open(first); err != nil {
		return err
	}
	if err := sub.grant(request{num: first.NumRequested}); err != nil {
		return err
	}
	go sub.receive(func() request {
		r, err := stream.Recv()
		return request{topic: r.GetTopicName(), num: r.GetNumRequested(), err: err}
	})
	return sub.serve()
}

func (s *pubSubServer) subscription(stream grpc.ServerStream, topic string) *subscription {
	sub := &subscription{pubSubServer: s, stream: stream, ctx: stream.Context(), topic: topic, requests: make(chan request)}
	md, _ := metadata.FromIncomingContext(sub.ctx)
	sub.token = md["accesstoken"][0] // authenticate has seen it
	if session := s.bus.org.session(sub.token); session != nil {
		sub.revoked = session.done
	}
	return sub
}

// open fixes topic and position, which later requests cannot change.
func (s *subscription) open(first *pubsubpb.FetchRequest) error {
	if f := s.bus.takeFailure(); f != nil {
		return refuseCall(s.ctx, f.code, f.suffix, f.text)
	}
	if _, err := s.pubSubServer.topic(s.ctx, s.topic); err != nil {
		return err
	}
	s.look()
	err := s.alive()
	if err != nil {
		return err
	}
	if s.source, err = s.start(first); err != nil {
		return err
	}
	options := s.bus.settings()
	s.silent, s.idle = time.Now().Add(options.firstResponse()), time.Now().Add(options.idleClose())
	return nil
}

// permitted refuses a topic of one object to a user without View All on it. A
// channel of several leaves such objects out instead.
func (s *subscription) permitted() error {
	for _, blind := range s.sight.blind {
		if blind && !multiEntity(s.topic) {
			return refuseCall(s.ctx, codes.PermissionDenied, "subscription.topic.cannot.subscribe",
				"You don't have permission to subscribe to the topic "+s.topic+".")
		}
	}
	return nil
}

func (s *subscription) start(first *pubsubpb.FetchRequest) (source, error) {
	custom := first.ReplayPreset == pubsubpb.ReplayPreset_CUSTOM
	if custom && len(first.ReplayId) == 0 {
		return nil, refuseCall(s.ctx, codes.InvalidArgument, "subscription.fetch.replayid.validation.failed",
			"The Replay ID is required for the CUSTOM replay preset.")
	}
	if first.ReplayPreset == pubsubpb.ReplayPreset_LATEST {
		if err := pause(s.ctx, s.bus.settings().Settle); err != nil {
			return nil, status.FromContextError(err).Err()
		}
	}
	if flood := s.bus.flood(s.topic); flood != nil {
		return flood.reader(first), nil
	}
	if custom && s.bus.settings().RefuseReplay {
		return nil, s.corrupted(first.ReplayId)
	}
	if script := s.bus.script(s.topic); script != nil {
		if reader, ok := script.reader(first); ok {
			return reader, nil
		}
	} else if at, era, ok := s.bus.position(first.ReplayPreset, first.ReplayId); ok {
		return &busReader{sub: s, era: era, position: at}, nil
	}
	return nil, s.corrupted(first.ReplayId)
}

func (s *subscription) corrupted(id []byte) error {
	return refuseCall(s.ctx, codes.InvalidArgument, "subscription.fetch.replayid.corrupted",
		"The Replay ID validation failed. Ensure that the Replay ID "+hexID(id)+" is valid.")
}

// grant adds the events of a request to those owed.
func (s *subscription) grant(r request) error {
	limit := s.bus.settings().cap()
	switch {
	case r.topic != "" && r.topic != s.topic:
		return refuseCall(s.ctx, codes.InvalidArgument, "subscription.fetch.topic.mismatch",
			"The topic "+r.topic+" doesn't match the topic of the stream, "+s.topic+".")
	case r.num <= 0:
		return refuseCall(s.ctx, codes.InvalidArgument, "subscription.fetch.requested.events.invalid",
			"The number of requested events must be greater than 0.")
	case s.bus.settings().RefuseExcess && int64(s.pending)+int64(r.num) > int64(limit):
		return refuseCall(s.ctx, codes.InvalidArgument, "subscription.fetch.requested.events.invalid",
			"The number of requested events exceeds the limit.")
	}
	s.pending = int32(min(int64(s.pending)+int64(r.num), int64(limit)))
	return nil
}
