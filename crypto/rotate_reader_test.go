package crypto_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// reader reads the keys database in a transaction, as a backup does, until the
// release: what was deleted stays in its log so long.
func (e *env) reader() (release func()) {
	e.Helper()
	c, err := sqlite3.Open(e.keys.Path())
	must(e, err)
	e.Cleanup(func() { c.Close() })
	must(e, c.Exec(`BEGIN; SELECT count(*) FROM root`))
	return func() { must(e, c.Exec(`ROLLBACK`)) }
}

// holds reports whether the files of the keys database have the bytes.
func (e *env) holds(secret []byte) bool {
	e.Helper()
	files, err := filepath.Glob(e.keys.Path() + "*")
	must(e, err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		must(e, err)
		if bytes.Contains(b, secret) {
			return true
		}
	}
	return false
}

// TestRotateKEKBesideReader: all is under the next key when it says that bytes
// of before are left, so the process goes on with that one, and may repeat.
func TestRotateKEKBesideReader(t *testing.T) {
	t.Parallel()
	e, next := newEnv(t), nextKEK(t)
	keysets, err := e.vault.Keysets(t.Context())
	must(t, err)
	release := e.reader()
	if err := e.vault.RotateKEK(t.Context(), next); fault.CodeOf(err) != fault.StoreBusy {
		t.Fatalf("beside a reader: %v, want %s", err, fault.StoreBusy)
	}
	release()
	must(t, e.vault.RotateBranch(t.Context())) // calls the key
	must(t, e.vault.RotateKEK(t.Context(), next))
	if e.holds(keysets[0].Sealed) {
		t.Error("a keyset under the key from before is in the files")
	}
	e.all(next)
}

// TestDestroyBranchBesideReader: a repetition takes out what a reader kept in.
func TestDestroyBranchBesideReader(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	keysets, err := e.vault.Keysets(t.Context())
	must(t, err)
	must(t, e.vault.RotateBranch(t.Context()))
	release := e.reader()
	for range 2 {
		if err := e.vault.DestroyBranch(t.Context(), 1); fault.CodeOf(err) != fault.StoreBusy {
			t.Errorf("beside a reader: %v, want %s", err, fault.StoreBusy)
		}
	}
	release()
	if !e.holds(keysets[0].Sealed) {
		t.Fatal("the destroyed keyset is in no file to begin with")
	}
	must(t, e.vault.DestroyBranch(t.Context(), 1))
	if e.holds(keysets[0].Sealed) {
		t.Error("the destroyed keyset is still in the files")
	}
}

// TestForgetBesideReader: what the forgetting left in the log goes with the next
// person that comes.
func TestForgetBesideReader(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	v := e.seal(field(1, "LastName"), "Lovelace")
	held, err := e.keys.Keys(t.Context(), []crypto.Person{v.Person}, nil)
	must(t, err)
	secret := held[0].Keys[0].Wrapped
	release := e.reader()
	if _, err := e.vault.Forget(t.Context(), v.Person); fault.CodeOf(err) != fault.StoreBusy {
		t.Errorf("beside a reader: %v, want %s", err, fault.StoreBusy)
	}
	e.seal(field(2, "LastName"), "Hopper") // beside the reader, none the worse
	release()
	if !e.holds(secret) {
		t.Fatal("the destroyed key is in no file to begin with")
	}
	e.seal(field(3, "LastName"), "Babbage")
	if e.holds(secret) {
		t.Error("the destroyed key is still in the files")
	}
}
