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

// witness remembers the error of a wrapper, which Tink turns into text.
type witness struct {
	tink.AEADWithContext
	err error
}

func (w *witness) EncryptWithContext(ctx context.Context, plaintext, associated []byte) (out []byte, err error) {
	out, w.err = w.AEADWithContext.EncryptWithContext(ctx, plaintext, associated)
	return out, w.err
}

func (w *witness) DecryptWithContext(ctx context.Context, ciphertext, associated []byte) (out []byte, err error) {
	out, w.err = w.AEADWithContext.DecryptWithContext(ctx, ciphertext, associated)
	return out, w.err
}
