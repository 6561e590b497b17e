package salesforce

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

const hidden = "[secret]"

// Secret is a client secret, password or token that cannot be printed: the
// text is behind a function, where fmt, json, slog and debuggers' dumps do not
// look. The zero value is no secret.
type Secret struct{ f func() string }

// NewSecret hides a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{func() string { return text }}
}

// Reveal returns the text, or "" for the zero value.
func (s Secret) Reveal() string {
	if s.f == nil {
		return ""
	}
	return s.f()
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.f == nil }

// Format prints the same constant for every verb.
func (s Secret) Format(f fmt.State, verb rune) { io.WriteString(f, hidden) }

// MarshalText gives encoders, and slog, the same constant.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// signer hides a private key, which would print its numbers.
type signer struct{ f func() crypto.Signer }

func hide(key crypto.Signer) crypto.Signer {
	if _, ok := key.(signer); ok || key == nil {
		return key
	}
	return signer{func() crypto.Signer { return key }}
}

func (s signer) Public() crypto.PublicKey { return s.f().Public() }

func (s signer) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.f().Sign(rand, digest, opts)
}

func (s signer) Format(f fmt.State, verb rune) { io.WriteString(f, hidden) }

func (s signer) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LoadSigner reads the private key of the app's certificate from a PEM file:
// PKCS #8 or PKCS #1, not encrypted, RSA of 2,048 bits or more, as the JWT bearer
// flow signs with RS256 (help article "OAuth 2.0 JWT Bearer Flow"). A key in a
// KMS or HSM needs no file: any crypto.Signer will do in [Config].
func LoadSigner(path string) (crypto.Signer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, "salesforce.LoadSigner", "the key file cannot be read; check that it exists and that this user may read it")
	}
	defer clear(data)
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fault.New(fault.ConfigInvalid, "salesforce.LoadSigner", "the key file is not PEM; give the private key of the app's certificate")
	}
	key, err := parseKey(block)
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, "salesforce.LoadSigner", "the key file holds no private key in the form PKCS #8 or PKCS #1; convert it with openssl pkcs8 -topk8 -nocrypt")
	}
	if !signsRS256(key) {
		return nil, fault.New(fault.ConfigInvalid, "salesforce.LoadSigner", "the key is not an RSA key of 2048 bits or more; make one for the app's certificate")
	}
	return hide(key), nil
}

func parseKey(block *pem.Block) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	s, ok := key.(crypto.Signer)
	if !ok {
		return nil, x509.ErrUnsupportedAlgorithm
	}
	return s, nil
}

func signsRS256(key crypto.Signer) bool {
	public, ok := key.Public().(*rsa.PublicKey)
	return ok && public.N.BitLen() >= 2048
}
