package pubsub

import (
	"context"
	"iter"
	"time"

	"google.golang.org/grpc"

	pb "github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Start says where a subscription begins. The zero value is refused: it must not
// become LATEST by accident, which loses events.
type Start struct {
	preset pb.ReplayPreset
	after  []byte
	set    bool

	window int // 0 is that of the Options
	double time.Duration
}

// Latest begins with the events published after the subscription does. The
// first delivery, which may take 270 seconds, says which position that is.
func Latest() Start { return Start{preset: pb.ReplayPreset_LATEST, set: true} }

// After begins with the first event behind the given replay id, strictly. The
// id is opaque and comes from an [Event] or a [Delivery].
func After(replayID []byte) Start {
	return Start{preset: pb.ReplayPreset_CUSTOM, after: replayID, set: len(replayID) > 0}
}

// Within is the start with a smaller window, which doubles each time the
// subscription has lasted for double without ending, up to [Options.Window].
// Events on their way are delivered again after a cut, and count again against
// the org's event deliveries: a smaller window costs fewer.
func (s Start) Within(window int, double time.Duration) Start {
	s.window, s.double = window, double
	return s
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
		if !start.set {
			yield(Delivery{}, fault.New(fault.RequestInvalid, "pubsub.Subscribe", "say where to begin: After the stored position, or Latest if there is none"))
			return
		}
		first := p.options.window()
		if start.window > 0 {
			first = min(first, start.window)
		}
		s, err := p.open(ctx, topic, ahead, func(ctx context.Context, client pb.PubSubClient) (call, error) {
			rpc, err := client.Subscribe(ctx)
			if err != nil {
				return nil, err
			}
			_ = rpc.Send(&pb.FetchRequest{TopicName: topic, ReplayPreset: start.preset, ReplayId: start.after, NumRequested: int32(first)})
			return subscribed{rpc, topic}, nil
		})
		if err == nil && first < s.window {
			s.grow = growth{limit: s.window, every: start.double, at: time.Now()}
			s.window = first
		}
		s.pass(err, yield)
	}
}

// subscribed is a Subscribe call.
type subscribed struct {
	grpc.BidiStreamingClient[pb.FetchRequest, pb.FetchResponse]
	topic string
}

func (c subscribed) ask(n int) {
	_ = c.Send(&pb.FetchRequest{TopicName: c.topic, NumRequested: int32(n)})
}

func (c subscribed) receive() (Delivery, error) {
	r, err := c.Recv()
	return delivery(r), err
}

// answer is what the answers of both calls have in common.
type answer interface {
	GetEvents() []*pb.ConsumerEvent
	GetLatestReplayId() []byte
}

func delivery(r answer) Delivery {
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
