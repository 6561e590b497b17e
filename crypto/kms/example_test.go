package kms_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	awsapi "github.com/aws/aws-sdk-go-v2/service/kms"
	vaultapi "github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go-gcpkms/v2/integration/gcpkms"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"

	"github.com/sfsync/sfsync-go/crypto"
)

// modern is an HTTP client that speaks TLS 1.3 and gives up after ten seconds.
func modern() *http.Client {
	return &http.Client{Timeout: 10 * time.Second,
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13}}}
}

// AWS KMS, with the credentials of the machine's role.
func Example_awsKMS() {
	open := func(ctx context.Context, keys crypto.KeyStore, orgID string) (*crypto.Vault, error) {
		cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(modern()))
		if err != nil {
			return nil, err
		}
		const arn = "arn:aws:kms:eu-central-1:111122223333:key/…"
		kek, err := awskms.NewAEADWithContext(ctx, arn,
			awskms.WithKMS(awsapi.NewFromConfig(cfg, func(o *awsapi.Options) { o.Retryer = aws.NopRetryer{} }))) // the engine retries
		if err != nil {
			return nil, err
		}
		return crypto.OpenVault(ctx, keys, crypto.WithURI(kek, "aws-kms://"+arn), orgID)
	}
	_ = open
}

// Google Cloud KMS, with the application's default credentials.
func Example_googleCloudKMS() {
	open := func(ctx context.Context, keys crypto.KeyStore, orgID string) (*crypto.Vault, error) {
		const uri = "gcp-kms://projects/…/locations/europe-west3/keyRings/…/cryptoKeys/…"
		kek, err := gcpkms.GetAEADWithContext(ctx, uri)
		if err != nil {
			return nil, err
		}
		return crypto.OpenVault(ctx, keys, crypto.WithURI(kek, uri), orgID)
	}
	_ = open
}

// HashiCorp Vault. Its client takes no context, so its HTTP client has a timeout.
func Example_hashiCorpVault() {
	open := func(ctx context.Context, keys crypto.KeyStore, orgID string) (*crypto.Vault, error) {
		client, err := vaultapi.NewClient(&vaultapi.Config{Address: "https://vault.example.com:8200", HttpClient: modern()})
		if err != nil {
			return nil, err
		}
		client.SetToken(os.Getenv("VAULT_TOKEN"))
		aead, err := hcvault.NewAEAD("/transit/keys/sfsync", client.Logical())
		if err != nil {
			return nil, err
		}
		kek := crypto.WithURI(crypto.WithoutContext(aead), "hcvault://vault.example.com:8200/transit/keys/sfsync")
		return crypto.OpenVault(ctx, keys, kek, orgID)
	}
	_ = open
}
