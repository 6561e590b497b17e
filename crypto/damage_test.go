package crypto_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// bent is a key store that answers with other bytes than it holds.
type bent struct {
	*store
	bend func(keysets []crypto.Keyset, key *crypto.PersonKey)
}

func (b bent) Root(ctx context.Context) (crypto.Root, error) {
	root, err := b.store.Root(ctx)
	b.bend(root.Keysets, &crypto.PersonKey{})
	return root, err
}

func (b bent) Keys(ctx context.Context, p []crypto.Person, m crypto.Mint) ([]crypto.Holder, error) {
	holders, err := b.store.Keys(ctx, p, m)
	for _, h := range holders {
		for i := range h.Keys {
			b.bend(make([]crypto.Keyset, 2), &h.Keys[i])
		}
	}
	return holders, err
}

// part picks one of the byte strings that a keys database holds.
type part func(keysets []crypto.Keyset, key *crypto.PersonKey) *[]byte

var parts = map[string]part{
	"wrapped key":        func(_ []crypto.Keyset, k *crypto.PersonKey) *[]byte { return &k.Wrapped },
	"branch keyset":      func(s []crypto.Keyset, _ *crypto.PersonKey) *[]byte { return &s[0].Sealed },
	"branch proof":       func(s []crypto.Keyset, _ *crypto.PersonKey) *[]byte { return &s[0].Proof },
	"suppression keyset": func(s []crypto.Keyset, _ *crypto.PersonKey) *[]byte { return &s[1].Sealed },
	"suppression proof":  func(s []crypto.Keyset, _ *crypto.PersonKey) *[]byte { return &s[1].Proof },
}

// bending opens a value while one part of the keys database is another.
func (e *env) bending(v crypto.Sealed, of part, change func([]byte) []byte) (string, error) {
	keys := bent{e.keys, func(s []crypto.Keyset, k *crypto.PersonKey) {
		if b := of(s, k); *b != nil {
			*b = change(*b)
		}
	}}
	vault, err := crypto.OpenVault(context.Background(), keys, e.kek, orgA)
	if err != nil {
		return "", err
	}
	with := *e
	with.vault = vault
	return with.open(v)
}

// size is the length of a part.
func (e *env) size(v crypto.Sealed, of part) (n int) {
	e.Helper()
	text, err := e.bending(v, of, func(b []byte) []byte { n = len(b); return b })
	if err != nil || text != "Lovelace" || n == 0 {
		e.Fatalf("unbent, with a part of %d bytes, it opens %q, %v", n, text, err)
	}
	return n
}

// TestDamagedKeys flips every bit of every part of the keys database, and cuts
// each at every length. TestDamage does the same to the value.
func TestDamagedKeys(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	v := e.seal(field(1, "LastName"), "Lovelace")
	for name, of := range parts {
		n := e.size(v, of)
		refused := func(what string, change func([]byte) []byte) {
			text, err := e.bending(v, of, change)
			if fault.CodeOf(err) == "" || text != "" {
				t.Errorf("%s of %d bytes, %s: opened %q, %v", name, n, what, text, err)
			}
		}
		for i := range n * 8 {
			refused(fmt.Sprintf("bit %d flipped", i), func(b []byte) []byte {
				b = bytes.Clone(b)
				b[i/8] ^= 1 << (i % 8)
				return b
			})
		}
		for i := range n {
			refused(fmt.Sprintf("cut to %d", i), func(b []byte) []byte { return b[:i] })
		}
	}
}

// TestDamagedFile flips every bit of the key file, and cuts it at every length.
// It is text that nothing authenticates: a bit may change nothing that counts,
// and then the value opens as it did.
func TestDamagedFile(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	v := e.seal(field(1, "LastName"), "Lovelace")
	path := filepath.Join(e.dir, "kek", "kek.json")
	whole, err := os.ReadFile(path)
	must(t, err)
	with := func(file []byte) (string, error) {
		must(t, os.WriteFile(path, file, 0o600))
		kek, err := filekek.Open(path)
		if err != nil {
			return "", err
		}
		return e.reopened(kek, v)
	}
	if text, err := with(whole); text != "Lovelace" {
		t.Fatalf("opened %q, %v", text, err)
	}
	same := 0
	for i := range len(whole) * 8 {
		file := bytes.Clone(whole)
		file[i/8] ^= 1 << (i % 8)
		switch text, err := with(file); {
		case text == "Lovelace":
			same++
		case fault.CodeOf(err) == "" || text != "":
			t.Errorf("bit %d of %q: opened %q, %v", i, whole, text, err)
		}
	}
	if same > 8 {
		t.Errorf("%d of %d bits change nothing", same, len(whole)*8)
	}
	for n := range len(whole) - 1 { // the last byte may be the end of the line
		if text, err := with(whole[:n]); fault.CodeOf(err) != fault.FormatUnknown {
			t.Errorf("cut to %d: opened %q, %v", n, text, err)
		}
	}
}

// reopened opens the vault with a key-encryption key, and a value in it.
func (e *env) reopened(kek tink.AEADWithContext, v crypto.Sealed) (string, error) {
	vault, err := crypto.OpenVault(context.Background(), e.keys, kek, orgA)
	if err != nil {
		return "", err
	}
	with := *e
	with.vault = vault
	return with.open(v)
}
