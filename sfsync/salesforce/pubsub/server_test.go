package pubsub_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"google.golang.org/grpc/codes"

	pb "github.com/sfsync/sfsync-go/internal/pubsubpb"
)

type (
	subscription = grpc.BidiStreamingServer[pb.FetchRequest, pb.FetchResponse]
	managed      = grpc.BidiStreamingServer[pb.ManagedFetchRequest, pb.ManagedFetchResponse]
)

// script is a service whose answers a test writes out, for what no org does on
// demand. It counts and checks what the client sends.
type script struct {
	pb.UnimplementedPubSubServer
	subscribe func(subscription) error
	managed   func(managed) error
	topic     func() (*pb.TopicInfo, error)
	schema    func() (*pb.SchemaInfo, error)
}

func (s *script) Subscribe(stream subscription) error { return s.subscribe(stream) }

func (s *script) ManagedSubscribe(stream managed) error { return s.managed(stream) }

func (s *script) GetTopic(ctx context.Context, r *pb.TopicRequest) (*pb.TopicInfo, error) {
	return s.topic()
}

func (s *script) GetSchema(ctx context.Context, r *pb.SchemaRequest) (*pb.SchemaInfo, error) {
	return s.schema()
}

// serve runs the script over TLS on loopback and returns a connection to it.
func serve(tb testing.TB, s *script) connection {
	tb.Helper()
	certs := httptest.NewTLSServer(nil) // for its certificate
	defer certs.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&certs.TLS.Certificates[0])))
	pb.RegisterPubSubServer(server, s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	tb.Cleanup(func() { server.Stop(); <-done })
	return connect(tb, listener.Addr().String(), certs.Certificate())
}

// connect returns a connection to a server on loopback.
func connect(tb testing.TB, address string, trusted *x509.Certificate) connection {
	tb.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(trusted)
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(
		credentials.NewTLS(&tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS13})))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return connection{conn}
}

// connection is a Connector with one connection.
type connection struct{ *grpc.ClientConn }

func (c connection) Conn(context.Context) (*grpc.ClientConn, error) { return c.ClientConn, nil }

// refuse ends a call as the service does: a status with text that quotes
// values, an error code and a request id in the trailers.
func refuse(code codes.Code, suffix string) (metadata.MD, error) {
	md := metadata.MD{}
	if suffix != "" {
		md = metadata.Pairs("error-code", "sfdc.platform.eventbus.grpc."+suffix, "rpc-id", "1d6e6e0a-5f39-4d3b-9d0e-0d5c6a7b8c9d")
	}
	return md, status.Error(code, "CANARY-TEXT token 00Dxx!secret rpcId: 1d6e6e0a")
}

// answer is a response with n events whose replay ids count on from start.
func answer(start, n int) *pb.FetchResponse {
	r := &pb.FetchResponse{LatestReplayId: replayID(start + n - 1)}
	for i := range n {
		r.Events = append(r.Events, &pb.ConsumerEvent{
			ReplayId: replayID(start + i),
			Event:    &pb.ProducerEvent{Id: "id", SchemaId: "schema", Payload: []byte{byte(start + i)}},
		})
	}
	return r
}

func replayID(n int) []byte { return []byte{0, 0, 0, 0, 0, 0, byte(n >> 8), byte(n), 0, 0} }
