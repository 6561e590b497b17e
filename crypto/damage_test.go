package crypto_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// held is what a keys database holds, as byte strings.
type held struct {
	keysets []crypto.Keyset
	key     crypto.PersonKey
	entry   logged
}

// keyset is that of a use, or none of the database's.
func (h *held) keyset(use string) *crypto.Keyset {
	if i := slices.IndexFunc(h.keysets, func(k crypto.Keyset) bool { return k.Use == use }); i >= 0 {
		return &h.keysets[i]
	}
	return new(crypto.Keyset)
}

// bent is a key store that answers with other bytes than it holds.
type bent struct {
	*store
	bend func(*held)
}

func (b bent) Root(ctx context.Context) (crypto.Root, error) {
	root, err := b.store.Root(ctx)
	root.Keysets = slices.Clone(root.Keysets)
	b.bend(&held{keysets: root.Keysets})
	return root, err
}

func (b bent) Keys(ctx context.Context, p []crypto.Person, m crypto.Mint) ([]crypto.Holder, error) {
	holders, err := b.store.Keys(ctx, p, m)
	for _, h := range holders {
		for i, k := range h.Keys {
			all := held{key: k}
			b.bend(&all)
			h.Keys[i] = all.key
		}
	}
	return holders, err
}

func (b bent) ForgetEntries(ctx context.Context) ([]crypto.ForgetEntry, error) {
	entries, err := b.store.ForgetEntries(ctx)
	for i, e := range entries {
		all := held{entry: logged{e.Body(), e.Mac[:]}}
		b.bend(&all)
		if entries[i], err = crypto.ParseForgetEntry(all.entry.body); err != nil {
			return nil, err
		}
		if len(all.entry.mac) != len(e.Mac) { // as every store has to see for itself
			return nil, fault.New(fault.StoreDamaged, "bent.ForgetEntries", "an authenticator has another length")
		}
		entries[i].Mac = crypto.Digest(all.entry.mac)
	}
	return entries, err
}

// part picks one of the byte strings.
type part func(*held) *[]byte

var parts = map[string]part{
	"wrapped key":          func(h *held) *[]byte { return &h.key.Wrapped },
	"branch keyset":        func(h *held) *[]byte { return &h.keyset("branch").Sealed },
	"branch proof":         func(h *held) *[]byte { return &h.keyset("branch").Proof },
	"suppression keyset":   func(h *held) *[]byte { return &h.keyset("suppression").Sealed },
	"suppression proof":    func(h *held) *[]byte { return &h.keyset("suppression").Proof },
	"index keyset":         func(h *held) *[]byte { return &h.keyset("index:email").Sealed },
	"index proof":          func(h *held) *[]byte { return &h.keyset("index:email").Proof },
	"forget entry":         func(h *held) *[]byte { return &h.entry.body },
	"forget authenticator": func(h *held) *[]byte { return &h.entry.mac },
}

// full is an env that has all parts, and a value in it.
func full(t testing.TB) (*env, crypto.Sealed) {
	t.Helper()
	e := newEnv(t)
	e.ensure(crypto.EmailIndex)
	_, err := e.vault.Forget(context.Background(), e.seal(field(2, "LastName"), "Babbage").Person)
	must(t, err)
	return e, e.seal(field(1, "LastName"), "Lovelace")
}

// bending opens a value, after the forget log and the index, while one part of
// the keys database is another.
func (e *env) bending(v crypto.Sealed, of part, change func([]byte) []byte) (string, error) {
	keys := bent{e.keys, func(h *held) {
		if b := of(h); *b != nil {
			*b = change(*b)
		}
	}}
	vault, err := crypto.OpenVault(context.Background(), keys, e.kek, orgA)
	if err != nil {
		return "", err
	}
	entries, err := keys.ForgetEntries(context.Background())
	if err == nil {
		err = vault.CheckForgets(entries)
	}
	if err == nil {
		_, err = vault.Sealer().Begin(context.Background())
	}
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
	e, v := full(t)
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
