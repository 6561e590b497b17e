package pubsub

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"

	pb "github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Subscription names a managed event subscription of the org, by one of its
// fields: the record's id, 15 or 18 characters, or its developer name (Tooling
// API, ManagedEventSubscription).
type Subscription struct{ ID, DeveloperName string }

// Managed is a managed event subscription: the service keeps its position, which
// is the last one committed (Pub/Sub API guide, ManagedSubscribe RPC, beta).
// Its methods are safe for concurrent use, but one loop at a time.
//
// A caller that stores rows commits only what its own store has committed, and
// takes its own position for the true one: when the position expires, the
// service goes on where the subscription's errorRecoveryReplay says, without a
// word, and events are missing or come again.
type Managed struct {
	bus  *PubSub
	name Subscription
	loop sync.Mutex // held by the loop under way
	call atomic.Pointer[managed]
}

// Managed returns the named subscription. It does no I/O.
func (p *PubSub) Managed(s Subscription) *Managed { return &Managed{bus: p, name: s} }

// Deliveries yields what comes after the committed position, like
// [PubSub.Subscribe]; up to [Options.Window] events may be in memory. Some faults
// are its own: Conflict says that another client is connected, or was until its
// connection broke, which the service may notice only after 15 minutes;
// NotFound, that there is no such subscription; ConfigInvalid, that it is
// stopped.
func (m *Managed) Deliveries(ctx context.Context) iter.Seq2[Delivery, error] {
	return func(yield func(Delivery, error) bool) {
		if (m.name.ID == "") == (m.name.DeveloperName == "") {
			yield(Delivery{}, fault.New(fault.RequestInvalid, "pubsub.Managed", "name the subscription by its id or by its developer name, and not by both"))
			return
		}
		if !m.loop.TryLock() {
			yield(Delivery{}, fault.New(fault.Conflict, "pubsub.Managed", "leave the loop that is under way first; one client at a time may be connected"))
			return
		}
		defer m.loop.Unlock()
		defer m.call.Store(nil)
		// Room for a whole window: the answer to a Commit that the loop waits
		// for may be behind events that it has not taken.
		s, err := m.bus.open(ctx, "", m.bus.options.window()+ahead, m.begin)
		s.pass(err, yield)
	}
}

func (m *Managed) begin(ctx context.Context, client pb.PubSubClient) (call, error) {
	rpc, err := client.ManagedSubscribe(ctx)
	if err != nil {
		return nil, err
	}
	c := &managed{BidiStreamingClient: rpc}
	c.send(&pb.ManagedFetchRequest{SubscriptionId: m.name.ID, DeveloperName: m.name.DeveloperName, NumRequested: int32(m.bus.options.window())})
	m.call.Store(c)
	return c, nil
}

// Commit makes a position that the loop under way has delivered the one to go on
// from, and returns when the service has answered: nil, or RequestInvalid if it
// does not take the position, after which the stream goes on all the same. The
// position is that of an [Event], or of a [Delivery] without events. On an
// enriched channel, where events share one, it is safe once an event with another
// has come. Without an answer for 30 seconds Commit returns Timeout; commit that
// position or a later one again.
func (m *Managed) Commit(ctx context.Context, replayID []byte) error {
	c := m.call.Load()
	if c == nil || len(replayID) == 0 {
		return fault.New(fault.RequestInvalid, "pubsub.Commit", "commit a position that a loop over Deliveries has given, before the loop is left")
	}
	ctx, cancel := context.WithTimeout(ctx, unaryDeadline)
	defer cancel()
	answer := c.commit(replayID)
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Timeout, "pubsub.Commit", "the service has not said whether it committed the position; commit it or a later one again")
	case <-c.Context().Done():
	}
	select { // it may have come with the end
	case err := <-answer:
		return err
	default:
		return fault.New(fault.Unavailable, "pubsub.Commit", "the stream ended first; events that were not committed come again with the next one")
	}
}

// managed is a ManagedSubscribe call.
type managed struct {
	grpc.BidiStreamingClient[pb.ManagedFetchRequest, pb.ManagedFetchResponse]
	sending sync.Mutex // one request at a time, and commits in the order of waiting

	mu      sync.Mutex
	count   int
	waiting []commit // in the order of their requests
}

// commit is a request that the service has not answered.
type commit struct {
	id     string
	answer chan error // has room for one
}

func (c *managed) ask(n int) { c.send(&pb.ManagedFetchRequest{NumRequested: int32(n)}) }

func (c *managed) send(r *pb.ManagedFetchRequest) {
	c.sending.Lock()
	defer c.sending.Unlock()
	_ = c.Send(r)
}

// commit sends a request and returns where its answer comes.
func (c *managed) commit(replayID []byte) <-chan error {
	c.sending.Lock()
	defer c.sending.Unlock()
	w := c.wait()
	_ = c.Send(&pb.ManagedFetchRequest{CommitReplayIdRequest: &pb.CommitReplayRequest{CommitRequestId: w.id, ReplayId: replayID}})
	return w.answer
}

func (c *managed) wait() commit {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	w := commit{id: strconv.Itoa(c.count), answer: make(chan error, 1)}
	c.waiting = append(c.waiting, w)
	return w
}

func (c *managed) receive() (Delivery, error) {
	r, err := c.Recv()
	if err != nil {
		return Delivery{}, err
	}
	if r.GetCommitResponse() == nil {
		return delivery(r), nil
	}
	c.answered(r.GetCommitResponse())
	if len(r.GetEvents()) == 0 { // it says nothing of the stream
		return Delivery{}, nil
	}
	return delivery(r), nil
}

// answered passes an answer on to its request and to all before it: the service
// puts commits together and answers the last (eventbus.v1, CommitReplayResponse).
func (c *managed) answered(r *pb.CommitReplayResponse) {
	var err error
	if r.GetError() != nil {
		err = fault.New(fault.RequestInvalid, "pubsub.Commit", "the service did not take the position; commit one that this loop has delivered, no older than the last and within the retention of 72 hours")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 1 + slices.IndexFunc(c.waiting, func(w commit) bool { return w.id == r.GetCommitRequestId() })
	for _, w := range c.waiting[:n] {
		w.answer <- err
	}
	c.waiting = slices.Delete(c.waiting, 0, n)
}
