package salesforcetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
)

// script is a topic whose responses were made beforehand.
type script struct {
	schema    string // of the first event, for GetTopic
	responses []response
	ids       [][][]byte // the replay ids in each response
	parsed    []*pubsubpb.FetchResponse
}

// Replay has a topic answer the given responses, byte for byte and in order,
// to every subscription to it: captures from live orgs. The schemas, as JSON,
// are served under their ids. A CUSTOM start goes on after the response that
// holds the replay id, LATEST after all of them.
func (o *Org) Replay(topic string, schemas [][]byte, responses []*pubsubpb.FetchResponse) error {
	s := &script{parsed: responses}
	for _, r := range responses {
		raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
		if err != nil {
			return fmt.Errorf("salesforcetest: Replay: %w", err)
		}
		s.responses = append(s.responses, response{frame: raw, events: int32(len(r.Events)), latest: r.LatestReplayId, whole: true})
		ids := [][]byte{r.LatestReplayId}
		for _, e := range r.Events {
			ids = append(ids, e.ReplayId)
			if s.schema == "" {
				s.schema = e.Event.GetSchemaId()
			}
		}
		s.ids = append(s.ids, ids)
	}
	b := o.events
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range schemas {
		id, err := SchemaID(text)
		if err != nil {
			return err
		}
		b.schemas[id] = &eventSchema{id: id, text: text}
	}
	b.scripts[topic] = s
	b.signal()
	return nil
}

func (b *eventBus) script(topic string) *script {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.scripts[topic]
}

// scriptReader is a subscription's place in a script.
type scriptReader struct {
	*script
	next int
}

func (s *script) reader(first *pubsubpb.FetchRequest) (source, bool) {
	switch first.ReplayPreset {
	case pubsubpb.ReplayPreset_EARLIEST:
		return &scriptReader{s, 0}, true
	case pubsubpb.ReplayPreset_CUSTOM:
		i := slices.IndexFunc(s.ids, func(ids [][]byte) bool {
			return slices.ContainsFunc(ids, func(id []byte) bool { return bytes.Equal(id, first.ReplayId) })
		})
		return &scriptReader{s, i + 1}, i >= 0
	}
	return &scriptReader{s, len(s.responses)}, true
}

func (r *scriptReader) take(int32) response {
	if r.next == len(r.responses) {
		return response{}
	}
	r.next++
	return r.responses[r.next-1]
}

func (r *scriptReader) pause() ([]byte, bool) {
	if r.next == 0 {
		return replayID(firstReplay), true
	}
	return r.responses[r.next-1].latest, true
}

// ParseCapture reads FetchResponses that were saved as JSON: a response, a list
// of its events, or a list of events as .NET prints them, with bytes as numbers.
func ParseCapture(text []byte) ([]*pubsubpb.FetchResponse, error) {
	var one capturedResponse
	into := any(&one)
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		into = &one.Events
	}
	if err := json.Unmarshal(text, into); err != nil {
		return nil, fmt.Errorf("salesforcetest: capture: %w", err)
	}
	r := &pubsubpb.FetchResponse{LatestReplayId: one.LatestReplayID, RpcId: one.RPCID, PendingNumRequested: one.Pending}
	for _, e := range one.Events {
		r.Events = append(r.Events, &pubsubpb.ConsumerEvent{ReplayId: e.ReplayID, Event: &pubsubpb.ProducerEvent{
			Id: e.Event.ID, SchemaId: e.Event.SchemaID, Payload: e.Event.Payload}})
	}
	if n := len(r.Events); n > 0 && r.LatestReplayId == nil {
		r.LatestReplayId = r.Events[n-1].ReplayId
	}
	return []*pubsubpb.FetchResponse{r}, nil
}

// The members of a captured response; encoding/json takes them in any case.
type (
	capturedResponse struct {
		Events         []capturedEvent `json:"events"`
		LatestReplayID blob            `json:"latestReplayId"`
		RPCID          string          `json:"rpcId"`
		Pending        int32           `json:"pendingNumRequested"`
	}
	capturedEvent struct {
		Event struct {
			ID       string `json:"id"`
			SchemaID string `json:"schemaId"`
			Payload  blob   `json:"payload"`
		} `json:"event"`
		ReplayID blob `json:"replayId"`
	}
)

// blob is bytes in base64 or as a list of numbers.
type blob []byte

// UnmarshalJSON reads either form.
func (b *blob) UnmarshalJSON(text []byte) error {
	if text[0] != '[' {
		return json.Unmarshal(text, (*[]byte)(b))
	}
	var numbers []uint8
	var wide []int
	if err := json.Unmarshal(text, &wide); err != nil {
		return err
	}
	for _, n := range wide {
		if n < 0 || n > 255 {
			return fmt.Errorf("%d is no byte", n)
		}
		numbers = append(numbers, uint8(n))
	}
	*b = numbers
	return nil
}
