package salesforcetest

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// refuseCall makes the error of a call: the status, the trailers error-code and
// rpc-id, and a text that ends in the rpc id (Pub/Sub API guide, "Handle
// Errors"). As in the service the text may carry values of the request.
func refuseCall(ctx context.Context, code codes.Code, suffix, text string) error {
	id := newUUID()
	_ = grpc.SetTrailer(ctx, metadata.Pairs("error-code", "sfdc.platform.eventbus.grpc."+suffix, "rpc-id", id)) // fails outside a call only
	return status.Error(code, text+" rpcId: "+id)
}

// failure is an error that a test has asked for.
type failure struct {
	suffix string
	code   codes.Code
	text   string
}
