package crypto

import (
	"context"

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
// call, not during one.
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

// witness remembers the error of a wrapper, which Tink turns into text. One that
// comes when the context has ended is that end: gRPC's clients do not say so.
type witness struct {
	tink.AEADWithContext
	err error
}

func (w *witness) EncryptWithContext(ctx context.Context, plaintext, associated []byte) (out []byte, err error) {
	out, err = w.AEADWithContext.EncryptWithContext(ctx, plaintext, associated)
	w.err = ended(ctx, err)
	return out, w.err
}

func (w *witness) DecryptWithContext(ctx context.Context, ciphertext, associated []byte) (out []byte, err error) {
	out, err = w.AEADWithContext.DecryptWithContext(ctx, ciphertext, associated)
	w.err = ended(ctx, err)
	return out, w.err
}

func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
