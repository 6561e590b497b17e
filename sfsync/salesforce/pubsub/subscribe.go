package pubsub

import (
	"context"
	"errors"
	"iter"
	"time"

	"google.golang.org/grpc"

	pb "github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Deliveries that are received before the loop asks for them. Few, since each
// may be 3 MB (Pub/Sub API guide, "Event allocations"); behind them gRPC's own
// flow control holds the service back.
const ahead = 8

// Start says where a subscription begins. The zero value is refused: it must not
// become LATEST by accident, which loses events.
type Start struct {
	preset pb.ReplayPreset
	after  []byte
	set    bool
}

// Latest begins with the events published after the subscription does. The
// first delivery, which may take 270 seconds, says which position that is.
func Latest() Start { return Start{preset: pb.ReplayPreset_LATEST, set: true} }

// After begins with the first event behind the given replay id, strictly. The
// id is opaque and comes from an [Event] or a [Delivery].
func After(replayID []byte) Start {
	return Start{preset: pb.ReplayPreset_CUSTOM, after: replayID, set: len(replayID) > 0}
}

// Delivery is one answer of the service: events in order, or none.
type Delivery struct {
	// Events is empty in the answer that merely shows the stream is alive.
	Events []Event
	// Latest is a position at or behind the last of Events. Only that of an
	// answer without events is safe to go on from: enriched events share an id
	// across answers.
	Latest []byte
}

// Event is one change event, not decoded. Its slices are valid for good and must
// not be changed.
type Event struct {
	// SchemaID names the schema that Payload is written in.
	SchemaID string
	// ID is the event's UUID.
	ID string
	// ReplayID is its position; several events of an enriched channel share one.
	ReplayID []byte
	// Payload is the Avro binary encoding.
	Payload []byte
}

// Subscribe yields the answers of a topic from start on. The first error ends
// the loop; so does the end of ctx, as Canceled or Timeout. Subscribe again from
// the last committed position after SessionExpired, Unavailable or Throttled.
func (p *PubSub) Subscribe(ctx context.Context, topic string, start Start) iter.Seq2[Delivery, error] {
	return func(yield func(Delivery, error) bool) {
		s, err := p.open(ctx, topic, start)
		if err != nil {
			yield(Delivery{}, err)
			return
		}
		defer s.close()
		for {
			d, err := s.next()
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// stream is one Subscribe call. The loop owns it; the goroutine of receive owns
// rpc.RecvMsg and err until it closes deliveries.
type stream struct {
	caller context.Context // of the loop
	ctx    context.Context // of the call: ends with the loop, or in silence
	cancel context.CancelCauseFunc

	topic      string
	rpc        grpc.BidiStreamingClient[pb.FetchRequest, pb.FetchResponse]
	window     int
	owed       int // events taken and not yet asked for again
	silence    time.Duration
	deliveries chan Delivery
	err        error
}

// errSilent is the cause of a call that the stream itself ended.
var errSilent = errors.New("silent")

func (p *PubSub) open(ctx context.Context, topic string, start Start) (*stream, error) {
	if !start.set {
		return nil, fault.New(fault.RequestInvalid, "pubsub.Subscribe", "say where to begin: After the stored position, or Latest if there is none")
	}
	conn, err := p.org.Conn(ctx)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "pubsub.Conn", "no connection to the Pub/Sub endpoint; try again later")
	}
	s := &stream{
		caller: ctx, topic: topic, window: p.options.window(), silence: p.options.silence(),
		deliveries: make(chan Delivery, ahead),
	}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	if s.rpc, err = pb.NewPubSubClient(conn).Subscribe(s.ctx); err != nil {
		s.cancel(nil)
		return nil, failure(ctx, topic, err, nil)
	}
	s.send(&pb.FetchRequest{TopicName: topic, ReplayPreset: start.preset, ReplayId: start.after, NumRequested: int32(s.window)})
	go s.receive()
	return s, nil
}

// close ends the call and waits until nothing of it runs any more.
func (s *stream) close() {
	s.cancel(nil)
	for range s.deliveries {
	}
}

// next returns the next delivery.
func (s *stream) next() (Delivery, error) {
	if s.caller.Err() != nil {
		return Delivery{}, failure(s.caller, s.topic, s.caller.Err(), nil)
	}
	d, ok := <-s.deliveries
	if !ok {
		return Delivery{}, s.err
	}
	s.taken(len(d.Events))
	return d, nil
}

// taken asks again for what the loop takes, before the loop works on it, so that
// more comes meanwhile. While more deliveries wait, requests are put together:
// the window is then far from empty, and a request for each would only cost.
func (s *stream) taken(n int) {
	s.owed += n
	if s.owed > 0 && (len(s.deliveries) == 0 || s.owed >= s.window/4) {
		s.send(&pb.FetchRequest{TopicName: s.topic, NumRequested: int32(min(s.owed, s.window))})
		s.owed = 0
	}
}

// send drops its error: a call that cannot send has ended, and receive learns
// why.
func (s *stream) send(r *pb.FetchRequest) { _ = s.rpc.Send(r) }

// receive passes answers on until the call ends.
func (s *stream) receive() {
	defer close(s.deliveries)
	alarm := time.AfterFunc(s.silence, func() { s.cancel(errSilent) })
	defer alarm.Stop()
	for {
		r, err := s.rpc.Recv()
		if err != nil {
			s.err = s.ended(err)
			return
		}
		alarm.Stop() // a consumer may be slow for longer than a service silent
		select {
		case s.deliveries <- delivery(r):
		case <-s.ctx.Done():
			s.err = s.ended(s.ctx.Err())
			return
		}
		alarm.Reset(s.silence)
	}
}

func (s *stream) ended(err error) error {
	if context.Cause(s.ctx) == errSilent {
		return fault.New(fault.Unavailable, "pubsub.Subscribe", "the service has been silent for too long; subscribe again from the stored position")
	}
	return failure(s.caller, s.topic, err, s.rpc.Trailer())
}

func delivery(r *pb.FetchResponse) Delivery {
	d := Delivery{Latest: r.GetLatestReplayId()}
	if len(r.GetEvents()) > 0 {
		d.Events = make([]Event, len(r.GetEvents()))
	}
	for i, e := range r.GetEvents() {
		d.Events[i] = Event{
			SchemaID: e.GetEvent().GetSchemaId(), ID: e.GetEvent().GetId(),
			ReplayID: e.GetReplayId(), Payload: e.GetEvent().GetPayload(),
		}
	}
	return d
}
