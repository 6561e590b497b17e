package sfsync_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// hurry makes a call that has less time than it takes.
func (s *stage) hurry(patience time.Duration) error {
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	_, err := s.sync.Plan(ctx)
	return err
}

// runOut does so until the time ends at what was armed, and not before: to sign in
// takes a busy machine longer.
func (s *stage) runOut() (err error) {
	for wait := 200 * time.Millisecond; s.hits.Load() == 0 && wait < patience; wait *= 4 {
		err = s.hurry(wait)
	}
	return err
}

// text is what a status or trailer says too much.
const text = queryText + " on " + rowText

// streamScenes go wrong in the stream of changes, in the keys, and behind the
// door.
func streamScenes() []scene {
	// refused: the subscription is, once.
	refused := func(suffix string, code codes.Code) func(*stage) error {
		return func(s *stage) error {
			s.org.FailSubscribe(suffix, code, text)
			return s.follow(func() bool {
				return s.logs.has("waiting, then trying again") && s.equal()
			})
		}
	}
	hastened := func(suffix string, code codes.Code) func(*stage) error {
		return func(s *stage) error { s.sync.Hasten(1000); return refused(suffix, code)(s) }
	}
	during := func(happen func(*stage)) func(*stage) error {
		return func(s *stage) error { return s.during(func() { happen(s) }) }
	}
	ended := func(suffix string, code codes.Code) func(*stage) {
		return func(s *stage) { s.org.FailStreams(suffix, code, text) }
	}
	return []scene{
		{name: "stream unavailable", play: refused("service.unavailable", codes.Unavailable), log: fault.Unavailable},
		{name: "stream fails with a value as code", play: refused(marker, codes.Unknown), log: fault.Unavailable},
		{name: "stream throttled", play: refused("service.protection.limit", codes.ResourceExhausted), log: fault.Throttled},
		{name: "stream over its allocation", play: hastened("subscription.limit.exceeded", codes.ResourceExhausted), log: fault.LimitExceeded},
		{name: "stream session refused", play: refused("service.auth.error", codes.Unauthenticated), log: fault.SessionExpired},
		{name: "stream late", play: refused("x", codes.DeadlineExceeded), log: fault.Timeout},
		{name: "stream loses data", play: refused("x", codes.DataLoss), log: fault.Unavailable},
		{name: "position damaged", play: func(s *stage) error {
			for range 5 { // the stream that is open may be the one that asks for the first position
				err := s.during(func() {
					s.org.FailSubscribe("subscription.fetch.replayid.corrupted", codes.InvalidArgument, text)
					s.org.CutStreams()
				})
				if err != nil || s.logs.has("the position is useless") {
					return err
				}
			}
			s.Error("the position was not refused")
			return nil
		}},
		{name: "no position to be had at first", play: refused("subscription.fetch.replayid.corrupted", codes.InvalidArgument), log: fault.ReplayInvalid},
		{name: "stream forbidden", play: refused("subscription.topic.cannot.subscribe", codes.PermissionDenied), want: fault.Denied},
		{name: "topic not found", play: refused("topic.not.found", codes.NotFound), want: fault.NotSelected},
		{name: "request invalid", play: refused("x", codes.InvalidArgument), want: fault.RequestInvalid},
		{name: "service not implemented", play: refused("x", codes.Unimplemented), want: fault.ResponseInvalid},
		{name: "stream ends", play: during(ended("service.unavailable", codes.Internal)), log: fault.Unavailable},
		{name: "stream cut", play: during(func(s *stage) { s.org.CutStreams() }), log: fault.Unavailable},
		{name: "session ends under the stream", play: during(func(s *stage) { s.org.ExpireTokens() })},
		{name: "user deactivated under the stream", play: during(func(s *stage) {
			s.org.RevokeUser()
			s.undo = append(s.undo, s.org.RestoreUser)
		}), want: fault.SignInRefused},
		{name: "event is no Avro", play: during(func(s *stage) { s.org.UndecodableNext() })},
		{name: "event is a gap", play: during(func(s *stage) { s.org.GapNext("") })},
		{name: "events overflow", play: during(func(s *stage) { s.org.OverflowNext() })},
		{name: "event has a wildcard", play: during(func(s *stage) { s.org.WildcardNext() })},
		{name: "events come again", play: during(func(s *stage) { s.must(s.org.Redeliver(2)) })},
		{name: "key-encryption key refuses with a value", late: true, play: func(s *stage) error {
			_, err := crypto.OpenVault(s.Context(), s.keys, leakyKEK{}, s.org.OrgID())
			return err
		}, want: fault.KeyUnavailable},
		{name: "recorder refuses with a value", late: true, play: (*stage).leakyOpening, want: fault.Refused},
		{name: "schema is another's", play: (*stage).strangeSchema, log: fault.SchemaInvalid}, // the last: the topic keeps to its script
	}
}

// during follows the org until the copy equals it and a stream is open, lets
// something happen, then changes a person and follows again.
func (s *stage) during(happen func()) error {
	happened := false
	return s.follow(func() bool {
		if happened || !s.equal() {
			return happened && s.equal()
		}
		if open, _ := s.org.Streams(); open == 0 {
			return false
		}
		happened = true
		happen()
		id := slices.Sorted(maps.Keys(maps.Collect(s.org.Records("Contact"))))[0]
		s.org.Update("Contact", id, map[string]any{"LastName": fmt.Sprint("Roe ", time.Now().UnixNano(), marker)})
		return false
	})
}

// strangeSchema makes the Contact topic deliver an event of a schema that is
// none of a change event.
func (s *stage) strangeSchema() error {
	const topic = "/data/ContactChangeEvent"
	schema := []byte(`{"type":"record","name":"ContactChangeEvent","doc":"` + marker + `","fields":[{"name":"` + marker + `","type":"string"}]}`)
	id, err := salesforcetest.SchemaID(schema)
	s.must(err)
	replay := func(n byte) []byte { return []byte{0, 0, 0, 0, 0, 0x20, 0, n, 0, 0} }
	quiet := &pubsubpb.FetchResponse{LatestReplayId: replay(1)}
	event := &pubsubpb.FetchResponse{LatestReplayId: replay(2), Events: []*pubsubpb.ConsumerEvent{
		{ReplayId: replay(2), Event: &pubsubpb.ProducerEvent{Id: marker, SchemaId: id, Payload: []byte(marker)}}}}
	s.must(s.org.Replay(topic, nil, []*pubsubpb.FetchResponse{quiet}))
	if err := s.follow(s.equal); err != nil {
		return err
	}
	s.must(s.org.Replay(topic, [][]byte{schema}, []*pubsubpb.FetchResponse{quiet, event}))
	return s.follow(func() bool { return s.logged(fault.SchemaInvalid) && s.equal() })
}

// leakyKEK is a key service whose errors repeat what they were given.
type leakyKEK struct{}

func (leakyKEK) EncryptWithContext(context.Context, []byte, []byte) ([]byte, error) {
	return nil, errors.New("key " + marker + " is locked")
}

func (leakyKEK) DecryptWithContext(_ context.Context, sealed, _ []byte) ([]byte, error) {
	return nil, errors.New("key " + marker + " does not open " + string(sealed))
}

// leakyRecorder is a ledger whose errors repeat what they were given.
type leakyRecorder struct{}

func (leakyRecorder) Record(_ context.Context, use crypto.Use) error {
	return errors.New("may " + use.Actor + " see " + marker)
}

func (s *stage) leakyOpening() error {
	opener, err := s.vault.Opener(leakyRecorder{})
	s.must(err)
	table, err := s.rows.Table(s.Context(), "Contact")
	s.must(err)
	for row, err := range s.rows.Rows(s.Context(), "Contact") {
		s.must(err)
		for i, c := range table.Columns {
			if !c.Sealed || len(row.Cells[i].Bytes) == 0 {
				continue
			}
			place := crypto.Field{Object: "Contact", Record: row.ID, Name: c.Name, Type: c.Type, Small: c.Small}
			use := crypto.Use{Actor: marker, Person: row.Persons[c.Rule], Object: "Contact", Record: row.ID, Fields: []string{c.Name}}
			_, err := opener.Open(s.Context(), use, crypto.Sealed{Person: use.Person, Field: place, Bytes: row.Cells[i].Bytes})
			return err
		}
	}
	return errors.New("nothing to open")
}
