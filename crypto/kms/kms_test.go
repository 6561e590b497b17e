package kms_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	awsapi "github.com/aws/aws-sdk-go-v2/service/kms"
	vaultapi "github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go-gcpkms/v2/integration/gcpkms"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
	"github.com/tink-crypto/tink-go/v2/tink"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	grpccredentials "google.golang.org/grpc/credentials"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/cryptotest"
	"github.com/sfsync/sfsync-go/crypto/kms/kmstest"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

const org = "00D000000000001EAA"

// cloud is one key service: its fake, and two of its keys through Tink's client.
type cloud struct {
	fake       *kmstest.Service
	kek, other tink.AEADWithContext
}

func clouds(t *testing.T) map[string]*cloud {
	return map[string]*cloud{"AWS KMS": amazon(t), "Google Cloud KMS": google(t), "HashiCorp Vault": hashicorp(t)}
}

func amazon(t *testing.T) *cloud {
	fake := kmstest.NewAWS(t)
	api := awsapi.New(awsapi.Options{Region: "eu-central-1", BaseEndpoint: &fake.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "a secret is forty characters in real life", ""),
		HTTPClient:  &http.Client{Transport: &http.Transport{TLSClientConfig: fake.TLS}}})
	key := func(name string) tink.AEADWithContext {
		kek, err := awskms.NewAEADWithContext(t.Context(), "arn:aws:kms:eu-central-1:111122223333:key/"+name, awskms.WithKMS(api))
		must(t, err)
		return kek
	}
	return &cloud{fake: &fake.Service, kek: key("one"), other: key("two")}
}

func google(t *testing.T) *cloud {
	fake := kmstest.NewGoogleCloud(t)
	key := func(name string) tink.AEADWithContext {
		kek, err := gcpkms.GetAEADWithContext(t.Context(), "gcp-kms://projects/p/locations/europe-west3/keyRings/r/cryptoKeys/"+name,
			gcpkms.WithGoogleAPIClientOptions(option.WithEndpoint(fake.Address), option.WithoutAuthentication(),
				option.WithGRPCDialOption(grpc.WithTransportCredentials(grpccredentials.NewTLS(fake.TLS)))))
		must(t, err)
		return kek
	}
	return &cloud{fake: &fake.Service, kek: key("one"), other: key("two")}
}

func hashicorp(t *testing.T) *cloud {
	fake := kmstest.NewVault(t)
	client, err := vaultapi.NewClient(&vaultapi.Config{Address: fake.URL, Timeout: 2 * time.Second,
		HttpClient: &http.Client{Transport: &http.Transport{TLSClientConfig: fake.TLS}}})
	must(t, err)
	client.SetToken("a token")
	key := func(name string) tink.AEADWithContext {
		aead, err := hcvault.NewAEAD("/transit/keys/"+name, client.Logical())
		must(t, err)
		return crypto.WithoutContext(aead)
	}
	return &cloud{fake: &fake.Service, kek: key("one"), other: key("two")}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openKeys(t *testing.T) *sqlite.Keys {
	t.Helper()
	keys, err := sqlite.OpenKeys(t.Context(), filepath.Join(t.TempDir(), "keys.db"))
	must(t, err)
	t.Cleanup(func() { keys.Close() })
	return keys
}

// seal seals one value by a vault that remembers nothing from before.
func seal(ctx context.Context, keys crypto.KeyStore, kek tink.AEADWithContext) error {
	vault, err := crypto.OpenVault(ctx, keys, kek, org)
	if err != nil {
		return err
	}
	defer vault.Close()
	batch, err := vault.Sealer().Begin(ctx)
	if err != nil {
		return err
	}
	field := crypto.Field{Object: "Contact", Record: "003000000000001AAA", Name: "LastName", Type: 1}
	subjects, err := batch.Subjects(ctx, []crypto.Want{{Record: crypto.Link{Object: field.Object, Record: field.Record}}})
	if err != nil {
		return err
	}
	_, err = batch.Seal(nil, subjects[0], field, false, []byte("Lovelace"))
	return err
}

// TestKeyWrapper: each is what a vault needs, wrong associated data included.
func TestKeyWrapper(t *testing.T) {
	t.Parallel()
	for name, c := range clouds(t) {
		t.Run(name, func(t *testing.T) { cryptotest.TestKeyWrapper(t, c.kek, c.other) })
	}
}

// TestTrouble: while the key cannot be used nothing is sealed, and what says so
// names no key; afterwards it goes on.
func TestTrouble(t *testing.T) {
	t.Parallel()
	for name, c := range clouds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys := openKeys(t)
			must(t, seal(t.Context(), keys, c.kek))
			for state, what := range map[kmstest.State]string{
				kmstest.Throttled: "throttled", kmstest.Away: "away", kmstest.PendingDeletion: "scheduled for deletion",
			} {
				c.fake.Is(state)
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // Google's client tries for a minute
				err := seal(ctx, keys, c.kek)
				cancel()
				if code := fault.CodeOf(err); code != fault.KeyUnavailable && code != fault.Timeout {
					t.Errorf("%s: %v, want %s", what, err, fault.KeyUnavailable)
				}
				for _, leak := range []string{"arn:", "projects/", "transit", "127.0.0.1", "quota", "Exception"} {
					if err != nil && strings.Contains(err.Error(), leak) {
						t.Errorf("%s: the error tells %q: %v", what, leak, err)
					}
				}
				c.fake.Is(kmstest.Enabled)
				must(t, seal(t.Context(), keys, c.kek))
			}
		})
	}
}

// TestCancelled: a call under way ends when its context does, or, where Tink's
// client takes none, with the HTTP client's timeout.
func TestCancelled(t *testing.T) {
	t.Parallel()
	for name, c := range clouds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys := openKeys(t)
			must(t, seal(t.Context(), keys, c.kek))
			c.fake.Is(kmstest.Silent)
			before := c.fake.Calls()
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				for c.fake.Calls() == before && t.Context().Err() == nil {
					time.Sleep(time.Millisecond) // until the call has arrived
				}
				cancel()
			}()
			err := seal(ctx, keys, c.kek)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("a cancelled call: %v, want that it was cancelled", err)
			}
		})
	}
}

// TestIgnoresAssociatedData: a service that ignores it cannot pass one org's
// keyset off as another's.
func TestIgnoresAssociatedData(t *testing.T) {
	t.Parallel()
	c := hashicorp(t)
	c.fake.IgnoresAssociatedData = true
	mine, theirs := openKeys(t), openKeys(t)
	must(t, seal(t.Context(), mine, c.kek))
	vault, err := crypto.OpenVault(t.Context(), theirs, c.kek, "00D000000000002EAA")
	must(t, err)
	vault.Close()
	root, err := theirs.Root(t.Context())
	must(t, err)
	mixed := openKeys(t)
	must(t, mixed.Add(t.Context(), crypto.Addition{Org: org, Keysets: root.Keysets}))
	if err := seal(t.Context(), mixed, c.kek); fault.CodeOf(err) != fault.WrongOrg {
		t.Errorf("another org's keysets: %v, want %s", err, fault.WrongOrg)
	}
}

// TestRotated: one cloud takes over from another while a process runs on.
func TestRotated(t *testing.T) {
	t.Parallel()
	from, to := amazon(t), google(t)
	keys := openKeys(t)
	vault, err := crypto.OpenVault(t.Context(), keys, from.kek, org)
	must(t, err)
	defer vault.Close()
	must(t, vault.RotateKEK(t.Context(), to.kek))
	must(t, seal(t.Context(), keys, crypto.Succession(to.kek, from.kek)))
	from.fake.Is(kmstest.PendingDeletion)
	must(t, seal(t.Context(), keys, to.kek))
	if err := seal(t.Context(), keys, from.kek); fault.CodeOf(err) != fault.KeyUnavailable {
		t.Errorf("by the key from before: %v, want %s", err, fault.KeyUnavailable)
	}
}

// TestLogged: what a service's audit log shows of a call tells the org, the use
// and the version, and nobody's record or person.
func TestLogged(t *testing.T) {
	t.Parallel()
	for name, c := range clouds(t) {
		keys := openKeys(t)
		must(t, seal(t.Context(), keys, c.kek))
		if len(c.fake.Logged()) == 0 {
			t.Errorf("%s was never called", name)
		}
		for _, line := range c.fake.Logged() {
			if bytes.Contains(line, []byte("003000000000001")) || len(line) > 200 {
				t.Errorf("%s logs %d bytes: %q", name, len(line), line)
			}
		}
	}
}
