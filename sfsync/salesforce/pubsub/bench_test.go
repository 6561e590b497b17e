package pubsub_test

import (
	"fmt"
	"testing"

	pb "github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// BenchmarkSubscribe counts events a second on loopback beside the bare limit:
// the generated client on the same connection, which asks again for each
// response and looks at nothing. The goal is 80% of it.
func BenchmarkSubscribe(b *testing.B) {
	for _, window := range []int{100, 500} {
		org, client := newOrg(b, salesforcetest.PubSub{Cap: window})
		insert(org, 50)
		if err := org.Flood(topic, 1<<40); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("window=%d/bare", window), func(b *testing.B) {
			conn, err := client.Conn(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			stream, err := pb.NewPubSubClient(conn).Subscribe(b.Context())
			if err == nil {
				err = stream.Send(&pb.FetchRequest{TopicName: topic, NumRequested: int32(window)})
			}
			if err != nil {
				b.Fatal(err)
			}
			measure(b, func() int {
				r, err := stream.Recv()
				if err == nil && len(r.Events) > 0 {
					err = stream.Send(&pb.FetchRequest{NumRequested: int32(len(r.Events))})
				}
				if err != nil {
					b.Fatal(err)
				}
				return len(r.Events)
			})
		})
		b.Run(fmt.Sprintf("window=%d/subscribe", window), func(b *testing.B) {
			bus := pubsub.New(client, pubsub.Options{Window: window})
			b.ReportAllocs()
			taken, bytes := 0, 0
			for d, err := range bus.Subscribe(b.Context(), topic, pubsub.Latest()) {
				if err != nil {
					b.Fatal(err)
				}
				if taken == 0 {
					b.ResetTimer()
				}
				for _, e := range d.Events {
					bytes += len(e.Payload)
				}
				if taken += len(d.Events); taken >= b.N {
					break
				}
			}
			b.ReportMetric(float64(taken)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(bytes)/float64(taken), "B/event")
		})
	}
}

// measure takes b.N events.
func measure(b *testing.B, next func() int) {
	b.ReportAllocs()
	next()
	b.ResetTimer()
	taken := 0
	for taken < b.N {
		taken += next()
	}
	b.ReportMetric(float64(taken)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkRoundTrip is the rate of one stream at 50 ms a round trip and 100
// events outstanding, of which 2,000 is the most there can be.
func BenchmarkRoundTrip(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(roundTripRate(b, 6_000), "events/s")
	}
}
