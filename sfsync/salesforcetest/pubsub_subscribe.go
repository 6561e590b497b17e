package salesforcetest

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
)

type subscribeStream = grpc.BidiStreamingServer[pubsubpb.FetchRequest, pubsubpb.FetchResponse]

// subscription is one Subscribe call (Pub/Sub API guide, "Subscribe RPC
// Method"): it is owed events, and delivers them in the order of the bus.
type subscription struct {
	*pubSubServer
	stream   subscribeStream
	ctx      context.Context
	token    string
	revoked  <-chan struct{} // closed when the token dies
	topic    string
	objects  map[string]bool
	source   source
	pending  int32
	requests chan request
	silent   time.Time // when the next empty response is due
	idle     time.Time // when a stream that is owed nothing ends
	ended    bool      // the client sends no more requests
}

type request struct {
	*pubsubpb.FetchRequest
	err error
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
func (s *pubSubServer) Subscribe(stream subscribeStream) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	sub := &subscription{pubSubServer: s, stream: stream, ctx: stream.Context(), topic: first.TopicName, requests: make(chan request)}
	md, _ := metadata.FromIncomingContext(sub.ctx)
	sub.token = md["accesstoken"][0] // authenticate has seen it
	if session := s.bus.org.session(sub.token); session != nil {
		sub.revoked = session.done
	}
	if err := sub.open(first); err != nil {
		return err
	}
	go sub.receive()
	return sub.serve()
}

// open fixes topic and position, which later requests cannot change.
func (s *subscription) open(first *pubsubpb.FetchRequest) error {
	if f := s.bus.takeFailure(); f != nil {
		return refuseCall(s.ctx, f.code, f.suffix, f.text)
	}
	objects, err := s.pubSubServer.topic(s.ctx, s.topic)
	if err != nil {
		return err
	}
	s.objects = make(map[string]bool, len(objects))
	for _, object := range objects {
		s.objects[object] = true
	}
	if err := s.permitted(); err != nil {
		return err
	}
	if s.source, err = s.start(first); err != nil {
		return err
	}
	s.silent = time.Now().Add(s.bus.settings().firstResponse())
	return s.grant(first)
}

// permitted refuses a topic of one object to a user without View All on it. A
// channel of several leaves such objects out instead.
func (s *subscription) permitted() error {
	for object := range s.objects {
		if s.topic != allChanges && !s.bus.org.viewAll(object) {
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
	if flood := s.bus.flood(s.topic); flood != nil {
		return flood.reader(first), nil
	}
	if script := s.bus.script(s.topic); script != nil {
		if reader, ok := script.reader(first); ok {
			return reader, nil
		}
	} else if position, ok := s.bus.position(first); ok {
		return &busReader{sub: s, position: position}, nil
	}
	return nil, refuseCall(s.ctx, codes.InvalidArgument, "subscription.fetch.replayid.corrupted",
		"The Replay ID validation failed. Ensure that the Replay ID "+hexID(first.ReplayId)+" is valid.")
}

// grant adds the events of a request to those owed.
func (s *subscription) grant(r *pubsubpb.FetchRequest) error {
	limit := s.bus.settings().cap()
	switch {
	case r.TopicName != "" && r.TopicName != s.topic:
		return refuseCall(s.ctx, codes.InvalidArgument, "subscription.fetch.topic.mismatch",
			"The topic "+r.TopicName+" doesn't match the topic of the stream, "+s.topic+".")
	case r.NumRequested <= 0:
		return refuseCall(s.ctx, codes.InvalidArgument, "subscription.fetch.requested.events.invalid",
			"The number of requested events must be greater than 0.")
	case s.bus.settings().RefuseExcess && int64(s.pending)+int64(r.NumRequested) > int64(limit):
		return refuseCall(s.ctx, codes.InvalidArgument, "subscription.fetch.requested.events.invalid",
			"The number of requested events exceeds the limit.")
	}
	s.pending = int32(min(int64(s.pending)+int64(r.NumRequested), int64(limit)))
	return nil
}

// receive hands requests to the loop until the stream ends.
func (s *subscription) receive() {
	for {
		r, err := s.stream.Recv()
		select {
		case s.requests <- request{r, err}:
		case <-s.ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// serve delivers until the client, the org or a rule ends the stream.
func (s *subscription) serve() error {
	for {
		wake, cut := s.bus.waits() // before looking, so that nothing is missed between
		if err := s.alive(); err != nil {
			return err
		}
		delivered, err := s.deliver()
		if err != nil {
			return err
		}
		if s.pending == 0 && s.ended {
			return nil
		}
		if delivered {
			wake = closed // look again at once, but take a request first if one is here
		}
		if done, err := s.wait(wake, cut); done || err != nil {
			return err
		}
	}
}

// alive ends the stream when its token or its permission is gone. The service
// takes up to ten minutes for the latter; here it is the next step.
func (s *subscription) alive() error {
	if !s.authorized(s.token) {
		return refuseCall(s.ctx, codes.Unauthenticated, "service.auth.error",
			"An authentication exception occurred. Provide valid authentication via metadata headers.")
	}
	return s.permitted()
}

// deliver sends what is there, or an empty response when one is due.
func (s *subscription) deliver() (bool, error) {
	if s.pending == 0 {
		return false, nil
	}
	r := s.source.take(s.pending)
	if r.events == 0 {
		if time.Now().Before(s.silent) {
			return false, nil
		}
		latest, ok := s.source.pause()
		if !ok { // a commit is between its two steps
			s.silent = time.Now().Add(10 * time.Millisecond)
			return false, nil
		}
		r.latest = latest
	}
	s.pending = max(0, s.pending-r.events)
	now := time.Now()
	options := s.bus.settings()
	s.silent, s.idle = now.Add(options.keepAlive()), now.Add(options.idleClose())
	if !r.whole {
		r.frame = finishFrame(r.frame, r.latest, newUUID(), s.pending)
	}
	return r.events > 0, s.stream.SendMsg(r.frame)
}

// wait returns when there may be something to do, and done when the stream is over.
func (s *subscription) wait(wake, cut <-chan struct{}) (done bool, err error) {
	due := s.silent
	if s.pending == 0 {
		due = s.idle
	}
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case r := <-s.requests:
		return s.accept(r)
	default:
	}
	select {
	case r := <-s.requests:
		return s.accept(r)
	case <-wake:
	case <-s.revoked:
		s.revoked = nil // what it means is for alive to say
	case <-timer.C:
		return s.pending == 0, nil
	case <-cut:
		return true, s.bus.cutError(s.ctx)
	case <-s.ctx.Done():
		return true, status.FromContextError(s.ctx.Err()).Err()
	}
	return false, nil
}

func (s *subscription) accept(r request) (done bool, err error) {
	switch {
	case errors.Is(r.err, io.EOF):
		s.ended, s.requests = true, nil
		return s.pending == 0, nil
	case r.err != nil:
		return true, r.err
	}
	return false, s.grant(r.FetchRequest)
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()
