package salesforce

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

const handshakeTimeout = 15 * time.Second

// handshake makes raw a TLS connection to host, for HTTP and gRPC alike, and
// reports it if that took an exception. It closes raw on failure.
func (o *Org) handshake(ctx context.Context, raw net.Conn, host string, alpn ...string) (*tls.Conn, error) {
	conn, err := o.cfg.handshake(ctx, raw, host, alpn...)
	if err != nil {
		raw.Close()
		return nil, handshakeFault(err)
	}
	if e := o.cfg.exception(host); e != nil && conn.ConnectionState().Version < tls.VersionTLS13 {
		closeAt(raw, e.Until)
		o.report(Event{Kind: UsedTLS12, Host: host, Reason: e.Reason, Until: e.Until})
	}
	return conn, nil
}

// handshake checks the finished connection once more, so that no field of a
// tls.Config alone decides.
func (c *Config) handshake(ctx context.Context, raw net.Conn, host string, alpn ...string) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	t := c.tlsFor(host, alpn...)
	t.VerifyConnection = func(cs tls.ConnectionState) error { return c.accept(host, cs) }
	conn := tls.Client(raw, t)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return conn, c.accept(host, conn.ConnectionState())
}

func (c *Config) tlsFor(host string, alpn ...string) *tls.Config {
	t := &tls.Config{ServerName: host, RootCAs: c.Roots[""], MinVersion: tls.VersionTLS13, NextProtos: alpn}
	if roots := c.Roots[host]; roots != nil {
		t.RootCAs = roots
	}
	if c.Certificate != nil {
		t.Certificates = []tls.Certificate{*c.Certificate}
	}
	if c.exception(host) != nil {
		t.MinVersion, t.CipherSuites = tls.VersionTLS12, aeadSuites()
	}
	return t
}

// exception returns the exception for a host that holds now, or nil.
func (c *Config) exception(host string) *TLS12Exception {
	for i := range c.TLS12 {
		if e := &c.TLS12[i]; strings.EqualFold(e.Host, host) && time.Now().Before(e.Until) {
			return e
		}
	}
	return nil
}

// aeadSuites are the TLS 1.2 suites with ECDHE and an AEAD cipher: forward
// secrecy, and no padding oracle.
func aeadSuites() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// accept decides on a connection whose handshake is done: its version, a
// verified chain, and the host's pins.
func (c *Config) accept(host string, cs tls.ConnectionState) error {
	switch {
	case cs.Version < tls.VersionTLS13 && c.exception(host) == nil:
		return errVersion()
	case len(cs.VerifiedChains) == 0:
		return fault.New(fault.TLSRefused, "salesforce.handshake", "the certificate was not verified; please report it")
	case len(c.Pins[host]) > 0 && !c.pinned(host, cs.VerifiedChains):
		return fault.New(fault.TLSRefused, "salesforce.handshake", "no certificate of the chain has a pinned key; find out whether it was rotated before changing Pins")
	}
	return nil
}

func (c *Config) pinned(host string, chains [][]*x509.Certificate) bool {
	for _, chain := range chains {
		for _, cert := range chain {
			sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
			for _, pin := range c.Pins[host] {
				if sum == pin {
					return true
				}
			}
		}
	}
	return false
}

func errVersion() *fault.Error {
	return fault.New(fault.TLSRefused, "salesforce.handshake", "the host does not offer TLS 1.3; move the org to Hyperforce or Edge routing, or accept it for a while with a TLS12Exception")
}

// handshakeFault says why there is no connection, without the host name and
// certificate fields that Go's errors print.
func handshakeFault(err error) error {
	var (
		known   *fault.Error
		name    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		cert    *tls.CertificateVerificationError
		timeout net.Error
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &name):
		return fault.New(fault.TLSRefused, "salesforce.handshake", "the certificate is for another host name; check the URL and what answers there")
	case errors.As(err, &unknown):
		return fault.New(fault.TLSRefused, "salesforce.handshake", "the certificate is signed by an authority that is not trusted; add it to Roots if it is yours (SFSYNC_CA_FILE)")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fault.New(fault.TLSRefused, "salesforce.handshake", "the certificate has expired or is not valid yet; check this machine's clock, then tell the owner of the host")
	case errors.As(err, &cert):
		return fault.New(fault.TLSRefused, "salesforce.handshake", "the certificate cannot be verified; tell the owner of the host")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout(),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return fault.Wrap(err, fault.Unavailable, "salesforce.handshake", "the host closed the connection or did not answer; try again later")
	case versionRefused(err):
		return errVersion()
	}
	return fault.New(fault.TLSRefused, "salesforce.handshake", "the host and this program agree on no TLS parameters; check what answers at the URL")
}

// versionRefused recognises both ways of an older server: an alert in answer
// to our offer, and an answer in the older version, which crypto/tls refuses
// with an untyped error.
func versionRefused(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) {
		// RFC 8446, section 6.2: protocol_version(70).
		return op.Err != nil && op.Err.Error() == tls.AlertError(70).Error()
	}
	return strings.HasPrefix(err.Error(), "tls: server selected unsupported protocol version")
}
