package fault_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

const canary = "Jane Canary-7 jane.canary7@example.com"

// everything renders an error in all the ways programs do, along its chain.
func everything(err error) string {
	var b strings.Builder
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&b, verb+"\n", e)
		}
		text, _ := json.Marshal(e)
		b.Write(text)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Error("failed", "err", err)
	slog.New(slog.NewTextHandler(&log, nil)).Error("failed", "err", err)
	return b.String() + log.String()
}

func TestWrapKeepsNothingOfItsCause(t *testing.T) {
	t.Parallel()
	for name, cause := range map[string]error{
		"text":        errors.New(canary),
		"url":         &url.Error{Op: "Get", URL: "https://example.com/?q=" + canary, Err: errors.New(canary)},
		"joined":      errors.Join(errors.New(canary), context.Canceled),
		"dns":         &net.DNSError{Err: canary, Name: canary, IsTimeout: true},
		"wrapped":     fmt.Errorf("%s: %w", canary, context.DeadlineExceeded),
		"fault below": fmt.Errorf("%s: %w", canary, fault.New(fault.Denied, "x.Y", "ask")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := fault.Wrap(cause, fault.Unavailable, "bulk.Create", "try again later")
			if text := everything(err); strings.Contains(text, "anary") {
				t.Errorf("the cause shows: %s", text)
			}
		})
	}
	if fault.Wrap(nil, fault.Internal, "x.Y", "z") != nil {
		t.Error("no cause became an error")
	}
}

func TestWrapTellsHowAContextEnded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cause  error
		code   fault.Code
		target error
	}{
		{fmt.Errorf("x: %w", context.Canceled), fault.Canceled, context.Canceled},
		{context.DeadlineExceeded, fault.Timeout, context.DeadlineExceeded},
		{&net.DNSError{IsTimeout: true}, fault.Timeout, fault.Timeout},
		{errors.New("other"), fault.Unavailable, fault.Unavailable},
	} {
		err := fault.Wrap(c.cause, fault.Unavailable, "x.Y", "z")
		if fault.CodeOf(err) != c.code || !errors.Is(err, c.target) || !errors.Is(err, c.code) {
			t.Errorf("%v became %v", c.cause, err)
		}
		if errors.Is(err, fault.Tampered) {
			t.Errorf("%v is every code", err)
		}
	}
}

// Details from outside are kept only where they have the shape of a name.
func TestDetails(t *testing.T) {
	t.Parallel()
	err := fault.New(fault.Denied, "rest.Query", "grant the permission").HTTP(403).GRPC(7).Server("INSUFFICIENT_ACCESS").
		On("Contact", "Email", "Loyalty_Tier__c").Request("4e734081-3b33-451a-906a-bb943fe7f5ee").At(3, 14).After(time.Minute)
	const want = "rest.Query: denied at line 3, column 14: Contact.Email, Loyalty_Tier__c: grant the permission " +
		"(HTTP 403, gRPC status 7, INSUFFICIENT_ACCESS, request 4e734081-3b33-451a-906a-bb943fe7f5ee, retry after 1m0s)"
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	for _, value := range []string{canary, "jane", "JANE7", "+1 555 0100", "2026-11-24", "a.b.c", "x y", "<b>", strings.Repeat("A", 90), ""} {
		err := fault.New(fault.Denied, "rest.Query", "grant it").Server(value).Request(value).On(value, value+"!")
		if value != "jane" && value != "JANE7" && err.Error() != "rest.Query: denied: grant it" {
			t.Errorf("%q came through: %v", value, err)
		}
		if err.ServerCode() != "" {
			t.Errorf("%q passed for a server's code", value)
		}
	}
	const bus = "sfdc.platform.eventbus.grpc."
	for value, kept := range map[string]bool{
		"UNABLE_TO_LOCK_ROW": true, "INVALIDJOBSTATE": true, "invalid_grant": true, bus + "subscription.limit.exceeded": true,
		"MUSTERMANN": false, "INVALIDMUSTERMANN": false, "A__B": false, "_": false, bus + "jane.muster": false, bus: false,
	} {
		if got := fault.New(fault.Denied, "rest.Query", "grant it").Server(value).ServerCode(); (got == value) != kept {
			t.Errorf("of %q %q was kept", value, got)
		}
	}
}

func TestRetryable(t *testing.T) {
	t.Parallel()
	for code, want := range map[fault.Code]bool{
		fault.Timeout: true, fault.Unavailable: true, fault.Throttled: true, fault.SessionExpired: true, fault.Conflict: true,
		fault.Denied: false, fault.SignInRefused: false, fault.Blocked: false, fault.LimitExceeded: false, fault.Fenced: false,
	} {
		if got := fault.Retryable(fault.New(code, "x.Y", "z")); got != want {
			t.Errorf("%s: retryable %v", code, got)
		}
	}
	if fault.Retryable(errors.New("foreign")) || fault.CodeOf(nil) != "" {
		t.Error("a foreign error has a code")
	}
}

func Example() {
	var err error = fault.New(fault.SessionExpired, "rest.Query", "sign in again")
	if errors.Is(err, fault.SessionExpired) {
		fmt.Println(err)
	}
	// Output: rest.Query: session_expired: sign in again
}
