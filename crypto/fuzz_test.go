package crypto_test

import (
	"bytes"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
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
