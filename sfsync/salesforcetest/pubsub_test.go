package salesforcetest_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// newOrg starts an org that ends with the test.
func newOrg(t testing.TB, cfg salesforcetest.Config) *salesforcetest.Org {
	t.Helper()
	org, err := salesforcetest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = org.Close() }) // some tests close it before
	return org
}

// bus is a client of the Pub/Sub API as generated, over TLS.
type bus struct {
	pubsubpb.PubSubClient
	org *salesforcetest.Org
	ctx context.Context
}

func dial(t testing.TB, org *salesforcetest.Org) *bus {
	t.Helper()
	conn, err := grpc.NewClient(org.PubSubAddress(), grpc.WithTransportCredentials(credentials.NewTLS(
		&tls.Config{RootCAs: org.Roots(), MinVersion: tls.VersionTLS13})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	ctx = metadata.AppendToOutgoingContext(ctx, "accesstoken", org.AccessToken(), "instanceurl", org.InstanceURL(), "tenantid", org.OrgID())
	return &bus{pubsubpb.NewPubSubClient(conn), org, ctx}
}

type stream = grpc.BidiStreamingClient[pubsubpb.FetchRequest, pubsubpb.FetchResponse]

// send sends a request. To a stream that the org has ended, a request is io.EOF
// (grpc.ClientStream), and what it was ended with is the answer to Recv.
func send[R any](t testing.TB, s interface{ Send(*R) error }, request *R) {
	t.Helper()
	if err := s.Send(request); err != nil && err != io.EOF {
		t.Fatal(err)
	}
}

// subscribe opens a stream with its first request.
func (b *bus) subscribe(t testing.TB, first *pubsubpb.FetchRequest) stream {
	t.Helper()
	s, err := b.Subscribe(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	send(t, s, first)
	return s
}

func (b *bus) earliest(t testing.TB, topic string, n int32) stream {
	t.Helper()
	return b.subscribe(t, &pubsubpb.FetchRequest{TopicName: topic, ReplayPreset: pubsubpb.ReplayPreset_EARLIEST, NumRequested: n})
}

// latest opens a stream at LATEST, which stands when the first response is there.
func (b *bus) latest(t testing.TB, topic string, n int32) (stream, []byte) {
	t.Helper()
	s := b.subscribe(t, &pubsubpb.FetchRequest{TopicName: topic, NumRequested: n})
	r := receive(t, s)
	if len(r.Events) > 0 {
		t.Fatalf("the first response has %d events, want none", len(r.Events))
	}
	return s, r.LatestReplayId
}

func receive(t testing.TB, s stream) *pubsubpb.FetchResponse {
	t.Helper()
	r, err := s.Recv()
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	return r
}

// events receives n events, passing over empty responses.
func events(t testing.TB, s stream, n int) []*pubsubpb.ConsumerEvent {
	t.Helper()
	var all []*pubsubpb.ConsumerEvent
	for len(all) < n {
		all = append(all, receive(t, s).Events...)
	}
	if len(all) != n {
		t.Fatalf("%d events, want %d", len(all), n)
	}
	return all
}

// decode reads an event by the independent library, with the schema of its id.
func (b *bus) decode(t testing.TB, e *pubsubpb.ConsumerEvent) (header, body map[string]any) {
	t.Helper()
	info, err := b.GetSchema(b.ctx, &pubsubpb.SchemaRequest{SchemaId: e.Event.SchemaId})
	if err != nil {
		t.Fatal(err)
	}
	if id, err := salesforcetest.SchemaID([]byte(info.SchemaJson)); err != nil || id != e.Event.SchemaId {
		t.Errorf("the schema of id %s has the fingerprint %s, %v", e.Event.SchemaId, id, err)
	}
	schema, err := avro.Parse(info.SchemaJson)
	if err != nil {
		t.Fatalf("%v in %s", err, info.SchemaJson)
	}
	var all any
	rest, err := schema.Decode(e.Event.Payload, &all)
	if err != nil || len(rest) > 0 {
		t.Fatalf("decode: %v, %d bytes left", err, len(rest))
	}
	body = all.(map[string]any)
	header = body["ChangeEventHeader"].(map[string]any)
	delete(body, "ChangeEventHeader")
	for name, v := range body {
		if v == nil {
			delete(body, name)
		}
	}
	return header, body
}

// refusal is what a stream or call was refused with.
func refusal(err error, trailer metadata.MD) (code codes.Code, suffix string) {
	suffix = strings.Join(trailer["error-code"], ",")
	return status.Code(err), strings.TrimPrefix(suffix, "sfdc.platform.eventbus.grpc.")
}

func TestGetTopic(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	b := dial(t, org)
	for name, c := range map[string]struct {
		topic string
		code  codes.Code
	}{
		"standard object":  {"/data/AccountChangeEvent", codes.OK},
		"all objects":      {"/data/ChangeEvents", codes.OK},
		"not selected":     {"/data/UserChangeEvent", codes.NotFound},
		"case counts":      {"/data/accountChangeEvent", codes.NotFound},
		"no such object":   {"/data/NothingChangeEvent", codes.NotFound},
		"a platform event": {"/event/LoginEventStream", codes.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var trailer metadata.MD
			info, err := b.GetTopic(b.ctx, &pubsubpb.TopicRequest{TopicName: c.topic}, grpc.Trailer(&trailer))
			code, suffix := refusal(err, trailer)
			if code != c.code || code != codes.OK && suffix != "topic.not.found" {
				t.Fatalf("%v, %s; want %v", err, suffix, c.code)
			}
			if code == codes.OK && (info.TopicName != c.topic || !info.CanSubscribe || info.CanPublish || info.RpcId == "") {
				t.Errorf("topic %v", info)
			}
		})
	}
}

func TestSubscribeRefusals(t *testing.T) {
	t.Parallel()
	const topic = "/data/AccountChangeEvent"
	custom := pubsubpb.ReplayPreset_CUSTOM
	replay := func(counter uint64, tail ...byte) []byte {
		return append(binary.BigEndian.AppendUint64(nil, counter), tail...)
	}
	for name, c := range map[string]struct {
		requests []*pubsubpb.FetchRequest
		code     codes.Code
		suffix   string
	}{
		"no events asked for": {[]*pubsubpb.FetchRequest{{TopicName: topic}}, codes.InvalidArgument, "subscription.fetch.requested.events.invalid"},
		"fewer than none":     {[]*pubsubpb.FetchRequest{{TopicName: topic, NumRequested: -1}}, codes.InvalidArgument, "subscription.fetch.requested.events.invalid"},
		"a second request for none": {[]*pubsubpb.FetchRequest{{TopicName: topic, NumRequested: 1}, {}},
			codes.InvalidArgument, "subscription.fetch.requested.events.invalid"},
		"another topic": {[]*pubsubpb.FetchRequest{{TopicName: topic, NumRequested: 1}, {TopicName: "/data/ContactChangeEvent", NumRequested: 1}},
			codes.InvalidArgument, "subscription.fetch.topic.mismatch"},
		"no topic":                {[]*pubsubpb.FetchRequest{{NumRequested: 1}}, codes.InvalidArgument, "topic.validation.empty"},
		"an unknown topic":        {[]*pubsubpb.FetchRequest{{TopicName: "/data/NoneChangeEvent", NumRequested: 1}}, codes.NotFound, "topic.not.found"},
		"custom without an id":    {[]*pubsubpb.FetchRequest{{TopicName: topic, ReplayPreset: custom, NumRequested: 1}}, codes.InvalidArgument, "subscription.fetch.replayid.validation.failed"},
		"an id of three bytes":    {[]*pubsubpb.FetchRequest{{TopicName: topic, ReplayPreset: custom, ReplayId: []byte{1, 2, 3}, NumRequested: 1}}, codes.InvalidArgument, "subscription.fetch.replayid.corrupted"},
		"an id with another tail": {[]*pubsubpb.FetchRequest{{TopicName: topic, ReplayPreset: custom, ReplayId: replay(0x179050, 0, 1), NumRequested: 1}}, codes.InvalidArgument, "subscription.fetch.replayid.corrupted"},
		"an id of another org":    {[]*pubsubpb.FetchRequest{{TopicName: topic, ReplayPreset: custom, ReplayId: replay(7, 0, 0), NumRequested: 1}}, codes.InvalidArgument, "subscription.fetch.replayid.corrupted"},
		"an id yet to come":       {[]*pubsubpb.FetchRequest{{TopicName: topic, ReplayPreset: custom, ReplayId: replay(1<<40, 0, 0), NumRequested: 1}}, codes.InvalidArgument, "subscription.fetch.replayid.corrupted"},
		"no View All":             {[]*pubsubpb.FetchRequest{{TopicName: "/data/CaseChangeEvent", NumRequested: 1}}, codes.PermissionDenied, "subscription.topic.cannot.subscribe"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{})
			org.SetViewAll("Case", false)
			b := dial(t, org)
			s := b.subscribe(t, c.requests[0])
			for _, r := range c.requests[1:] {
				send(t, s, r)
			}
			_, err := drain(s)
			code, suffix := refusal(err, s.Trailer())
			if code != c.code || suffix != c.suffix {
				t.Errorf("%v with %q, want %v with %q", err, suffix, c.code, c.suffix)
			}
			id := s.Trailer()["rpc-id"]
			if len(id) != 1 || !strings.HasSuffix(status.Convert(err).Message(), " rpcId: "+id[0]) {
				t.Errorf("the text %q does not end in the rpc id of the trailer, %q", status.Convert(err).Message(), id)
			}
		})
	}
}

// TestStatusesAreOpen gives calls and streams another status than the usual.
func TestStatusesAreOpen(t *testing.T) {
	t.Parallel()
	b := dial(t, newOrg(t, salesforcetest.Config{PubSub: salesforcetest.PubSub{
		Statuses: map[string]codes.Code{"topic.not.found": codes.PermissionDenied, "service.auth.error": codes.Internal}}}))
	var trailer metadata.MD
	_, err := b.GetTopic(b.ctx, &pubsubpb.TopicRequest{TopicName: "/data/NoneChangeEvent"}, grpc.Trailer(&trailer))
	if code, suffix := refusal(err, trailer); code != codes.PermissionDenied || suffix != "topic.not.found" {
		t.Errorf("GetTopic: %v with %q", err, suffix)
	}
	s := b.earliest(t, "/data/NoneChangeEvent", 1)
	_, err = drain(s)
	if code, suffix := refusal(err, s.Trailer()); code != codes.PermissionDenied || suffix != "topic.not.found" {
		t.Errorf("Subscribe: %v with %q", err, suffix)
	}
	b.org.ExpireTokens()
	if _, err := b.GetTopic(b.ctx, &pubsubpb.TopicRequest{TopicName: accounts}); status.Code(err) != codes.Internal {
		t.Errorf("without a token: %v", err)
	}
}

// TestRefusesCalls switches on what refuses every call, or every stream above a
// number, and off again.
func TestRefusesCalls(t *testing.T) {
	t.Parallel()
	for suffix, c := range map[string]struct {
		bus   salesforcetest.PubSub
		usual codes.Code
		calls bool // also those that are no streams
	}{
		"service.tenant.license":           {salesforcetest.PubSub{Unlicensed: true}, codes.PermissionDenied, true},
		"service.protection.triggered":     {salesforcetest.PubSub{Throttled: true}, codes.ResourceExhausted, true},
		"concurrent.client.limit.exceeded": {salesforcetest.PubSub{MaxStreams: 1}, codes.ResourceExhausted, false},
	} {
		for _, other := range []codes.Code{codes.OK, codes.FailedPrecondition} {
			t.Run(fmt.Sprint(suffix, "/", other), func(t *testing.T) {
				t.Parallel()
				b := dial(t, newOrg(t, salesforcetest.Config{}))
				open, _ := b.latest(t, accounts, 1)
				want, bus := c.usual, c.bus
				if other != codes.OK {
					want, bus.Statuses = other, map[string]codes.Code{suffix: other}
				}
				b.org.SetPubSub(bus)
				s := b.earliest(t, accounts, 1)
				_, err := drain(s)
				if code, got := refusal(err, s.Trailer()); code != want || got != suffix {
					t.Errorf("Subscribe: %v with %q", err, got)
				}
				var trailer metadata.MD
				_, err = b.GetTopic(b.ctx, &pubsubpb.TopicRequest{TopicName: accounts}, grpc.Trailer(&trailer))
				if code, got := refusal(err, trailer); c.calls && (code != want || got != suffix) || !c.calls && err != nil {
					t.Errorf("GetTopic: %v with %q", err, got)
				}
				b.org.SetPubSub(salesforcetest.PubSub{})
				b.org.Insert("Account", map[string]any{"Name": "Heard"})
				events(t, open, 1)
				events(t, b.earliest(t, accounts, 1), 1)
			})
		}
	}
}

// TestSchemasAreOpen has GetSchema know nothing, or answer what the id is not the
// fingerprint of.
func TestSchemasAreOpen(t *testing.T) {
	t.Parallel()
	b := dial(t, newOrg(t, salesforcetest.Config{}))
	topic, err := b.GetTopic(b.ctx, &pubsubpb.TopicRequest{TopicName: accounts})
	if err != nil {
		t.Fatal(err)
	}
	for _, odd := range []bool{false, true} {
		b.org.SetPubSub(salesforcetest.PubSub{OddSchemas: odd})
		info, err := b.GetSchema(b.ctx, &pubsubpb.SchemaRequest{SchemaId: topic.SchemaId})
		if err != nil {
			t.Fatal(err)
		}
		if id, err := salesforcetest.SchemaID([]byte(info.SchemaJson)); err != nil || (id != topic.SchemaId) != odd {
			t.Errorf("the schema of %s is %s, %v", topic.SchemaId, id, err)
		}
	}
	b.org.SetPubSub(salesforcetest.PubSub{NoSchemas: true})
	if _, err := b.GetSchema(b.ctx, &pubsubpb.SchemaRequest{SchemaId: topic.SchemaId}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("without schemas: %v", err)
	}
}

// TestSettle has a stream at LATEST miss what is published while it settles.
func TestSettle(t *testing.T) {
	t.Parallel()
	const settle = 2 * time.Second
	org := newOrg(t, salesforcetest.Config{PubSub: salesforcetest.PubSub{Settle: settle}})
	b := dial(t, org)
	begin := time.Now()
	s := b.subscribe(t, &pubsubpb.FetchRequest{TopicName: accounts, NumRequested: 10})
	org.Insert("Account", map[string]any{"Name": "Missed"})
	if r := receive(t, s); len(r.Events) > 0 || time.Since(begin) < settle {
		t.Fatalf("after %v the first response is %v", time.Since(begin), r)
	}
	org.Insert("Account", map[string]any{"Name": "Heard"})
	if _, body := b.decode(t, events(t, s, 1)[0]); body["Name"] != "Heard" {
		t.Errorf("the stream begins with %v", body["Name"])
	}
}

// drain receives until the stream ends.
func drain(s stream) (n int, err error) {
	for {
		r, err := s.Recv()
		if err != nil {
			return n, err
		}
		n += len(r.Events)
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	b := dial(t, org)
	token, instance := org.AccessToken(), org.InstanceURL()
	for name, c := range map[string]struct {
		pairs  []string
		code   codes.Code
		suffix string
	}{
		"an org id of 15 characters": {[]string{"accesstoken", token, "instanceurl", instance, "tenantid", org.OrgID()[:15]}, codes.OK, ""},
		"a bad token":                {[]string{"accesstoken", "x", "instanceurl", instance, "tenantid", org.OrgID()}, codes.Unauthenticated, "service.auth.error"},
		"another org":                {[]string{"accesstoken", token, "instanceurl", instance, "tenantid", "00D000000000001AAA"}, codes.Unauthenticated, "service.auth.error"},
		"no token":                   {[]string{"instanceurl", instance, "tenantid", org.OrgID()}, codes.Unauthenticated, "service.auth.headers.invalid"},
		"no tenant":                  {[]string{"accesstoken", token, "instanceurl", instance}, codes.Unauthenticated, "service.auth.headers.invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var trailer metadata.MD
			ctx := metadata.NewOutgoingContext(t.Context(), metadata.Pairs(c.pairs...))
			_, err := b.GetTopic(ctx, &pubsubpb.TopicRequest{TopicName: "/data/ChangeEvents"}, grpc.Trailer(&trailer))
			if code, suffix := refusal(err, trailer); code != c.code || suffix != c.suffix {
				t.Errorf("%v with %q, want %v with %q", err, suffix, c.code, c.suffix)
			}
		})
	}
}

func TestPublishIsRefused(t *testing.T) {
	t.Parallel()
	b := dial(t, newOrg(t, salesforcetest.Config{}))
	_, err := b.Publish(b.ctx, &pubsubpb.PublishRequest{TopicName: "/data/ChangeEvents"})
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("publish: %v, want PermissionDenied", err)
	}
}

func TestRevokedTokenEndsStreams(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	s, _ := dial(t, org).latest(t, "/data/AccountChangeEvent", 10)
	org.ExpireTokens()
	_, err := drain(s)
	if code, suffix := refusal(err, s.Trailer()); code != codes.Unauthenticated || suffix != "service.auth.error" {
		t.Errorf("%v with %q, want Unauthenticated with service.auth.error", err, suffix)
	}
}

func TestLostViewAllEndsStreams(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	b := dial(t, org)
	s, _ := b.latest(t, "/data/AccountChangeEvent", 10)
	all, _ := b.latest(t, "/data/ChangeEvents", 10)
	org.SetViewAll("Account", false)
	org.Insert("Account", map[string]any{"Name": "Unseen"})
	org.Insert("Contact", map[string]any{"LastName": "Seen"})
	_, err := drain(s)
	if code, suffix := refusal(err, s.Trailer()); code != codes.PermissionDenied || suffix != "subscription.topic.cannot.subscribe" {
		t.Errorf("%v with %q, want PermissionDenied with subscription.topic.cannot.subscribe", err, suffix)
	}
	if header, _ := b.decode(t, events(t, all, 1)[0]); header["entityName"] != "Contact" {
		t.Errorf("the channel of all objects delivers %v, want it to leave Account out", header["entityName"])
	}
}
