package crypto_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// under checks by which key each keyset says that it is encrypted.
func (e *env) under(uri string) {
	e.Helper()
	keysets, err := e.vault.Keysets(e.Context())
	must(e, err)
	for _, k := range keysets {
		if k.URI != uri {
			e.Errorf("the %s keyset, version %d, is under %q, want %q", k.Use, k.Version, k.URI, uri)
		}
	}
}

func TestURI(t *testing.T) {
	t.Parallel()
	e, second, third := newEnv(t), nextKEK(t), nextKEK(t)
	const one, two = "aws-kms://arn:aws:kms:eu-central-1:1:key/one", "gcp-kms://projects/two"
	e.under("")
	must(t, e.vault.RotateKEK(t.Context(), crypto.WithURI(e.kek, one)))
	e.under(one)
	must(t, e.vault.RotateBranch(t.Context()))
	e.ensure(crypto.EmailIndex)
	e.under(one)
	must(t, e.vault.RotateKEK(t.Context(), crypto.Succession(crypto.WithURI(second, two), crypto.WithURI(e.kek, one))))
	e.under(two)

	_, err := crypto.OpenVault(t.Context(), e.keys, crypto.WithURI(third, one), orgA)
	if fault.CodeOf(err) != fault.KeyUnavailable || !strings.Contains(err.Error(), "another key-encryption key") {
		t.Errorf("another key: %v", err)
	}
	for _, uri := range []string{one, two, "arn:", "projects"} {
		if err != nil && strings.Contains(err.Error(), uri) {
			t.Errorf("the fault tells %q: %v", uri, err)
		}
	}
	if _, err := crypto.OpenVault(t.Context(), e.keys, crypto.WithURI(third, two), orgA); err == nil || strings.Contains(err.Error(), "another key-encryption key") {
		t.Errorf("a key that does not open what it is named for: %v", err)
	}
	if _, err := crypto.OpenVault(t.Context(), e.keys, crypto.Succession(crypto.WithURI(third, one), third), orgA); err == nil || strings.Contains(err.Error(), "another key-encryption key") {
		t.Errorf("two keys of which one has no name: %v", err)
	}
	e.again(crypto.WithURI(second, "gcp-kms://the/same/by/another/name")).begin()
	e.again(crypto.Succession(crypto.WithURI(third, one), crypto.WithURI(second, two))).begin()

	beside := crypto.WithURI(fileKEK(t, filepath.Join(e.dir, "beside.json")), one)
	if _, err := crypto.OpenVault(t.Context(), e.keys, beside, orgA); fault.CodeOf(err) != fault.ConfigInvalid {
		t.Errorf("a named key file beside the keys: %v, want %s", err, fault.ConfigInvalid)
	}
}
