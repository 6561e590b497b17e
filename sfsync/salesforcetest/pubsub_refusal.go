package salesforcetest

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// refusedCall is the error of a call, with the end of its error-code.
type refusedCall struct {
	suffix string
	status *status.Status
}

func (e *refusedCall) Error() string              { return e.status.Err().Error() }
func (e *refusedCall) GRPCStatus() *status.Status { return e.status }

// refuseCall makes the error of a call: the status, the trailers error-code and
// rpc-id, and a text that ends in the rpc id (Pub/Sub API guide, "Handle
// Errors"). As in the service the text may carry values of the request.
func refuseCall(ctx context.Context, code codes.Code, suffix, text string) error {
	id := newUUID()
	_ = grpc.SetTrailer(ctx, metadata.Pairs("error-code", "sfdc.platform.eventbus.grpc."+suffix, "rpc-id", id)) // fails outside a call only
	return &refusedCall{suffix, status.New(code, text+" rpcId: "+id)}
}

// restate gives an error the status that the settings have for its code.
func (p PubSub) restate(err error) error {
	var e *refusedCall
	if errors.As(err, &e) {
		if code, ok := p.Statuses[e.suffix]; ok {
			return status.Error(code, e.status.Message())
		}
	}
	return err
}

// failure is an error that a test has asked for.
type failure struct {
	suffix string
	code   codes.Code
	text   string
}
