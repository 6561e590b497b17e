package pubsub_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
)

// Every error code of the guide's "Handle errors" that a subscriber may meet,
// and statuses without one. The code decides, whatever status it comes with.
func TestFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		suffix string
		status codes.Code
		want   fault.Code
	}{
		{"service.auth.error", codes.Unauthenticated, fault.SessionExpired},
		{"service.auth.error", codes.Internal, fault.SessionExpired},
		{"service.auth.headers.invalid", codes.Unauthenticated, fault.RequestInvalid},
		{"service.auth.refresh.invalid", codes.Unknown, fault.SessionExpired},
		{"", codes.Unauthenticated, fault.SessionExpired},
		{"service.unavailable", codes.Internal, fault.Unavailable},
		{"", codes.Internal, fault.Unavailable},
		{"", codes.Unavailable, fault.Unavailable},
		{"", codes.Unknown, fault.Unavailable},
		{"topic.api.unavailable", codes.FailedPrecondition, fault.Unavailable},
		{"subscription.internal.error", codes.InvalidArgument, fault.Unavailable},
		{"subscription.fetch.replay.repeated", codes.InvalidArgument, fault.Unavailable},
		{"service.protection.triggered", codes.Unavailable, fault.Throttled},
		{"service.protection.stream.limit.triggered", codes.ResourceExhausted, fault.Throttled},
		{"concurrent.client.limit.exceeded", codes.PermissionDenied, fault.Throttled},
		{"", codes.ResourceExhausted, fault.Throttled},
		{"service.tenant.license", codes.Unknown, fault.Denied},
		{"topic.meta.permission", codes.Unknown, fault.Denied},
		{"subscription.topic.cannot.subscribe", codes.Unknown, fault.Denied},
		{"", codes.PermissionDenied, fault.Denied},
		{"topic.not.found", codes.PermissionDenied, fault.NotSelected},
		{"", codes.NotFound, fault.NotSelected},
		{"subscription.fetch.replayid.corrupted", codes.InvalidArgument, fault.ReplayInvalid},
		{"subscription.fetch.replayid.validation.failed", codes.InvalidArgument, fault.ReplayInvalid},
		{"subscription.limit.exceeded", codes.ResourceExhausted, fault.LimitExceeded},
		{"subscription.fetch.requested.events.invalid", codes.Unknown, fault.RequestInvalid},
		{"topic.validation.empty", codes.Unknown, fault.RequestInvalid},
		{"", codes.InvalidArgument, fault.RequestInvalid},
		{"", codes.Unimplemented, fault.ResponseInvalid},
		{"service.something.new", codes.Unavailable, fault.Unavailable},
		{"", codes.DeadlineExceeded, fault.Timeout},
		{"topic.api.unavailable", codes.Unknown, fault.Unavailable},
		{"schema.api.unavailable", codes.Unknown, fault.Unavailable},
		{"schema.meta.permission", codes.Unknown, fault.Denied},
		{"schema.validation.failed", codes.InvalidArgument, fault.NotFound},
		{"subscription.fetch.topic.mismatch", codes.Unknown, fault.RequestInvalid},
		{"subscription.fetch.request.invalid", codes.Unknown, fault.RequestInvalid},
		{"subscription.fetch.overflow", codes.InvalidArgument, fault.Throttled},
		{"subscription.limit.exceeded", codes.Unavailable, fault.LimitExceeded},
		{"subscription.limit.exceeded", codes.Unknown, fault.LimitExceeded},
		{"managed.subscription.already.active", codes.AlreadyExists, fault.Conflict},
		{"", codes.AlreadyExists, fault.Conflict},
		{"managed.subscription.config.stopped", codes.Unknown, fault.ConfigInvalid},
		{"managed.subscription.config.deleted", codes.Unknown, fault.NotFound},
		{"managed.subscription.developer.name.not.found", codes.Unknown, fault.NotFound},
		{"managed.subscription.subscription.id.not.found", codes.Unknown, fault.NotFound},
		{"managed.subscription.subscription.id.invalid", codes.Unknown, fault.RequestInvalid},
		{"managed.subscription.id.or.developer.name.empty", codes.Unknown, fault.RequestInvalid},
		{"managed.subscription.fetch.request.events.invalid", codes.Unknown, fault.RequestInvalid},
		{"managed.subscription.fetch.request.invalid", codes.Unknown, fault.RequestInvalid},
		{"managed.subscription.fetch.request.commit.request.restricted", codes.Unknown, fault.RequestInvalid},
		{"managed.subscription.fetch.request.auth.request.restricted", codes.Unknown, fault.RequestInvalid},
	} {
		t.Run(fmt.Sprintf("%s %s", c.suffix, c.status), func(t *testing.T) {
			t.Parallel()
			md, refusal := refuse(c.status, c.suffix)
			org := serve(t, &script{
				subscribe: func(s subscription) error { s.SetTrailer(md); return refusal },
			})
			for _, err := range pubsub.New(org, pubsub.Options{}).Subscribe(soon(t), topic, pubsub.Latest()) {
				checkFault(t, err, c.want, c.status, c.suffix)
			}
		})
	}
}

func checkFault(t *testing.T, err error, want fault.Code, st codes.Code, suffix string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code() != want {
		t.Fatalf("error %v, want code %s", err, want)
	}
	if f.GRPCStatus() != uint32(st) || f.Object() != "Contact" {
		t.Errorf("status %d on %q, want %d on Contact", f.GRPCStatus(), f.Object(), st)
	}
	if suffix != "" && (!strings.HasSuffix(f.ServerCode(), suffix) || !strings.Contains(f.Error(), "1d6e6e0a-5f39")) {
		t.Errorf("server code %q in %v, want %q and the request id", f.ServerCode(), f, suffix)
	}
	if s := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(s, "CANARY") || strings.Contains(s, "secret") {
		t.Errorf("the text of the status is in the error: %s", s)
	}
}

// A host that answers in HTTP with a redirect is not followed, and not tried
// for ever either.
func TestRedirect(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		host := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example.com/CANARY", status)
		}))
		host.EnableHTTP2 = true
		host.StartTLS()
		t.Cleanup(host.Close)
		bus := pubsub.New(connect(t, host.Listener.Addr().String(), host.Certificate()), pubsub.Options{})
		for _, err := range bus.Subscribe(soon(t), topic, pubsub.Latest()) {
			checkFault(t, err, fault.RedirectRefused, codes.Unknown, "")
			if fault.Retryable(err) {
				t.Errorf("%d: %v is tried again", status, err)
			}
		}
		if _, err := bus.Topic(soon(t), topic); !errors.Is(err, fault.RedirectRefused) {
			t.Errorf("%d: a topic asked for gives %v, want redirect_refused", status, err)
		}
	}
}
