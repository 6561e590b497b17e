package salesforcetest_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// schemas are the captured schemas whose ids were on the wire.
func schemas(t testing.TB) [][]byte {
	var all [][]byte
	for _, name := range []string{"2023-05", "2023-07", "2026-02.matched"} {
		all = append(all, captured(t, "captured-events/AccountChangeEvent."+name+".avsc"))
	}
	return all
}

// golden are the captured events with what they decode to.
type golden struct {
	EventID, SchemaID, ReplayIDHex, PayloadBase64 string
	Decoded                                       map[string]any
	ChangedFieldNames                             []string
}

func goldens(t testing.TB) ([]golden, []*pubsubpb.FetchResponse) {
	t.Helper()
	var all []golden
	if err := json.Unmarshal(captured(t, "golden_cdc_vectors.json"), &all); err != nil || len(all) == 0 {
		t.Fatalf("%d vectors, %v", len(all), err)
	}
	var responses []*pubsubpb.FetchResponse
	for _, g := range all {
		payload, err := base64.StdEncoding.DecodeString(g.PayloadBase64)
		if err != nil {
			t.Fatal(err)
		}
		id, err := hex.DecodeString(g.ReplayIDHex)
		if err != nil {
			t.Fatal(err)
		}
		responses = append(responses, &pubsubpb.FetchResponse{LatestReplayId: id, RpcId: "r", PendingNumRequested: 9, Events: []*pubsubpb.ConsumerEvent{
			{ReplayId: id, Event: &pubsubpb.ProducerEvent{Id: g.EventID, SchemaId: g.SchemaID, Payload: payload}}}})
	}
	return all, responses
}

func TestReplayOfCaptures(t *testing.T) {
	t.Parallel()
	vectors, responses := goldens(t)
	org := newOrg(t, salesforcetest.Config{})
	if err := org.Replay(accounts, schemas(t), responses); err != nil {
		t.Fatal(err)
	}
	b := dial(t, org)
	s := b.earliest(t, accounts, 100)
	for i, want := range responses {
		got := receive(t, s)
		if !proto.Equal(got, want) {
			t.Errorf("response %d is %v, want %v", i, got, want)
		}
		header, body := b.decode(t, got.Events[0])
		if want := vectors[i].Decoded["ChangeEventHeader"].(map[string]any); header["transactionKey"] != want["transactionKey"] {
			t.Errorf("vector %d decodes to %v, want %v", i, header, want)
		}
		if len(body) != len(vectors[i].Decoded)-1 {
			t.Errorf("vector %d has the fields %v", i, body)
		}
		slices.Sort(vectors[i].ChangedFieldNames)
		if got := b.names(t, got.Events[0], header["changedFields"]); len(got)+len(vectors[i].ChangedFieldNames) > 0 && !reflect.DeepEqual(got, vectors[i].ChangedFieldNames) {
			t.Errorf("vector %d changed %v, want %v", i, got, vectors[i].ChangedFieldNames)
		}
	}
	resumed := b.subscribe(t, &pubsubpb.FetchRequest{TopicName: accounts, ReplayPreset: pubsubpb.ReplayPreset_CUSTOM,
		ReplayId: responses[1].LatestReplayId, NumRequested: 1})
	if got := receive(t, resumed); !proto.Equal(got, responses[2]) {
		t.Errorf("after response 1 comes %v", got)
	}
	unknown := b.subscribe(t, &pubsubpb.FetchRequest{TopicName: accounts, ReplayPreset: pubsubpb.ReplayPreset_CUSTOM, ReplayId: make([]byte, 10), NumRequested: 1})
	if _, err := drain(unknown); status.Code(err) != codes.InvalidArgument {
		t.Errorf("an id that is not in the captures: %v", err)
	}
	if info, err := b.GetTopic(b.ctx, &pubsubpb.TopicRequest{TopicName: accounts}); err != nil || info.SchemaId != vectors[0].SchemaID {
		t.Errorf("topic %v, %v", info, err)
	}
}

func TestParseCapture(t *testing.T) {
	t.Parallel()
	vectors, responses := goldens(t)
	for name, c := range map[string]struct{ events, vector int }{
		"AccountUpdateEvents.json":   {1, 3},
		"AccountCreationEvents.json": {3, 1},
		"EventBod.json":              {1, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := salesforcetest.ParseCapture(captured(t, "captured-events/"+name))
			if err != nil || len(got) != 1 || len(got[0].Events) != c.events {
				t.Fatalf("%v, %v", got, err)
			}
			if want := responses[c.vector].Events[0]; !proto.Equal(got[0].Events[0], want) {
				t.Errorf("the first event is %v, want that of vector %s", got[0].Events[0], vectors[c.vector].EventID)
			}
		})
	}
	for _, bad := range []string{"", "7", `{"events":[{"replayId":[256]}]}`, `[{"replayId":"%"}]`} {
		if got, err := salesforcetest.ParseCapture([]byte(bad)); err == nil {
			t.Errorf("%q is %v, want an error", bad, got)
		}
	}
}

func TestFlood(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	if err := org.Flood(accounts, 10); err == nil {
		t.Error("a flood of nothing is no error")
	}
	org.Insert("Account", map[string]any{"Name": "Acme"})
	org.Insert("Account", map[string]any{"Name": "Bcme"})
	if err := org.Flood(accounts, 1001); err != nil {
		t.Fatal(err)
	}
	b := dial(t, org)
	s := b.earliest(t, accounts, 100)
	var last string
	n := 0
	for n < 1001 {
		r := receive(t, s)
		for _, e := range r.Events {
			if _, body := b.decode(t, e); n < 4 && body["Name"] != []string{"Acme", "Bcme"}[n%2] || string(e.ReplayId) <= last {
				t.Fatalf("event %d is %v with the id %x after %x", n, body["Name"], e.ReplayId, last)
			}
			last = string(e.ReplayId)
			n++
		}
		if r.PendingNumRequested == 0 {
			send(t, s, &pubsubpb.FetchRequest{NumRequested: 100})
		}
	}
}

// BenchmarkFlood is what a bare gRPC reader gets out of the org, with 100
// events owed at most: the limit that readers are measured against.
func BenchmarkFlood(b *testing.B) {
	_, responses := goldens(b)
	org := newOrg(b, salesforcetest.Config{})
	if err := org.Replay(accounts, schemas(b), responses); err != nil {
		b.Fatal(err)
	}
	if err := org.Flood(accounts, 1<<40); err != nil {
		b.Fatal(err)
	}
	s := dial(b, org).earliest(b, accounts, 100)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		r, err := s.Recv()
		if err == io.EOF || err != nil {
			b.Fatal(err)
		}
		n += len(r.Events)
		if err := s.Send(&pubsubpb.FetchRequest{NumRequested: int32(len(r.Events))}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

// FuzzParseCapture holds that what parses is whole: each event has its message.
func FuzzParseCapture(f *testing.F) {
	f.Add([]byte(`{"events":[{"event":{"id":"a","schemaId":"b","payload":"AAE="},"replayId":"AAAAAAAXkCkAAA=="}],"latestReplayId":"AA==","pendingNumRequested":24}`))
	f.Add([]byte(`[{"Event":{"Id":"a","SchemaId":"b","Payload":[0,255]},"ReplayId":[0,1]}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		responses, err := salesforcetest.ParseCapture(text)
		if err != nil {
			return
		}
		for _, e := range responses[0].Events {
			if e.Event == nil {
				t.Error("an event without its message")
			}
		}
	})
}
