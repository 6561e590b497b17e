package pubsub

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	pb "github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// The guide advises a deadline on unary calls ("Set a deadline"), ten minutes at
// most. A schema or topic that takes longer than this does not come.
const unaryDeadline = 30 * time.Second

// Options adjust a PubSub. The zero value suits the service.
type Options struct {
	// Window is how many events may be outstanding on a subscription: asked for,
	// and not yet taken by the loop. 0 is 100, the most that the service grants
	// (Pub/Sub API guide, "Event allocations"); it treats more as 100.
	Window int
	// Silence is how long a subscription waits for any answer before it ends with
	// Unavailable. 0 is 5 minutes: the service answers every 270 seconds even
	// with nothing to say (eventbus.v1, FetchResponse).
	Silence time.Duration
}

func (o Options) window() int {
	if o.Window <= 0 {
		return 100
	}
	return o.Window
}

func (o Options) silence() time.Duration {
	if o.Silence <= 0 {
		return 5 * time.Minute
	}
	return o.Silence
}

// Connector gives the connection to an org's Pub/Sub endpoint, with the session
// as call credentials. *salesforce.Org is one.
type Connector interface {
	Conn(ctx context.Context) (*grpc.ClientConn, error)
}

// PubSub calls the Pub/Sub API of one org. It is safe for concurrent use.
type PubSub struct {
	org     Connector
	options Options
}

// New returns a PubSub for the org. It does no I/O.
func New(org Connector, options Options) *PubSub {
	return &PubSub{org: org, options: options}
}

// Topic is what the service says about a topic.
type Topic struct {
	// Name is the topic's name, as asked for.
	Name string
	// SchemaID is the schema of the topic's events at present; "" on a channel of
	// several objects. Events name their own.
	SchemaID string
}

// Topic asks for a topic by name, such as /data/ContactChangeEvent: it exists
// (NotSelected otherwise) and the user may subscribe to it (Denied otherwise).
func (p *PubSub) Topic(ctx context.Context, name string) (Topic, error) {
	info, err := unary(ctx, p.org, name, func(ctx context.Context, c pb.PubSubClient, trailer grpc.CallOption) (*pb.TopicInfo, error) {
		return c.GetTopic(ctx, &pb.TopicRequest{TopicName: name}, trailer)
	})
	if err != nil {
		return Topic{}, err
	}
	if !info.GetCanSubscribe() {
		return Topic{}, cannotSubscribe().On(object(name))
	}
	return Topic{Name: name, SchemaID: info.GetSchemaId()}, nil
}

// Schema returns the Avro schema with the given id, as JSON. An id names one
// schema for good, so the answer may be kept.
func (p *PubSub) Schema(ctx context.Context, id string) ([]byte, error) {
	info, err := unary(ctx, p.org, "", func(ctx context.Context, c pb.PubSubClient, trailer grpc.CallOption) (*pb.SchemaInfo, error) {
		return c.GetSchema(ctx, &pb.SchemaRequest{SchemaId: id}, trailer)
	})
	if err != nil {
		return nil, err
	}
	if info.GetSchemaId() != id || info.GetSchemaJson() == "" {
		return nil, fault.New(fault.ResponseInvalid, "pubsub.Schema", "the answer is not the schema asked for; try again, and report it if it stays")
	}
	return []byte(info.GetSchemaJson()), nil
}

// unary makes one call under the deadline. An answer's size is bounded by the
// connection, like that of every message.
func unary[T any](ctx context.Context, org Connector, topic string, call func(context.Context, pb.PubSubClient, grpc.CallOption) (T, error)) (answer T, err error) {
	ctx, cancel := context.WithTimeout(ctx, unaryDeadline)
	defer cancel()
	conn, err := org.Conn(ctx)
	if err != nil {
		return answer, fault.Wrap(err, fault.Unavailable, "pubsub.Conn", "no connection to the Pub/Sub endpoint; try again later")
	}
	var trailer metadata.MD
	if answer, err = call(ctx, pb.NewPubSubClient(conn), grpc.Trailer(&trailer)); err != nil {
		return answer, failure(ctx, topic, err, trailer)
	}
	return answer, nil
}
