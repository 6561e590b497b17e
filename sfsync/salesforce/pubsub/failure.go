package pubsub

import (
	"context"
	"errors"
	"io"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

const codePrefix = "sfdc.platform.eventbus.grpc."

// redirected begins the text of gRPC's own status for an answer in HTTP, of
// 300 to 399. Nothing but the text tells.
const redirected = "unexpected HTTP status code received from server: 3"

// failure turns the end of a call into a fault. It keeps the status code, the
// error code and the request id, and no text.
func failure(ctx context.Context, topic string, err error, trailer metadata.MD) error {
	if ctx.Err() != nil {
		return fault.Wrap(ctx.Err(), fault.Canceled, "pubsub.Call", "the context ended; call again with another")
	}
	var own *fault.Error
	if errors.As(err, &own) {
		return own
	}
	st := status.Convert(err)
	if errors.Is(err, io.EOF) { // the service ended the stream with OK
		st = status.New(codes.OK, "")
	}
	code := first(trailer, "error-code")
	f := byCode(strings.TrimPrefix(code, codePrefix))
	if f == nil {
		f = byStatus(st, topic)
	}
	return f.On(object(topic)).GRPC(uint32(st.Code())).Server(code).Request(first(trailer, "rpc-id"))
}

// byCode knows the error codes of the guide's "Handle errors"; nil is for those
// it does not know, and for none.
func byCode(code string) *fault.Error {
	is := func(prefix string) bool { return strings.HasPrefix(code, prefix) }
	switch {
	case is("managed.subscription."):
		return ofManaged(code)
	case is("service.auth.headers."):
		return fault.New(fault.RequestInvalid, "pubsub.Call", "the service cannot read the session in the call; check the Pub/Sub endpoint, and that a proxy on the way changes no headers")
	case is("service.auth."):
		return expired()
	case is("service.protection."), is("concurrent.client.limit."), is("subscription.fetch.overflow"):
		return throttled()
	case is("service.tenant.license"):
		return fault.New(fault.Denied, "pubsub.Call", "the org has no licence for the Pub/Sub API; it needs Enterprise, Performance, Unlimited or Developer Edition")
	case is("service.unavailable"), strings.HasSuffix(code, ".api.unavailable"), is("subscription.internal.error"), is("subscription.fetch.replay.repeated"):
		return unavailable()
	case strings.HasSuffix(code, ".meta.permission"):
		return denied()
	case is("topic.not.found"):
		return notSelected()
	case is("schema.validation."):
		return notFound()
	case is("subscription.topic.cannot.subscribe"):
		return cannotSubscribe()
	case is("subscription.fetch.replayid."):
		return fault.New(fault.ReplayInvalid, "pubsub.Subscribe", "the position is expired, damaged or of an earlier stream; take a new one and reconcile")
	case is("subscription.limit.exceeded"):
		return fault.New(fault.LimitExceeded, "pubsub.Subscribe", "the org's event deliveries of the last 24 hours are used up; wait until they refill, events are kept 72 hours")
	case is("subscription.fetch."), strings.Contains(code, ".validation."):
		return invalid()
	}
	return nil
}

// ofManaged knows the codes that only ManagedSubscribe has.
func ofManaged(code string) *fault.Error {
	switch {
	case strings.HasSuffix(code, ".already.active"):
		return taken()
	case strings.HasSuffix(code, ".config.stopped"):
		return fault.New(fault.ConfigInvalid, "pubsub.Managed", "the subscription is stopped; set the state of its ManagedEventSubscription to RUN")
	case strings.HasSuffix(code, ".config.deleted"), strings.HasSuffix(code, ".not.found"):
		return notFound()
	}
	return fault.New(fault.RequestInvalid, "pubsub.Managed", "the service refused the request; give the subscription's id, 15 or 18 characters, or its developer name")
}

func byStatus(st *status.Status, topic string) *fault.Error {
	switch st.Code() {
	case codes.Unauthenticated:
		return expired()
	case codes.PermissionDenied:
		return denied()
	case codes.NotFound:
		if topic == "" {
			return notFound()
		}
		return notSelected()
	case codes.AlreadyExists:
		return taken()
	case codes.DeadlineExceeded: // which the service may notice before ctx does
		late := fault.Wrap(context.DeadlineExceeded, fault.Timeout, "pubsub.Call", "the service did not answer in time; try again")
		return late.(*fault.Error)
	case codes.ResourceExhausted:
		// Our own side says so too, of a message above its bound; nothing but
		// the text tells.
		if strings.HasPrefix(st.Message(), "grpc: received message") {
			return fault.New(fault.TooLarge, "pubsub.Call", "a message is larger than the service sends; check the endpoint")
		}
		return throttled()
	case codes.Unknown:
		if strings.HasPrefix(st.Message(), redirected) {
			return fault.New(fault.RedirectRefused, "pubsub.Call", "the host answered with a redirect, and none is followed; check the Pub/Sub endpoint")
		}
		return unavailable()
	case codes.Unavailable, codes.Internal, codes.Aborted, codes.Canceled, codes.DataLoss, codes.OK:
		return unavailable()
	case codes.Unimplemented:
		return fault.New(fault.ResponseInvalid, "pubsub.Call", "the endpoint does not serve the Pub/Sub API; check its host and port")
	}
	return invalid()
}

func expired() *fault.Error {
	return fault.New(fault.SessionExpired, "pubsub.Call", "the session is not accepted; sign in again, and check that sessions are not locked to an IP address")
}

func throttled() *fault.Error {
	return fault.New(fault.Throttled, "pubsub.Call", "the service asks for fewer calls or clients; wait, then go on")
}

func unavailable() *fault.Error {
	return fault.New(fault.Unavailable, "pubsub.Call", "the service ended the call; wait, then go on from the stored position")
}

func denied() *fault.Error {
	return fault.New(fault.Denied, "pubsub.Call", "the integration user may not read this; grant View All on the object")
}

func notFound() *fault.Error {
	return fault.New(fault.NotFound, "pubsub.Call", "the service knows no such schema or subscription; take a schema's id from an event of this org, a subscription's from Setup")
}

func taken() *fault.Error {
	return fault.New(fault.Conflict, "pubsub.Managed", "another client holds the subscription, or a broken connection does, for up to 15 minutes; stop the other, or try again every minute")
}

func notSelected() *fault.Error {
	return fault.New(fault.NotSelected, "pubsub.Call", "there is no such topic; select the object under Setup, Change Data Capture, or write changes: poll in the policy")
}

func cannotSubscribe() *fault.Error {
	return fault.New(fault.Denied, "pubsub.Subscribe", "the integration user may not subscribe; grant View All on the object, and on every object of a channel")
}

func invalid() *fault.Error {
	return fault.New(fault.RequestInvalid, "pubsub.Call", "the service refused the request; check the topic's name")
}

// object is the name of the object in a topic of one: Order in
// /data/OrderChangeEvent, Size__c in /data/Size__ChangeEvent.
func object(topic string) string {
	name, ok := strings.CutSuffix(strings.TrimPrefix(topic, "/data/"), "ChangeEvent")
	switch {
	case !ok:
		return ""
	case strings.HasSuffix(name, "__"):
		return name + "c"
	}
	return name
}

func first(md metadata.MD, key string) string {
	if v := md.Get(key); len(v) > 0 {
		return v[0]
	}
	return ""
}
