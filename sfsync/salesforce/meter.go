package salesforce

import "context"

// Meter is told of the calls to the data API that are made with a context of
// [Metered]. It may be called from several goroutines at once.
type Meter interface {
	// Call comes before each call leaves, a repeated one included. Its error
	// refuses the call and is what the caller gets.
	Call(ctx context.Context) error
	// Bytes comes with each piece read of a body, in bytes after decompression.
	Bytes(n int)
}

type meterKey struct{}

// Metered returns a context whose calls m is told of; nil is for calls that
// nobody is told of. Sign-ins and RPCs of the Pub/Sub API are not calls here:
// Salesforce counts neither as an API call.
func Metered(ctx context.Context, m Meter) context.Context {
	return context.WithValue(ctx, meterKey{}, m)
}

// meterOf returns the meter of a context, or nil.
func meterOf(ctx context.Context) Meter {
	m, _ := ctx.Value(meterKey{}).(Meter)
	return m
}
