package main

import (
	"context"
	"slices"
	"time"

	pb "github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/rest"
)

// changed is what the events say: two fields of a contact, two of an order.
var changed = []Update{
	{Object: "Contact", Fields: map[string]string{"MailingCity": "Springfield", "MobilePhone": "+12015550123"}},
	{Object: "Order", Fields: map[string]string{"Status": "Activated", "ShippingCity": "Springfield"}},
}

// flood has the topics of the objects deliver n events each, of so many records.
func (b *bench) flood(objects, records, n int) error {
	for _, u := range changed[:objects] {
		u.Records = records
		if err := b.org.do("Update", u); err != nil {
			return err
		}
		if err := b.org.do("Flood", Flood{u.Object, n}); err != nil {
			return err
		}
	}
	return nil
}

// calm ends the floods.
func (b *bench) calm() error {
	for _, u := range changed {
		if err := b.org.do("Flood", Flood{u.Object, 0}); err != nil {
			return err
		}
	}
	return nil
}

// subscribe measures events received and projected, beside the generated gRPC
// client on the same connection, which asks again and looks at nothing. The two
// take turns, and the medians count.
func (b *bench) subscribe(ctx context.Context) ([]line, error) {
	n := b.size(300_000)
	if _, err := b.people(b.size(20_000)); err != nil {
		return nil, err
	}
	if err := b.flood(1, b.size(2_000), 1<<30); err != nil {
		return nil, err
	}
	client, err := b.client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var ours, bare []work
	for range 3 {
		w, err := received(ctx, client, topicOf("Contact"), n)
		if err != nil {
			return nil, err
		}
		bare = append(bare, w)
		if w, err = b.projected(ctx, client, topicOf("Contact"), n); err != nil {
			return nil, err
		}
		ours = append(ours, w)
	}
	o, l := median(ours), median(bare)
	return []line{{"Subscribe to projected change", o.speed("events"), "bare gRPC receive: " + l.speed("events"), percent(o.rate(), l.rate()), "80%",
		"updates of 2 fields of Contacts; both have 100 events outstanding"}}, b.calm()
}

func (b *bench) client() (*salesforce.Org, error) {
	env, err := salesforce.FromEnv(b.org.getenv)
	if err != nil {
		return nil, err
	}
	return salesforce.New(env)
}

func median(list []work) work {
	slices.SortFunc(list, func(a, b work) int { return int(a.Elapsed - b.Elapsed) })
	return list[len(list)/2]
}

// received is the bare limit: the generated client and nothing else.
func received(ctx context.Context, client *salesforce.Org, topic string, n int) (w work, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := client.Conn(ctx)
	if err != nil {
		return w, err
	}
	stream, err := pb.NewPubSubClient(conn).Subscribe(ctx)
	if err != nil {
		return w, err
	}
	start, cpu := time.Now(), cpuTime()
	err = stream.Send(&pb.FetchRequest{TopicName: topic, NumRequested: 100})
	for err == nil && w.Rows < n {
		var r *pb.FetchResponse
		if r, err = stream.Recv(); err == nil && len(r.Events) > 0 {
			w.Rows += len(r.Events)
			err = stream.Send(&pb.FetchRequest{TopicName: topic, NumRequested: int32(len(r.Events))})
		}
	}
	w.Elapsed, w.CPU = time.Since(start), cpuTime()-cpu
	return w, err
}

// projected receives as the engine does and decodes what the policy lists.
func (b *bench) projected(ctx context.Context, client *salesforce.Org, topic string, n int) (w work, err error) {
	table, err := compiled(ctx, client)
	if err != nil {
		return w, err
	}
	bus, change := pubsub.New(client, pubsub.Options{}), minimize.NewChange()
	projections := map[string]*minimize.EventProjection{}
	start, cpu := time.Now(), cpuTime()
	for d, err := range bus.Subscribe(ctx, topic, pubsub.Latest()) {
		if err != nil {
			return w, err
		}
		for _, e := range d.Events {
			p := projections[e.SchemaID]
			if p == nil {
				if p, err = projection(ctx, bus, table, e.SchemaID); err != nil {
					return w, err
				}
				projections[e.SchemaID] = p
			}
			if err := p.Decode(change, e.Payload); err != nil {
				return w, err
			}
		}
		if w.Rows += len(d.Events); w.Rows >= n {
			break
		}
	}
	w.Elapsed, w.CPU = time.Since(start), cpuTime()-cpu
	return w, nil
}

// compiled fits the policy for contacts to the org.
func compiled(ctx context.Context, client *salesforce.Org) (*minimize.Table, error) {
	describe, err := rest.New(client).Describe(ctx, "Contact")
	if err != nil {
		return nil, err
	}
	text, err := policies.ReadFile("contact.yaml")
	if err != nil {
		return nil, err
	}
	policy, err := minimize.Parse(text)
	if err != nil {
		return nil, err
	}
	return policy.Compile("Contact", describe)
}

func projection(ctx context.Context, bus *pubsub.PubSub, table *minimize.Table, id string) (*minimize.EventProjection, error) {
	schema, err := bus.Schema(ctx, id)
	if err != nil {
		return nil, err
	}
	return table.Events(schema)
}

// roundTrip measures one stream over a line of 50 ms, 25 each way. A hundred
// events may be outstanding, so twenty hundreds a second is all that fits.
func (b *bench) roundTrip(ctx context.Context) ([]line, error) {
	if _, err := b.people(b.size(20_000)); err != nil {
		return nil, err
	}
	if err := b.flood(1, 100, 1<<30); err != nil {
		return nil, err
	}
	if err := b.org.do("RoundTrip", 50*time.Millisecond); err != nil {
		return nil, err
	}
	client, err := b.client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	w, err := b.projected(ctx, client, topicOf("Contact"), b.size(10_000))
	if err != nil {
		return nil, err
	}
	if err := b.org.do("RoundTrip", time.Duration(0)); err != nil {
		return nil, err
	}
	return []line{{"one stream at a round trip of 50 ms", w.speed("events"), "all that fits: 2,000 events/s", percent(w.rate(), 2000), "1,900 events/s",
		"received and projected, 100 events outstanding"}}, b.calm()
}
