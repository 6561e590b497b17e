package crypto_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

const (
	orgA = "00D000000000001EAA"
	orgB = "00D000000000002EAA"
)

// env is a vault over a real keys database and a real key file.
type env struct {
	testing.TB
	dir   string
	keys  *sqlite.Keys
	kek   tink.AEADWithContext
	vault *crypto.Vault
}

func newEnv(t testing.TB) *env {
	t.Helper()
	e := &env{TB: t, dir: t.TempDir()}
	e.keys = openKeys(t, e.dir)
	e.kek = fileKEK(t, filepath.Join(e.dir, "kek", "kek.json"))
	e.vault = openVault(t, e.keys, e.kek, orgA)
	return e
}

func openKeys(t testing.TB, dir string) *sqlite.Keys {
	t.Helper()
	keys, err := sqlite.OpenKeys(context.Background(), filepath.Join(dir, "keys.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	return keys
}

func fileKEK(t testing.TB, path string) tink.AEADWithContext {
	t.Helper()
	kek, err := filekek.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return kek
}

func openVault(t testing.TB, keys crypto.KeyStore, kek tink.AEADWithContext, org string) *crypto.Vault {
	t.Helper()
	v, err := crypto.OpenVault(context.Background(), keys, kek, org)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

func (e *env) begin() *crypto.Batch {
	e.Helper()
	b, err := e.vault.Sealer().Begin(e.Context())
	if err != nil {
		e.Fatal(err)
	}
	return b
}

func (e *env) subject(b *crypto.Batch, record crypto.Link) crypto.Subject {
	e.Helper()
	s, err := b.Subjects(e.Context(), []crypto.Want{{Record: record}})
	if err != nil {
		e.Fatal(err)
	}
	return s[0]
}

func (e *env) opener() *crypto.Opener {
	e.Helper()
	o, err := e.vault.Opener(allow{})
	if err != nil {
		e.Fatal(err)
	}
	return o
}

// open opens one value and returns its text.
func (e *env) open(s crypto.Sealed) (string, error) {
	use := crypto.Use{Actor: "test", Person: s.Person, Object: s.Field.Object, Record: s.Field.Record, Fields: []string{s.Field.Name}}
	plain, err := e.opener().Open(e.Context(), use, s)
	if err != nil {
		return "", err
	}
	text, ok := plain[0].Reveal()
	if !ok {
		return "(null)", nil
	}
	return text, nil
}

// seal seals one value for the record's own person.
func (e *env) seal(f crypto.Field, text string) crypto.Sealed {
	e.Helper()
	b := e.begin()
	s := e.subject(b, crypto.Link{Object: f.Object, Record: f.Record})
	bytes, err := b.Seal(nil, s, f, false, []byte(text))
	if err != nil {
		e.Fatal(err)
	}
	return crypto.Sealed{Person: s.Person(), Field: f, Bytes: bytes}
}

// allow is a recorder that allows everything and writes nothing down.
type allow struct{}

func (allow) Record(context.Context, crypto.Use) error { return nil }

func link(object, prefix string, n int) crypto.Link {
	id, ok := recordid.Normalize(fmt.Sprintf("%s%012d", prefix, n))
	if !ok {
		panic("not an id")
	}
	return crypto.Link{Object: object, Record: id}
}

func contact(n int) crypto.Link { return link("Contact", "003", n) }
func order(n int) crypto.Link   { return link("Order", "801", n) }

func field(n int, name string) crypto.Field {
	return crypto.Field{Object: "Contact", Record: contact(n).Record, Name: name, Type: 1}
}

// hooked is a key store in which something happens after a call, or before one
// of Replace.
type hooked struct {
	*store
	after map[string]func() error
}

type store = sqlite.Keys

func (h hooked) run(call string, err error) error {
	if f := h.after[call]; f != nil && err == nil {
		delete(h.after, call)
		return f()
	}
	return err
}

func (h hooked) Add(ctx context.Context, a crypto.Addition) error {
	if f := h.after["Add"]; f != nil {
		return h.run("Add", nil) // instead of the call
	}
	return h.store.Add(ctx, a)
}

func (h hooked) Link(ctx context.Context, w []crypto.Want, m crypto.Mint) ([]crypto.Holder, error) {
	out, err := h.store.Link(ctx, w, m)
	return out, h.run("Link", err)
}

func (h hooked) Replace(ctx context.Context, was, now []crypto.Keyset) error {
	if err := h.run("Replace", nil); err != nil {
		return err
	}
	return h.store.Replace(ctx, was, now)
}
