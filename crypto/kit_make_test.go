package crypto_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
)

var makeKit = flag.Bool("make", false, "write the cases of testdata that have no file yet")

// TestMakeKit writes cases, with keys made for them, where -make is given. A case
// that has a file keeps it, whatever the code does today.
func TestMakeKit(t *testing.T) {
	if !*makeKit {
		t.Skip("cases are only written with -make")
	}
	w := newWorkshop(t)
	sums, err := os.OpenFile(filepath.Join("testdata", "SHA256SUMS"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	must(t, err)
	defer sums.Close()
	for name, k := range w.cases() {
		if got := k.open(t); got != k.want() {
			t.Errorf("%s: %s, want %s", name, got, k.want())
			continue
		}
		path := filepath.Join("testdata", name+".txt")
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if os.IsExist(err) {
			continue
		}
		must(t, err)
		_, err = f.WriteString(k.String())
		must(t, errors.Join(err, f.Close()))
		_, err = sums.WriteString(sum(path, []byte(k.String())))
		must(t, err)
	}
}

// workshop is a sealed value with the keys above it in Tink's hands, so that
// anything can be sealed the way it should not be.
type workshop struct {
	*testing.T
	base   kit
	kek    tink.AEADWithContext
	branch tink.AEAD
	raw    []byte
	key    tink.AEAD
}

func newWorkshop(t *testing.T) *workshop {
	e := newEnv(t)
	v := e.seal(field(1, "LastName"), "Lovelace")
	root, err := e.keys.Root(t.Context())
	must(t, err)
	holders, err := e.keys.Keys(t.Context(), []crypto.Person{v.Person}, nil)
	must(t, err)
	text, err := os.ReadFile(filepath.Join(e.dir, "kek", "kek.json"))
	must(t, err)
	w := &workshop{T: t, kek: e.kek, branch: branchKey(t, e), raw: rawKey(t, e, v.Person)}
	w.base = kit{expect: "success", kek: compact(t, text), org: root.Org, keysets: root.Keysets, person: v.Person,
		keys: holders[0].Keys, place: v.Field, text: "Lovelace", sealed: v.Bytes}
	w.key = tinkKey(t, w.raw, w.base.keys[0].ID)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func compact(t *testing.T, text []byte) string {
	var b bytes.Buffer
	must(t, json.Compact(&b, text))
	return b.String()
}

// place is the associated data of the value.
func (w *workshop) place(org string, p crypto.Person, f crypto.Field, id crypto.KeyID) []byte {
	return tuple("sfsync/field/1", org, f.Object, f.Record, f.Name, p, id)
}

// value is the base with another plaintext, padding and all.
func (w *workshop) value(plain string) kit {
	return w.valueAt(plain, w.place(orgA, w.base.person, w.base.place, w.base.keys[0].ID))
}

func (w *workshop) valueAt(plain string, place []byte) kit {
	k := w.base.clone()
	var err error
	k.sealed, err = w.key.Encrypt([]byte(plain), place)
	must(w, err)
	return k
}

// wrap wraps raw bytes as a person's key.
func (w *workshop) wrap(branch tink.AEAD, raw []byte, key crypto.PersonKey) []byte {
	out, err := branch.Encrypt(raw, tuple("sfsync/person-key/1", orgA, key.Branch, key.Person, key.Generation, key.ID))
	must(w, err)
	return out
}

// generation adds a key to the base.
func (w *workshop) generation() kit {
	k := w.base.clone()
	next := crypto.PersonKey{Person: k.person, Generation: 2, ID: 0x01020304, Branch: 1}
	fresh := make([]byte, 32)
	rand.Read(fresh)
	next.Wrapped = w.wrap(w.branch, fresh, next)
	k.keys = append(k.keys, next)
	return k
}

// keyset makes one as the vault does, of any kind.
func (w *workshop) keyset(use string, version int, of *tinkpb.KeyTemplate) crypto.Keyset {
	h, err := keyset.NewHandle(of)
	must(w, err)
	k := crypto.Keyset{Use: use, Version: version, State: crypto.Active}
	var b bytes.Buffer
	must(w, h.WriteWithContext(w.Context(), keyset.NewBinaryWriter(&b), w.kek, tuple("sfsync/keyset/1", orgA, use, version)))
	k.Sealed = b.Bytes()
	proven := tuple("sfsync/proof/1", orgA, use, version)
	if use == crypto.BranchUse {
		primitive, err := aead.New(h)
		must(w, err)
		k.Proof, err = primitive.Encrypt(nil, proven)
		must(w, err)
		return k
	}
	set, err := prf.NewPRFSet(h)
	must(w, err)
	k.Proof, err = set.ComputePrimaryPRF(proven, 32)
	must(w, err)
	return k
}

// withKeyset puts a keyset in the place of the base's.
func (w *workshop) withKeyset(use string, of *tinkpb.KeyTemplate) kit {
	k := w.base.clone()
	for i := range k.keysets {
		if k.keysets[i].Use == use {
			k.keysets[i] = w.keyset(use, 1, of)
		}
	}
	return k
}

// withKEK puts another key file in the place of the base's.
func (w *workshop) withKEK(edit func(*keyset.Manager)) kit {
	old, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(strings.NewReader(w.base.kek)))
	must(w, err)
	m := keyset.NewManagerFromHandle(old)
	edit(m)
	h, err := m.Handle()
	must(w, err)
	var b bytes.Buffer
	must(w, insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)))
	k := w.base.clone()
	k.kek = compact(w.T, b.Bytes())
	return k
}
