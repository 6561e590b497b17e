package crypto_test

import (
	"bytes"
	"context"
	"crypto/fips140"
	"encoding/binary"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
)

// tuple writes associated data as the package doc says, in code of its own.
func tuple(parts ...any) []byte {
	var out []byte
	for _, p := range parts {
		var b []byte
		switch p := p.(type) {
		case string:
			b = []byte(p)
		case crypto.Person:
			b = p[:]
		case crypto.KeyID:
			b = binary.BigEndian.AppendUint32(nil, uint32(p))
		case int:
			b = binary.BigEndian.AppendUint32(nil, uint32(p))
		}
		out = append(binary.AppendUvarint(out, uint64(len(b))), b...)
	}
	return out
}

// branchKey opens the branch keyset with nothing but Tink, the stored bytes and
// the package doc.
func branchKey(t testing.TB, e *env) tink.AEAD {
	t.Helper()
	root, err := e.keys.Root(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	branch := root.Keysets[0]
	h, err := keyset.ReadWithContext(context.Background(), keyset.NewBinaryReader(bytes.NewReader(branch.Sealed)), e.kek,
		tuple("sfsync/keyset/1", orgA, "branch", 1))
	if err != nil {
		t.Fatal(err)
	}
	return oracle(t, func() (tink.AEAD, error) { return aead.New(h) })
}

// oracle makes a primitive of Tink's own. GODEBUG=fips140=only forbids it, as its
// nonces come from outside the module; here it only stands for others' software.
func oracle(t testing.TB, build func() (tink.AEAD, error)) (a tink.AEAD) {
	t.Helper()
	var err error
	fips140.WithoutEnforcement(func() { a, err = build() })
	must(t, err)
	return a
}

// rawKey goes on from there to a person's key.
func rawKey(t testing.TB, e *env, p crypto.Person) []byte {
	t.Helper()
	holders, err := e.keys.Keys(context.Background(), []crypto.Person{p}, nil)
	if err != nil {
		t.Fatal(err)
	}
	k := holders[0].Keys[0]
	raw, err := branchKey(t, e).Decrypt(k.Wrapped, tuple("sfsync/person-key/1", orgA, 1, p, 1, k.ID))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// tinkKey is a person's key in Tink's hands.
func tinkKey(t testing.TB, raw []byte, id crypto.KeyID) tink.AEAD {
	t.Helper()
	params, err := aesgcm.NewParameters(aesgcm.ParametersOpts{KeySizeInBytes: 32, IVSizeInBytes: 12, TagSizeInBytes: 16, Variant: aesgcm.VariantTink})
	if err != nil {
		t.Fatal(err)
	}
	key, err := aesgcm.NewKey(secretdata.NewBytesFromData(raw, insecuresecretdataaccess.Token{}), uint32(id), params)
	if err != nil {
		t.Fatal(err)
	}
	return oracle(t, func() (tink.AEAD, error) { return aesgcm.NewAEAD(key) })
}

// TestTink: what we seal Tink opens with the same key, and the other way round.
func TestTink(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	f := field(1, "LastName")
	v := e.seal(f, "Lovelace")
	id := crypto.KeyID(binary.BigEndian.Uint32(v.Bytes[1:]))
	key := tinkKey(t, rawKey(t, e, v.Person), id)
	place := tuple("sfsync/field/1", orgA, "Contact", f.Record, "LastName", v.Person, id)

	plain, err := key.Decrypt(v.Bytes, place)
	if want := "\x01\x08Lovelace\x00\x00\x00\x00\x00\x00"; err != nil || string(plain) != want {
		t.Errorf("Tink opens %q, %v; want %q", plain, err, want)
	}
	v.Bytes, err = key.Encrypt([]byte("\x01\x07Babbage\x00\x00\x00\x00\x00\x00\x00"), place)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := e.open(v); got != "Babbage" {
		t.Errorf("what Tink sealed opens as %q, %v", got, err)
	}
}
