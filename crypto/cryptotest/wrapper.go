package cryptotest

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"github.com/tink-crypto/tink-go/v2/tink"
)

// TestKeyWrapper checks what the vault needs of a key-encryption key. other is
// another key of the same kind. A wrapper that ignores associated data fails
// here; the vault is still safe with it, as it checks org and use again inside.
func TestKeyWrapper(t *testing.T, kek, other tink.AEADWithContext) {
	ctx, text, place := t.Context(), bytes.Repeat([]byte("keyset"), 40), []byte("org and use")
	wrapped, err := kek.EncryptWithContext(ctx, text, place)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("round trip", func(t *testing.T) {
		if got, err := kek.DecryptWithContext(ctx, wrapped, place); err != nil || !bytes.Equal(got, text) {
			t.Errorf("opened %d bytes, %v", len(got), err)
		}
	})
	t.Run("hides", func(t *testing.T) {
		if bytes.Contains(wrapped, []byte("keysetkeyset")) {
			t.Error("the text is in the wrapped bytes")
		}
		if again, err := kek.EncryptWithContext(ctx, text, place); err != nil || bytes.Equal(again, wrapped) {
			t.Error("wrapping twice gives the same bytes")
		}
	})
	refuses := func(name string, k tink.AEADWithContext, wrapped, place []byte) {
		t.Run(name, func(t *testing.T) {
			if got, err := k.DecryptWithContext(ctx, wrapped, place); err == nil {
				t.Errorf("%d bytes were opened", len(got))
			}
		})
	}
	refuses("other associated data", kek, wrapped, []byte("another org"))
	refuses("no associated data", kek, wrapped, nil)
	refuses("other key", other, wrapped, place)
	refuses("empty", kek, nil, place)
	refuses("cut", kek, wrapped[:len(wrapped)-1], place)
	for i := 0; i < len(wrapped); i += 7 {
		bent := bytes.Clone(wrapped)
		bent[i] ^= 0x40
		refuses("bent", kek, bent, place)
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if got, err := kek.DecryptWithContext(ctx, wrapped, place); err == nil {
			t.Errorf("%d bytes were opened for a caller that has gone", len(got))
		}
	})
	t.Run("concurrent", func(t *testing.T) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if got, err := kek.DecryptWithContext(ctx, wrapped, place); err != nil || !bytes.Equal(got, text) {
					t.Errorf("opened %d bytes, %v", len(got), err)
				}
			})
		}
		wg.Wait()
	})
}
