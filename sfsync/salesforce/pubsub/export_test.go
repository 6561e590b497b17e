package pubsub

import (
	"bytes"
	"runtime/pprof"
)

// Receiving reports whether any goroutine of a subscription runs.
func Receiving() bool {
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 2)
	return bytes.Contains(b.Bytes(), []byte("pubsub.(*stream).receive"))
}
