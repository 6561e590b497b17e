package pubsub_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	pb "github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
)

const topic = "/data/ContactChangeEvent"

// soon is a context for what would otherwise wait for ever if it failed.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// untilGone keeps a scripted call open until the client leaves it.
func untilGone(s subscription) error {
	<-s.Context().Done()
	return s.Context().Err()
}

func TestSubscribeFirstRequest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		options pubsub.Options
		start   pubsub.Start
		want    *pb.FetchRequest
	}{
		{"latest, default window", pubsub.Options{}, pubsub.Latest(),
			&pb.FetchRequest{TopicName: topic, ReplayPreset: pb.ReplayPreset_LATEST, NumRequested: 100}},
		{"after, own window", pubsub.Options{Window: 7}, pubsub.After(replayID(300)),
			&pb.FetchRequest{TopicName: topic, ReplayPreset: pb.ReplayPreset_CUSTOM, ReplayId: replayID(300), NumRequested: 7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := make(chan *pb.FetchRequest, 1)
			org := serve(t, &script{subscribe: func(s subscription) error {
				r, err := s.Recv()
				if err != nil {
					return err
				}
				got <- r
				if err := s.Send(&pb.FetchResponse{LatestReplayId: replayID(1)}); err != nil {
					return err
				}
				return untilGone(s)
			}})
			for d, err := range pubsub.New(org, c.options).Subscribe(soon(t), topic, c.start) {
				if err != nil || len(d.Events) != 0 || !bytes.Equal(d.Latest, replayID(1)) {
					t.Errorf("first delivery %v, %v; want one without events at position 1", d, err)
				}
				break
			}
			if r := <-got; r.String() != c.want.String() {
				t.Errorf("first request is %v, want %v", r, c.want)
			}
		})
	}
}

func TestSubscribeRefusesNoStart(t *testing.T) {
	t.Parallel()
	org := serve(t, &script{subscribe: untilGone})
	for name, start := range map[string]pubsub.Start{"zero": {}, "after nothing": pubsub.After(nil)} {
		for _, err := range pubsub.New(org, pubsub.Options{}).Subscribe(soon(t), topic, start) {
			if !errors.Is(err, fault.RequestInvalid) {
				t.Errorf("%s: error %v, want request_invalid", name, err)
			}
		}
	}
}

func TestSubscribeKeepsOrder(t *testing.T) {
	t.Parallel()
	org := serve(t, &script{subscribe: func(s subscription) error {
		for _, r := range []*pb.FetchResponse{answer(1, 3), {LatestReplayId: replayID(9)}, answer(10, 1), answer(11, 2)} {
			if err := s.Send(r); err != nil {
				return err
			}
		}
		return nil
	}})
	var got []string
	var end error
	for d, err := range pubsub.New(org, pubsub.Options{}).Subscribe(soon(t), topic, pubsub.Latest()) {
		if end = err; err != nil {
			break
		}
		line := fmt.Sprintf("latest %d:", d.Latest[7])
		for _, e := range d.Events {
			line += fmt.Sprintf(" %d %s %s %x", e.ReplayID[7], e.SchemaID, e.ID, e.Payload)
		}
		got = append(got, line)
	}
	want := []string{
		"latest 3: 1 schema id 01 2 schema id 02 3 schema id 03", "latest 9:",
		"latest 10: 10 schema id 0a", "latest 12: 11 schema id 0b 12 schema id 0c",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("deliveries differ (-want +got):\n%s", d)
	}
	if !errors.Is(end, fault.Unavailable) {
		t.Errorf("a stream that ends with OK gave %v, want unavailable", end)
	}
}

// The service sends as much as it may, the loop takes with pauses: what was
// asked for beyond what was taken stays within the window, and is asked for
// again before the window is empty.
func TestSubscribeKeepsWindow(t *testing.T) {
	t.Parallel()
	const window, total = 20, 500
	asked := make(chan int, total)
	org := serve(t, &script{subscribe: func(s subscription) error {
		pending := make(chan int, total)
		go func() {
			defer close(pending)
			for {
				r, err := s.Recv()
				if err != nil {
					return
				}
				asked <- int(r.GetNumRequested())
				pending <- int(r.GetNumRequested())
			}
		}()
		sent := 0
		for n := range pending {
			for ; n > 0; n -= 2 {
				if err := s.Send(answer(sent, min(2, n))); err != nil {
					return err
				}
				sent += min(2, n)
			}
		}
		return nil
	}})
	taken, outstanding, requests := 0, 0, 0
	for d, err := range pubsub.New(org, pubsub.Options{Window: window}).Subscribe(soon(t), topic, pubsub.Latest()) {
		if err != nil {
			t.Fatal(err)
		}
		for more := true; more; {
			select {
			case n := <-asked:
				outstanding += n
				requests++
			default:
				more = false
			}
		}
		for _, e := range d.Events {
			if want := replayID(taken); !bytes.Equal(e.ReplayID, want) {
				t.Fatalf("event %d has replay id %x", taken, e.ReplayID)
			}
			taken++
		}
		// What was just taken may have been asked for again before the loop had it.
		if outstanding-taken > window {
			t.Fatalf("%d events asked for and not taken, the window is %d", outstanding-taken, window)
		}
		if taken >= total {
			break
		}
	}
	if requests < total/window {
		t.Errorf("%d requests for %d events: the window ran empty", requests, total)
	}
}

func TestSubscribeAsksAgainAtOnce(t *testing.T) {
	t.Parallel()
	org := serve(t, &script{subscribe: func(s subscription) error {
		if _, err := s.Recv(); err != nil {
			return err
		}
		for i := range 5 { // one event of the window at a time
			if err := s.Send(answer(i, 1)); err != nil {
				return err
			}
			if r, err := s.Recv(); err != nil || r.GetNumRequested() != 1 {
				return fmt.Errorf("request %v, %v", r, err)
			}
		}
		return s.Send(answer(5, 1))
	}})
	taken := 0
	for _, err := range pubsub.New(org, pubsub.Options{}).Subscribe(soon(t), topic, pubsub.Latest()) {
		if err != nil {
			break
		}
		taken++
	}
	if taken != 6 {
		t.Errorf("%d events came, want 6: each taken one is asked for again though 99 are outstanding", taken)
	}
}

// A window that begins small doubles in quiet, up to that of the options.
func TestSubscribeWindowGrows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		window int
		double time.Duration
		want   []int // events asked for, one at a time delivered
	}{
		{"it is time after each delivery", 3, 0, []int{3, 4, 5, 1, 1}},
		{"it is not time yet", 3, time.Hour, []int{3, 1, 1, 1, 1}},
		{"larger than that of the options", 20, 0, []int{10, 1, 1, 1, 1}},
		{"none given", 0, 0, []int{10, 1, 1, 1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan int, len(c.want))
			org := serve(t, &script{subscribe: func(s subscription) error {
				for i := range c.want {
					r, err := s.Recv()
					if err == nil {
						asked <- int(r.GetNumRequested())
						err = s.Send(answer(i, 1))
					}
					if err != nil {
						return err
					}
				}
				return nil
			}})
			start := pubsub.Latest().Within(c.window, c.double)
			for _, err := range pubsub.New(org, pubsub.Options{Window: 10}).Subscribe(soon(t), topic, start) {
				if err != nil {
					break
				}
			}
			close(asked)
			var got []int
			for n := range asked {
				got = append(got, n)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("asked for %v, want %v", got, c.want)
			}
		})
	}
}

func TestSubscribeSlowConsumerAsksForNothing(t *testing.T) {
	t.Parallel()
	requested, quiet := make(chan int, 100), make(chan error, 1)
	org := serve(t, &script{subscribe: func(s subscription) (err error) {
		defer func() { quiet <- err }()
		r, err := s.Recv()
		requested <- int(r.GetNumRequested())
		for i := 0; err == nil && i < int(r.GetNumRequested()); i++ {
			err = s.Send(answer(i, 1))
		}
		if err == nil {
			_, err = s.Recv() // returns when the client leaves
		}
		return err
	}})
	for _, err := range pubsub.New(org, pubsub.Options{Window: 50}).Subscribe(soon(t), topic, pubsub.Latest()) {
		if err != nil {
			t.Error(err)
		}
		break // the first delivery was never given back
	}
	if err := <-quiet; err == nil || err == io.EOF {
		t.Errorf("the client asked for more, or ended politely, without having taken anything: %v", err)
	}
	if n := <-requested; n != 50 {
		t.Errorf("first request for %d events, want 50", n)
	}
}

// Not parallel: it looks at all goroutines.
func TestSubscribeEndsWithLoop(t *testing.T) {
	gone := make(chan struct{})
	org := serve(t, &script{subscribe: func(s subscription) error {
		defer close(gone)
		for i := 0; s.Send(answer(i, 1)) == nil; i++ {
		}
		return untilGone(s)
	}})
	for _, err := range pubsub.New(org, pubsub.Options{}).Subscribe(soon(t), topic, pubsub.Latest()) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	for range 1000 { // the goroutine may be on its last instruction
		if !pubsub.Receiving() {
			break
		}
		runtime.Gosched()
	}
	if pubsub.Receiving() {
		t.Error("a receiver runs on after the loop")
	}
	<-gone // the service sees the call end, or the test times out
}

func TestSubscribeEndsWithContext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		end  func(context.Context) (context.Context, context.CancelFunc)
		want fault.Code
		is   error
	}{
		{"cancelled", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(20*time.Millisecond, cancel)
			return ctx, cancel
		}, fault.Canceled, context.Canceled},
		{"timed out", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 20*time.Millisecond)
		}, fault.Timeout, context.DeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			org := serve(t, &script{subscribe: untilGone})
			ctx, cancel := c.end(t.Context())
			defer cancel()
			for _, err := range pubsub.New(org, pubsub.Options{}).Subscribe(ctx, topic, pubsub.Latest()) {
				if !errors.Is(err, c.want) || !errors.Is(err, c.is) {
					t.Errorf("error %v, want %s", err, c.want)
				}
			}
		})
	}
}

func TestSubscribeEndsInSilence(t *testing.T) {
	t.Parallel()
	org := serve(t, &script{subscribe: func(s subscription) error {
		if err := s.Send(answer(0, 1)); err != nil {
			return err
		}
		return untilGone(s)
	}})
	taken := 0
	for d, err := range pubsub.New(org, pubsub.Options{Silence: 300 * time.Millisecond}).Subscribe(soon(t), topic, pubsub.Latest()) {
		if err == nil {
			taken += len(d.Events)
			continue
		}
		if !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "silent") {
			t.Errorf("error %v, want unavailable in silence", err)
		}
	}
	if taken != 1 {
		t.Errorf("%d events before the silence, want 1", taken)
	}
}

func TestMessageTooLarge(t *testing.T) {
	t.Parallel()
	org := serve(t, &script{subscribe: func(s subscription) error {
		return s.Send(&pb.FetchResponse{LatestReplayId: make([]byte, 8<<20)})
	}})
	for _, err := range pubsub.New(org, pubsub.Options{}).Subscribe(soon(t), topic, pubsub.Latest()) {
		if !errors.Is(err, fault.TooLarge) {
			t.Errorf("error %v, want too_large", err)
		}
	}
}

func TestTopic(t *testing.T) {
	t.Parallel()
	_, refusal := refuse(codes.NotFound, "")
	for _, c := range []struct {
		name   string
		answer func() (*pb.TopicInfo, error)
		want   pubsub.Topic
		code   fault.Code
	}{
		{"open", func() (*pb.TopicInfo, error) {
			return &pb.TopicInfo{TopicName: topic, CanSubscribe: true, SchemaId: "s1"}, nil
		}, pubsub.Topic{Name: topic, SchemaID: "s1"}, ""},
		{"closed to the user", func() (*pb.TopicInfo, error) { return &pb.TopicInfo{TopicName: topic}, nil }, pubsub.Topic{}, fault.Denied},
		{"unknown", func() (*pb.TopicInfo, error) { return nil, refusal }, pubsub.Topic{}, fault.NotSelected},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := pubsub.New(serve(t, &script{topic: c.answer}), pubsub.Options{}).Topic(t.Context(), topic)
			if got != c.want || fault.CodeOf(err) != c.code {
				t.Errorf("topic %v, %v; want %v, code %q", got, err, c.want, c.code)
			}
		})
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	_, unknown := refuse(codes.NotFound, "")
	for _, c := range []struct {
		name   string
		answer func() (*pb.SchemaInfo, error)
		want   string
		code   fault.Code
	}{
		{"known", func() (*pb.SchemaInfo, error) { return &pb.SchemaInfo{SchemaId: "s1", SchemaJson: "{}"}, nil }, "{}", ""},
		{"another", func() (*pb.SchemaInfo, error) { return &pb.SchemaInfo{SchemaId: "s2", SchemaJson: "{}"}, nil }, "", fault.ResponseInvalid},
		{"empty", func() (*pb.SchemaInfo, error) { return &pb.SchemaInfo{SchemaId: "s1"}, nil }, "", fault.ResponseInvalid},
		{"unknown", func() (*pb.SchemaInfo, error) { return nil, unknown }, "", fault.NotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := pubsub.New(serve(t, &script{schema: c.answer}), pubsub.Options{}).Schema(t.Context(), "s1")
			if string(got) != c.want || fault.CodeOf(err) != c.code {
				t.Errorf("schema %s, %v; want %s, code %q", got, err, c.want, c.code)
			}
		})
	}
}
