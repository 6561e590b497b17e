package crypto

import (
	"context"
	"slices"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Placed is what a key-encryption key that lies on this machine implements, so
// that it can refuse a place where whoever takes a database takes it along.
type Placed interface {
	// Beside is told the path of a database. It returns a fault where the key
	// must not lie beside it, otherwise a sentence about what remains exposed,
	// or "".
	Beside(database string) (exposure string, err error)
}

// WithoutContext makes a key wrapper out of one that takes no context, such as
// Tink's client for HashiCorp Vault. A cancelled context is noticed before a
// call, not during one: give the client a timeout of its own.
func WithoutContext(aead tink.AEAD) tink.AEADWithContext { return withoutContext{aead} }

type withoutContext struct{ aead tink.AEAD }

func (w withoutContext) EncryptWithContext(ctx context.Context, plaintext, associated []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.Wrap(err, fault.Canceled, "crypto.WithoutContext", "the call was given up")
	}
	return w.aead.Encrypt(plaintext, associated)
}

func (w withoutContext) DecryptWithContext(ctx context.Context, ciphertext, associated []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.Wrap(err, fault.Canceled, "crypto.WithoutContext", "the call was given up")
	}
	return w.aead.Decrypt(ciphertext, associated)
}

// WithURI names a key-encryption key by its URI, such as aws-kms://arn:…, which
// is no secret. It is stored with every keyset that the key encrypts, and shown
// by [Vault.Keysets]. Where a keyset does not open, OpenVault can then tell
// another key from one that cannot be reached. A URI that differs is no error as
// long as the key opens: the same key may go by several.
func WithURI(kek tink.AEADWithContext, uri string) tink.AEADWithContext { return withURI{kek, uri} }

type withURI struct {
	tink.AEADWithContext
	uri string
}

func (w withURI) uris() []string { return []string{w.uri} }

// Beside implements Placed for the key that is named.
func (w withURI) Beside(database string) (exposure string, err error) {
	if placed, ok := w.AEADWithContext.(Placed); ok {
		return placed.Beside(database)
	}
	return "", nil
}

// urisOf are the URIs of a key-encryption key, "" where one is not known; that of
// the key that encrypts is the first.
func urisOf(kek tink.AEADWithContext) []string {
	if named, ok := kek.(interface{ uris() []string }); ok {
		return named.uris()
	}
	return []string{""}
}

// another reports whether it is known that a key-encryption key is not the one
// with the URI.
func another(kek tink.AEADWithContext, uri string) bool {
	uris := urisOf(kek)
	return uri != "" && !slices.Contains(uris, uri) && !slices.Contains(uris, "")
}

// Succession is a key-encryption key that takes over from another: it encrypts
// by next, and decrypts by next or, what that does not open, by before. Processes
// that have it go on while [Vault.RotateKEK] exchanges the one for the other.
func Succession(next, before tink.AEADWithContext) tink.AEADWithContext {
	return succession{next, before}
}

type succession struct {
	tink.AEADWithContext
	before tink.AEADWithContext
}

func (s succession) DecryptWithContext(ctx context.Context, ciphertext, associated []byte) ([]byte, error) {
	out, err := s.AEADWithContext.DecryptWithContext(ctx, ciphertext, associated)
	if err == nil {
		return out, nil
	}
	if old, failed := s.before.DecryptWithContext(ctx, ciphertext, associated); failed == nil {
		return old, nil
	}
	return nil, err
}

func (s succession) uris() []string { return append(urisOf(s.AEADWithContext), urisOf(s.before)...) }

// Beside implements Placed for the two.
func (s succession) Beside(database string) (exposure string, err error) {
	for _, kek := range []tink.AEADWithContext{s.before, s.AEADWithContext} {
		if placed, ok := kek.(Placed); ok && err == nil {
			var found string
			if found, err = placed.Beside(database); found != "" {
				exposure = found
			}
		}
	}
	return exposure, err
}

// kekPatience is how long a key-encryption key may take to answer. The clients of
// key services repeat what fails by themselves, some without end.
const kekPatience = 30 * time.Second

// witness remembers the error of a wrapper, which Tink turns into text. One that
// comes when the context has ended is that end: gRPC's clients do not say so.
type witness struct {
	tink.AEADWithContext
	err error
}

func (w *witness) EncryptWithContext(ctx context.Context, plaintext, associated []byte) (out []byte, err error) {
	within, cancel := context.WithTimeout(ctx, kekPatience)
	defer cancel()
	out, err = w.AEADWithContext.EncryptWithContext(within, plaintext, associated)
	w.err = ended(ctx, within, err)
	return out, w.err
}

func (w *witness) DecryptWithContext(ctx context.Context, ciphertext, associated []byte) (out []byte, err error) {
	within, cancel := context.WithTimeout(ctx, kekPatience)
	defer cancel()
	out, err = w.AEADWithContext.DecryptWithContext(within, ciphertext, associated)
	w.err = ended(ctx, within, err)
	return out, w.err
}

func ended(ctx, within context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case within.Err() != nil:
		return fault.New(fault.KeyUnavailable, "crypto.OpenVault", "the key-encryption key did not answer within 30 seconds; see that it can be reached")
	}
	return err
}
