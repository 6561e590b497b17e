package salesforce

import (
	"context"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

const (
	// pingAfter: a gRPC server cuts off clients that ping more often than every
	// five minutes, its default minimum (gRPC keepalive, "too_many_pings").
	pingAfter = 5*time.Minute + 30*time.Second
	// largestMessage: responses have at most 3 MB (Pub/Sub API guide, "Allocations").
	largestMessage = 4 << 20
)

// Conn signs in and returns the connection to the Pub/Sub API, one for all
// callers; Close closes it. Every RPC carries the session of its start as
// metadata. An RPC that ends for want of a valid one makes the next one sign in again,
// so it is enough to repeat it. An RPC that fails for want of a connection
// returns the fault that says why; its other errors are gRPC statuses, for the
// caller to read and never to pass on.
func (o *Org) Conn(ctx context.Context) (*grpc.ClientConn, error) {
	if _, err := o.session(ctx, nil); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.life.Err() != nil {
		return nil, errClosed()
	}
	if o.mu.conn != nil {
		return o.mu.conn, nil
	}
	// passthrough leaves the name to dialRaw: behind a proxy it may not resolve.
	conn, err := grpc.NewClient("passthrough:///"+o.cfg.PubSubEndpoint,
		grpc.WithTransportCredentials(channel{o}),
		grpc.WithPerRPCCredentials(tokens{}),
		grpc.WithContextDialer(o.dialConn), grpc.WithNoProxy(),
		grpc.WithUnaryInterceptor(o.unary), grpc.WithStreamInterceptor(o.stream),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: 20 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largestMessage)),
		grpc.WithDisableServiceConfig(), grpc.WithUserAgent(userAgent))
	if err != nil {
		return nil, fault.Wrap(err, fault.ConfigInvalid, "salesforce.Conn", "the Pub/Sub endpoint cannot be used; check PubSubEndpoint")
	}
	o.mu.conn = conn
	return conn, nil
}

// noted is the fault of the last failed attempt to connect.
type noted struct{ err error }

func (o *Org) dialConn(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := o.dialRaw(ctx, addr)
	if err != nil {
		o.connFault.Store(&noted{err})
	}
	return conn, err
}

// channel makes gRPC's connections with the same handshake as HTTP's.
type channel struct{ o *Org }

func (c channel) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, err := c.o.handshake(ctx, raw, hostOf(authority), "h2")
	if err == nil && conn.ConnectionState().NegotiatedProtocol != "h2" {
		conn.Close()
		err = fault.New(fault.TLSRefused, "salesforce.Conn", "the host does not speak HTTP/2; check PubSubEndpoint")
	}
	if err != nil {
		c.o.connFault.Store(&noted{err})
		return nil, nil, err
	}
	c.o.connFault.Store(nil)
	return conn, credentials.TLSInfo{State: conn.ConnectionState(),
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}, nil
}

func (c channel) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, fault.New(fault.Internal, "salesforce.Conn", "an org serves nobody; please report it")
}

func (c channel) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

func (c channel) Clone() credentials.TransportCredentials { return c }

// OverrideServerName is refused: the name that is dialled is the one verified.
func (c channel) OverrideServerName(string) error {
	return fault.New(fault.ConfigInvalid, "salesforce.Conn", "the server name is the endpoint's; change PubSubEndpoint")
}

// tokens adds the metadata of a session to each RPC, names as in the Pub/Sub API
// guide, "Supported Auth".
type tokens struct{}

func (tokens) RequireTransportSecurity() bool { return true }

func (tokens) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	info, _ := credentials.RequestInfoFromContext(ctx)
	if err := credentials.CheckSecurityLevel(info.AuthInfo, credentials.PrivacyAndIntegrity); err != nil {
		return nil, status.Error(codes.Unauthenticated, "the connection is not encrypted")
	}
	s, ok := ctx.Value(sessionKey{}).(*session)
	if !ok {
		return nil, status.Error(codes.Unauthenticated, "there is no session")
	}
	return map[string]string{"accesstoken": s.token.Reveal(), "instanceurl": s.identity.InstanceURL, "tenantid": s.identity.OrgID}, nil
}

type sessionKey struct{}

func (o *Org) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	s, err := o.session(ctx, nil)
	if err != nil {
		return err
	}
	var trailer metadata.MD
	err = invoke(context.WithValue(ctx, sessionKey{}, s), method, req, reply, cc, append(opts, grpc.Trailer(&trailer))...)
	return o.ended(s, err, trailer)
}

func (o *Org) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := o.session(ctx, nil)
	if err != nil {
		return nil, err
	}
	stream, err := open(context.WithValue(ctx, sessionKey{}, s), desc, cc, method, opts...)
	if err != nil {
		return nil, o.ended(s, err, nil)
	}
	return &watched{stream, o, s}, nil
}

// watched notices how a stream ends.
type watched struct {
	grpc.ClientStream
	o *Org
	s *session
}

func (w *watched) RecvMsg(m any) error {
	err := w.ClientStream.RecvMsg(m)
	if err == nil {
		return nil
	}
	return w.o.ended(w.s, err, w.Trailer())
}

// authCode begins the error codes of a session that is not accepted, whatever
// the status (Pub/Sub API guide, "Handle Errors").
const authCode = "sfdc.platform.eventbus.grpc.service.auth."

// ended draws the conclusions from how an RPC ended.
func (o *Org) ended(s *session, err error, trailer metadata.MD) error {
	if err == nil {
		return nil
	}
	named := trailer.Get("error-code")
	switch code := status.Code(err); {
	case code == codes.Unauthenticated, len(named) > 0 && strings.HasPrefix(named[0], authCode):
		o.expire(s)
	case code == codes.Unavailable:
		if n := o.connFault.Load(); n != nil {
			return n.err
		}
	}
	return err
}
