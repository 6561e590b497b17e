package kmstest

import (
	"context"
	"crypto/tls"
	"hash/crc32"
	"strings"
	"testing"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// GoogleCloud is a fake of Google Cloud KMS over gRPC:
// google.cloud.kms.v1.KeyManagementService, Encrypt and Decrypt.
type GoogleCloud struct {
	Service
	kmspb.UnimplementedKeyManagementServiceServer
	Address string // host:port
	TLS     *tls.Config
}

// NewGoogleCloud starts a fake that ends with the test.
func NewGoogleCloud(t testing.TB) *GoogleCloud {
	g := &GoogleCloud{}
	rpc := grpc.NewServer()
	kmspb.RegisterKeyManagementServiceServer(rpc, g)
	server, client := serve(t, rpc)
	g.Address, g.TLS = strings.TrimPrefix(server.URL, "https://"), client
	return g
}

// googleErrors are the codes of Cloud KMS: a quota that is used up, an outage,
// and a key version that is DESTROY_SCHEDULED.
var googleErrors = map[State]error{
	Throttled:       status.Error(codes.ResourceExhausted, "quota exceeded"),
	Away:            status.Error(codes.Unavailable, "the service is unavailable"),
	PendingDeletion: status.Error(codes.FailedPrecondition, "the key version is not enabled, current state is: DESTROY_SCHEDULED"),
}

func (g *GoogleCloud) answers(ctx context.Context, state State) error {
	if state == Silent {
		<-ctx.Done()
		return ctx.Err()
	}
	return googleErrors[state]
}

// Encrypt implements the service.
func (g *GoogleCloud) Encrypt(ctx context.Context, r *kmspb.EncryptRequest) (*kmspb.EncryptResponse, error) {
	key, state := g.use(r.Name, r.AdditionalAuthenticatedData)
	if err := g.answers(ctx, state); err != nil {
		return nil, err
	}
	sealed := g.encrypt(key, r.Plaintext, r.AdditionalAuthenticatedData)
	return &kmspb.EncryptResponse{Name: r.Name + "/cryptoKeyVersions/1", Ciphertext: sealed, CiphertextCrc32C: checksum(sealed),
		VerifiedPlaintextCrc32C:                   r.PlaintextCrc32C.GetValue() == checksum(r.Plaintext).Value,
		VerifiedAdditionalAuthenticatedDataCrc32C: r.AdditionalAuthenticatedDataCrc32C.GetValue() == checksum(r.AdditionalAuthenticatedData).Value}, nil
}

// Decrypt implements the service.
func (g *GoogleCloud) Decrypt(ctx context.Context, r *kmspb.DecryptRequest) (*kmspb.DecryptResponse, error) {
	key, state := g.use(r.Name, r.AdditionalAuthenticatedData)
	if err := g.answers(ctx, state); err != nil {
		return nil, err
	}
	plaintext, err := g.decrypt(key, r.Ciphertext, r.AdditionalAuthenticatedData)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "decryption failed: the ciphertext is invalid")
	}
	return &kmspb.DecryptResponse{Plaintext: plaintext, PlaintextCrc32C: checksum(plaintext), UsedPrimary: true}, nil
}

func checksum(b []byte) *wrapperspb.Int64Value {
	return wrapperspb.Int64(int64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))))
}
