package salesforce

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

const dialTimeout = 15 * time.Second

// dialTLS is how the HTTP transport reaches a host. There is no way past it:
// the transport is private, and a plain http URL never gets to it.
func (o *Org) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	raw, err := o.dialRaw(ctx, addr)
	if err != nil {
		return nil, err
	}
	conn, err := o.handshake(ctx, raw, hostOf(addr), "h2", "http/1.1")
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// dialRaw opens a TCP connection, through the proxy if there is one.
func (o *Org) dialRaw(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if o.cfg.Proxy != nil {
		return o.dialProxy(ctx, addr)
	}
	raw, err := o.dial(ctx, "tcp", addr)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "salesforce.dial", "the host cannot be reached; check the URL, DNS and the firewall")
	}
	return &dated{Conn: raw}, nil
}

func (o *Org) dialProxy(ctx context.Context, addr string) (net.Conn, error) {
	proxy, _ := url.Parse(o.cfg.Proxy.URL)
	raw, err := o.dial(ctx, "tcp", proxy.Host)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "salesforce.dial", "the proxy cannot be reached; check its URL and the firewall")
	}
	tunnel, err := o.tunnel(ctx, raw, proxy, addr)
	if err != nil {
		raw.Close()
		return nil, err
	}
	return &dated{Conn: tunnel}, nil
}

// tunnel asks the proxy for a connection to addr (RFC 9110, section 9.3.6).
func (o *Org) tunnel(ctx context.Context, raw net.Conn, proxy *url.URL, addr string) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if proxy.Scheme == "https" {
		trust := Config{Roots: map[string]*x509.CertPool{"": o.cfg.Proxy.Roots}}
		conn, err := trust.handshake(ctx, raw, proxy.Hostname(), "http/1.1")
		if err != nil {
			return nil, handshakeFault(err)
		}
		raw = conn
	}
	ask := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{"User-Agent": {userAgent}}}
	if p := o.cfg.Proxy; p.Username != "" {
		ask.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(p.Username+":"+p.Password.Reveal())))
	}
	answers := bufio.NewReader(raw)
	err := ask.Write(raw)
	var answer *http.Response
	if err == nil {
		answer, err = http.ReadResponse(answers, ask)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fault.Wrap(err, fault.Unavailable, "salesforce.dial", "the proxy did not answer; check that it is an HTTP proxy")
	}
	if answer.StatusCode != http.StatusOK || answers.Buffered() > 0 {
		return nil, fault.New(fault.Unavailable, "salesforce.dial", "the proxy refused to connect; allow the org's hosts there").HTTP(answer.StatusCode)
	}
	return raw, nil
}

// dated is a connection that may end on a date. Closing it before stops the
// clock, so that a long exception holds no closed connections in memory.
type dated struct {
	net.Conn
	mu    sync.Mutex
	clock *time.Timer
}

func closeAt(raw net.Conn, until time.Time) {
	if d, ok := raw.(*dated); ok {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.clock = time.AfterFunc(time.Until(until), func() { d.Conn.Close() })
	}
}

func (d *dated) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.clock != nil {
		d.clock.Stop()
	}
	return d.Conn.Close()
}
