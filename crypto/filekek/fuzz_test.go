package filekek_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// FuzzOpen reads arbitrary key files: each is a fault, or a key that opens what
// it has sealed.
func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "kek.json")
	made, err := filekek.Open(path)
	if err == nil {
		_, err = made.EncryptWithContext(f.Context(), nil, nil)
	}
	if err != nil {
		f.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"primaryKeyId":1,"key":[{}]}`))
	f.Add([]byte(`{"primaryKeyId":1,"key":[{"keyId":1,"status":"ENABLED","outputPrefixType":"TINK","keyData":{"typeUrl":"x"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "kek.json")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := filekek.Open(path)
		if err != nil {
			if fault.CodeOf(err) != fault.FormatUnknown {
				t.Errorf("%q: %v", data, err)
			}
			return
		}
		sealed, err := k.EncryptWithContext(t.Context(), []byte("key"), []byte("place"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.DecryptWithContext(t.Context(), sealed, []byte("place")); !bytes.Equal(got, []byte("key")) {
			t.Errorf("%q opens %q, %v", data, got, err)
		}
		if got, err := k.DecryptWithContext(t.Context(), sealed, nil); err == nil {
			t.Errorf("%q opens %q at another place", data, got)
		}
	})
}
