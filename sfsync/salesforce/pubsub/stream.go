package pubsub

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/metadata"

	pb "github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Deliveries that are received before the loop asks for them. Few, since each
// may be 3 MB (Pub/Sub API guide, "Event allocations"); behind them gRPC's own
// flow control holds the service back.
const ahead = 8

// call is a Subscribe or a ManagedSubscribe call whose first request is sent. A
// request that cannot be sent is dropped: the call has ended then, and receive
// says why.
type call interface {
	ask(n int)                  // for n more events
	receive() (Delivery, error) // the next answer; the zero Delivery is nothing to pass on
	Trailer() metadata.MD
}

// stream moves deliveries from a call to a loop. The loop owns it; the goroutine
// of receive owns call.receive and err until it closes deliveries.
type stream struct {
	caller context.Context // of the loop
	ctx    context.Context // of the call: ends with the loop, or in silence
	cancel context.CancelCauseFunc

	topic      string // "" if the call does not name it
	call       call
	window     int
	owed       int // events taken and not yet asked for again
	grow       growth
	silence    time.Duration
	deliveries chan Delivery
	err        error
}

// growth is how a window that began small becomes larger.
type growth struct {
	limit int
	every time.Duration
	at    time.Time // of the last time
}

// grown doubles the window if it is time, and owes the difference.
func (s *stream) grown() {
	if g := &s.grow; s.window < g.limit && time.Since(g.at) >= g.every {
		more := min(s.window, g.limit-s.window)
		s.window, s.owed, g.at = s.window+more, s.owed+more, time.Now()
	}
}

// errSilent is the cause of a call that the stream itself ended.
var errSilent = errors.New("silent")

// open begins a call. At most room deliveries wait for the loop.
func (p *PubSub) open(ctx context.Context, topic string, room int, begin func(context.Context, pb.PubSubClient) (call, error)) (*stream, error) {
	conn, err := p.org.Conn(ctx)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "pubsub.Conn", "no connection to the Pub/Sub endpoint; try again later")
	}
	s := &stream{
		caller: ctx, topic: topic, window: p.options.window(), silence: p.options.silence(),
		deliveries: make(chan Delivery, room),
	}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	if s.call, err = begin(s.ctx, pb.NewPubSubClient(conn)); err != nil {
		s.cancel(nil)
		return nil, failure(ctx, topic, err, nil)
	}
	go s.receive()
	return s, nil
}

// pass hands the deliveries to a loop until it leaves or the call ends, which
// may be before it began, with err.
func (s *stream) pass(err error, yield func(Delivery, error) bool) {
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
	s.grown()
	if s.owed > 0 && (len(s.deliveries) == 0 || s.owed >= s.window/4) {
		s.call.ask(min(s.owed, s.window))
		s.owed = 0
	}
}

// receive passes answers on until the call ends.
func (s *stream) receive() {
	defer close(s.deliveries)
	alarm := time.AfterFunc(s.silence, func() { s.cancel(errSilent) })
	defer alarm.Stop()
	for {
		d, err := s.call.receive()
		if err != nil {
			s.err = s.ended(err)
			return
		}
		alarm.Stop() // a consumer may be slow for longer than a service silent
		if !s.hand(d) {
			s.err = s.ended(s.ctx.Err())
			return
		}
		alarm.Reset(s.silence)
	}
}

// hand gives a delivery to the loop, and reports false if the loop has ended.
// An answer that only says where the stream stands is left out while the loop is
// so far behind that a later one will say it.
func (s *stream) hand(d Delivery) bool {
	if len(d.Events) == 0 && (d.Latest == nil || len(s.deliveries) == cap(s.deliveries)) {
		return true
	}
	select {
	case s.deliveries <- d:
		return true
	case <-s.ctx.Done():
		return false
	}
}

func (s *stream) ended(err error) error {
	if context.Cause(s.ctx) == errSilent {
		return fault.New(fault.Unavailable, "pubsub.Subscribe", "the service has been silent for too long; subscribe again from the stored position")
	}
	return failure(s.caller, s.topic, err, s.call.Trailer())
}
