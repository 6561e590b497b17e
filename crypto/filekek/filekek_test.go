package filekek_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/cryptotest"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

func open(t testing.TB, path string, options ...filekek.Option) *filekek.Key {
	t.Helper()
	k, err := filekek.Open(path, options...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeyWrapper(t *testing.T) {
	cryptotest.TestKeyWrapper(t, open(t, filepath.Join(t.TempDir(), "a")), open(t, filepath.Join(t.TempDir(), "b")))
}

func TestCreatedOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "kek.json")
	k := open(t, path)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Fatalf("Open made the file: %v", err)
	}
	wrapped, err := k.EncryptWithContext(t.Context(), []byte("keyset"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(p)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v; want %v", filepath.Base(p), info.Mode().Perm(), err, want)
		}
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	again := open(t, path)
	if got, err := again.DecryptWithContext(t.Context(), wrapped, nil); string(got) != "keyset" {
		t.Errorf("opened again it gives %q, %v", got, err)
	}
	if _, err := again.EncryptWithContext(t.Context(), []byte("keyset"), nil); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the file was written a second time")
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("the directory holds %v", files)
	}
}

func TestCreatedTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kek.json")
	var wg sync.WaitGroup
	wrapped := make([][]byte, 8)
	for i := range wrapped {
		k := open(t, path)
		wg.Go(func() {
			var err error
			if wrapped[i], err = k.EncryptWithContext(t.Context(), []byte("keyset"), nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	k := open(t, path)
	for i, w := range wrapped {
		if got, err := k.DecryptWithContext(t.Context(), w, nil); string(got) != "keyset" {
			t.Errorf("what creator %d wrapped opens as %q, %v", i, got, err)
		}
	}
}

// TestMissing: a lost file is never replaced by a new key.
func TestMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "kek", "kek.json")
	keys, err := sqlite.OpenKeys(t.Context(), filepath.Join(dir, "keys.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	vault := func() error {
		k, err := filekek.Open(path)
		if err != nil {
			return err
		}
		v, err := crypto.OpenVault(t.Context(), keys, k, "00D000000000001EAA")
		if err == nil {
			v.Close()
		}
		return err
	}
	if err := vault(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := vault(); fault.CodeOf(err) != fault.KeyUnavailable || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("without its file: %v, want %s", err, fault.KeyUnavailable)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("a new key file was made")
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if err := vault(); err != nil {
		t.Errorf("with its file back: %v", err)
	}
}

// TestRotated: a file with a second key opens what the first one sealed.
func TestRotated(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kek.json")
	old, err := open(t, path).EncryptWithContext(t.Context(), []byte("keyset"), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	m := keyset.NewManagerFromHandle(h)
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err == nil {
		err = m.SetPrimary(id)
	}
	if err != nil {
		t.Fatal(err)
	}
	if h, err = m.Handle(); err != nil {
		t.Fatal(err)
	}
	var both bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&both)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, both.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	k := open(t, path)
	if got, err := k.DecryptWithContext(t.Context(), old, nil); string(got) != "keyset" {
		t.Errorf("the rotated file opens %q, %v", got, err)
	}
	fresh, err := k.EncryptWithContext(t.Context(), []byte("keyset"), nil)
	if err != nil || binary.BigEndian.Uint32(fresh[1:]) != id {
		t.Errorf("the rotated file seals with %x, %v; want key %x", fresh[1:5], err, id)
	}
	if got, err := k.DecryptWithContext(t.Context(), fresh, nil); string(got) != "keyset" {
		t.Errorf("the rotated file opens %q, %v", got, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	good := filepath.Join(t.TempDir(), "kek.json")
	if _, err := open(t, good).EncryptWithContext(t.Context(), nil, nil); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		text      string
		file, dir os.FileMode
		owner     int
		want      fault.Code
	}{
		"good":                {string(text), 0o600, 0o700, 0, ""},
		"read only":           {string(text), 0o400, 0o755, 0, ""},
		"sticky directory":    {string(text), 0o600, 0o777 | os.ModeSticky, 0, ""},
		"readable by group":   {string(text), 0o640, 0o700, 0, fault.ConfigInvalid},
		"writable by others":  {string(text), 0o602, 0o700, 0, fault.ConfigInvalid},
		"directory of others": {string(text), 0o600, 0o777, 0, fault.ConfigInvalid},
		"another user's":      {string(text), 0o600, 0o700, 12345, fault.ConfigInvalid},
		"empty":               {"", 0o600, 0o700, 0, fault.FormatUnknown},
		"no JSON":             {"secret", 0o600, 0o700, 0, fault.FormatUnknown},
		"cut":                 {string(text[:len(text)/2]), 0o600, 0o700, 0, fault.FormatUnknown},
		"another kind of key": {strings.ReplaceAll(string(text), "TINK", "RAW"), 0o600, 0o700, 0, fault.FormatUnknown},
		"disabled key":        {strings.ReplaceAll(string(text), "ENABLED", "DISABLED"), 0o600, 0o700, 0, fault.FormatUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "d", "kek.json")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if test.owner != 0 {
				if os.Geteuid() != 0 {
					t.Skip("only root can give a file away")
				}
				if err := os.Chown(path, test.owner, -1); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(path, test.file); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Dir(path), test.dir); err != nil {
				t.Fatal(err)
			}
			_, err := filekek.Open(path)
			if fault.CodeOf(err) != test.want {
				t.Errorf("%v, want %q", err, test.want)
			}
			if err != nil && test.text != "" && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows the file: %v", err)
			}
		})
	}
	if _, err := filekek.Open(t.TempDir()); fault.CodeOf(err) != fault.ConfigInvalid {
		t.Errorf("a directory: %v, want %s", err, fault.ConfigInvalid)
	}
}

func TestBeside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Symlink(dir, dir+"-link"); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir + "-link")
	for name, test := range map[string]struct {
		database string
		options  []filekek.Option
		want     fault.Code
		says     string
	}{
		"apart":            {filepath.Join(t.TempDir(), "keys.db"), nil, "", "a file on this machine"},
		"below":            {filepath.Join(dir, "data", "keys.db"), nil, "", "a file on this machine"},
		"beside":           {filepath.Join(dir, "keys.db"), nil, fault.ConfigInvalid, ""},
		"beside by a link": {filepath.Join(dir+"-link", "keys.db"), nil, fault.ConfigInvalid, ""},
		"no reason":        {filepath.Join(dir, "keys.db"), []filekek.Option{filekek.Colocated("")}, fault.ConfigInvalid, ""},
		"accepted":         {filepath.Join(dir, "keys.db"), []filekek.Option{filekek.Colocated("a trial")}, "", "beside the database keys.db, accepted because: a trial"},
	} {
		exposure, err := open(t, filepath.Join(dir, "kek.json"), test.options...).Beside(test.database)
		if fault.CodeOf(err) != test.want || !strings.Contains(exposure, test.says) {
			t.Errorf("%s: %q, %v; want %q, %q", name, exposure, err, test.says, test.want)
		}
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	kek, err := filekek.Open(filepath.Join(dir, "kek.json"), filekek.Colocated("an example"))
	if err != nil {
		panic(err)
	}
	keys, err := sqlite.OpenKeys(context.Background(), filepath.Join(dir, "keys.db"))
	if err != nil {
		panic(err)
	}
	defer keys.Close()
	vault, err := crypto.OpenVault(context.Background(), keys, kek, "00D000000000001EAA")
	if err != nil {
		panic(err)
	}
	defer vault.Close()
	fmt.Println(vault.Exposures()[0])
	// Output: the key-encryption key is a file beside the database keys.db, accepted because: an example
}
