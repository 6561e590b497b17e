package salesforce

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"time"

	"github.com/sfsync/sfsync-go/internal/retry"
)

// Resolve makes an org dial through f, so that real host names lead to
// loopback. It exists in tests only.
func (o *Org) Resolve(f func(ctx context.Context, network, addr string) (net.Conn, error)) {
	o.dial = f
}

// Hurry makes retries wait a millisecond.
func (o *Org) Hurry() { o.retry = retry.Policy{First: time.Millisecond, Longest: 5 * time.Second} }

// ForgetRefusal lets the next call sign in at once.
func (o *Org) ForgetRefusal() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.refused = nil
}

// ReadToken is how the token endpoint's answer is read.
func ReadToken(body []byte) (Identity, Secret, error) {
	s, err := readToken(body)
	if err != nil {
		return Identity{}, Secret{}, err
	}
	return s.identity, s.token, nil
}

// Watched is how bodies are watched for a stall.
func Watched(ctx context.Context, rc io.ReadCloser) io.ReadCloser {
	ctx, cancel := context.WithCancelCause(ctx)
	context.AfterFunc(ctx, func() { rc.Close() })
	return newBody(rc, ctx, cancel, func() { cancel(nil) })
}

// Accept is the check of a finished connection.
func Accept(c Config, host string, cs tls.ConnectionState) error { return c.accept(host, cs) }

// RetryAfter is how the header is read.
var RetryAfter = retryAfter

// LongestStall is exported for its test.
const LongestStall = longestStall
