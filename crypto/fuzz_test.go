package crypto_test

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"google.golang.org/protobuf/proto"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// FuzzOpen bends, cuts and lengthens a sealed value: it opens only unbent. What
// is bent is given as a mask, as every process of the fuzzer has keys of its own.
func FuzzOpen(f *testing.F) {
	e := newEnv(f)
	v := e.seal(field(1, "LastName"), "Lovelace")
	f.Add([]byte{}, uint16(0))
	f.Add([]byte{3}, uint16(0))
	f.Add([]byte{0, 1}, uint16(0))
	f.Add([]byte{}, uint16(1))
	f.Add([]byte{}, uint16(33))
	f.Add(make([]byte, 60), uint16(0))
	f.Fuzz(func(t *testing.T, mask []byte, cut uint16) {
		bent := append(bytes.Clone(v.Bytes), make([]byte, max(0, len(mask)-len(v.Bytes)))...)
		for i, m := range mask {
			bent[i] ^= m
		}
		s, e := v, *e
		s.Bytes, e.TB = bent[:max(0, len(bent)-int(cut))], t
		got, err := e.open(s)
		if (err == nil) != bytes.Equal(s.Bytes, v.Bytes) || err == nil && got != "Lovelace" {
			t.Errorf("%x opened as %q, %v", s.Bytes, got, err)
		}
	})
}

// FuzzStored bends, cuts and lengthens what the keys database holds: the value
// opens only where nothing is bent.
func FuzzStored(f *testing.F) {
	e, v := full(f)
	names := slices.Sorted(maps.Keys(parts))
	for i := range names {
		f.Add(uint8(i), []byte{}, uint16(0))
		f.Add(uint8(i), []byte{1}, uint16(0))
		f.Add(uint8(i), []byte{}, uint16(1))
	}
	f.Fuzz(func(t *testing.T, which uint8, mask []byte, cut uint16) {
		e, same := *e, false
		e.TB = t
		text, err := e.bending(v, parts[names[int(which)%len(names)]], func(b []byte) []byte {
			out := append(bytes.Clone(b), make([]byte, max(0, len(mask)-len(b)))...)
			for i, m := range mask {
				out[i] ^= m
			}
			out = out[:max(0, len(out)-int(cut))]
			same = bytes.Equal(out, b)
			return out
		})
		if same != (text == "Lovelace") || !same && (fault.CodeOf(err) == "" || text != "") {
			t.Errorf("part %s, mask %x, cut %d: opened %q, %v", names[int(which)%len(names)], mask, cut, text, err)
		}
	})
}

// FuzzKeyset reads arbitrary keysets, encrypted as ours are: what whoever holds
// the key-encryption key could put there is a fault, or a keyset without our
// proof.
func FuzzKeyset(f *testing.F) {
	e := newEnv(f)
	v := e.seal(field(1, "LastName"), "Lovelace")
	for _, of := range []*tinkpb.KeyTemplate{aead.AES256GCMKeyTemplate(), aead.AES128GCMKeyTemplate(), aead.AES256GCMNoPrefixKeyTemplate(), prf.HMACSHA256PRFKeyTemplate(), prf.HMACSHA512PRFKeyTemplate()} {
		h, err := keyset.NewHandle(of)
		must(f, err)
		var b bytes.Buffer
		must(f, insecurecleartextkeyset.Write(h, keyset.NewBinaryWriter(&b)))
		f.Add(b.Bytes(), true)
		f.Add(b.Bytes(), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, branch bool) {
		use, of := "suppression", parts["suppression keyset"]
		if branch {
			use, of = "branch", parts["branch keyset"]
		}
		sealed, err := e.kek.EncryptWithContext(t.Context(), data, tuple("sfsync/keyset/1", orgA, use, 1))
		must(t, err)
		encrypted, err := proto.Marshal(&tinkpb.EncryptedKeyset{EncryptedKeyset: sealed})
		must(t, err)
		e := *e
		e.TB = t
		text, err := e.bending(v, of, func([]byte) []byte { return encrypted })
		if fault.CodeOf(err) == "" || text != "" {
			t.Errorf("%x as %s keyset: opened %q, %v", data, use, text, err)
		}
	})
}

// FuzzPadding: what is padded comes back, its length is one of a class, and
// what unpads is what padding it again writes.
func FuzzPadding(f *testing.F) {
	f.Add([]byte("Lovelace"), byte(1), false)
	f.Add([]byte{}, byte(0x80), true)
	f.Add(bytes.Repeat([]byte("x"), 300), byte(3), false)
	f.Add([]byte("\x01\x03abc\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), byte(0), true)
	f.Add([]byte("\x01\x83\x00bc\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), byte(0), true)
	f.Fuzz(func(t *testing.T, b []byte, typ byte, small bool) {
		if typ&crypto.NullBit != 0 {
			b = nil
		}
		padded := crypto.AppendPadded(nil, typ, b, small)
		gotType, got, ok := crypto.Unpad(padded)
		if !ok || gotType != typ || !bytes.Equal(got, b) || len(padded)%16 != 0 || small && len(padded)%64 != 0 {
			t.Fatalf("%d bytes of type %d became %d bytes, and %d of type %d, %v", len(b), typ, len(padded), len(got), gotType, ok)
		}
		if typ, text, ok := crypto.Unpad(b); ok {
			if !bytes.Equal(crypto.AppendPadded(nil, typ, text, false), b) && !bytes.Equal(crypto.AppendPadded(nil, typ, text, true), b) {
				t.Errorf("%x unpads, but padding it again gives other bytes", b)
			}
		}
	})
}
