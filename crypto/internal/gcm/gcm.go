// Package gcm seals with AES-256-GCM in the wire format of Tink's AesGcmKey.
//
// The rule it keeps: what it writes, any Tink implementation opens with the
// same key, and the other way round; but it runs on the standard library's
// [cipher.NewGCMWithRandomNonce], which chooses every nonce itself. That is
// faster than Tink's own primitive and the only GCM that GODEBUG=fips140=only
// allows. A sealed message is
//
//	0x01 | key id, 4 bytes big endian | nonce, 12 | ciphertext | tag, 16
//
// (Tink wire format, "TINK" output prefix,
// https://developers.google.com/tink/wire-format).
package gcm

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

const (
	version   = 0x01
	prefixLen = 5
	nonceLen  = 12
	tagLen    = 16

	// KeyLen is the length of a raw key in bytes.
	KeyLen = 32
	// Overhead is how much longer a sealed message is than its plaintext.
	Overhead = prefixLen + nonceLen + tagLen
)

// Key is one AES-256 key and its id. It is a closure, so that printing it in
// whatever way shows no key bytes. It is safe for concurrent use.
type Key struct {
	f func() (uint32, cipher.AEAD)
}

// New makes a key of 32 raw bytes, which it copies into the cipher's schedule. Of
// another length the error is FormatUnknown.
func New(id uint32, raw []byte) (Key, error) {
	if len(raw) != KeyLen {
		return Key{}, fault.New(fault.FormatUnknown, "gcm.New", "a key has not its 32 bytes; restore the keys database from a backup")
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return Key{}, fault.Wrap(err, fault.Internal, "gcm.New", "AES is not available; report this")
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return Key{}, fault.Wrap(err, fault.Internal, "gcm.New", "AES-GCM is not available; report this")
	}
	return Key{f: func() (uint32, cipher.AEAD) { return id, aead }}, nil
}

// ID is the key's id, the four bytes that its messages carry.
func (k Key) ID() uint32 { id, _ := k.f(); return id }

// Seal appends the sealed plaintext to dst. plaintext and associated must not
// overlap the free capacity of dst.
func (k Key) Seal(dst, plaintext, associated []byte) []byte {
	id, aead := k.f()
	dst = append(slices.Grow(dst, len(plaintext)+Overhead), version)
	dst = binary.BigEndian.AppendUint32(dst, id)
	return aead.Seal(dst, nil, plaintext, associated)
}

// Sample reports whether the last message in sealed has a nonce that ends in
// two zero bytes, as one of 65,536 has. As nonces are uniformly random, each
// such message stands for 65,536, and a key's uses can be counted without a
// write for every one.
func Sample(sealed []byte, start int) bool {
	end := start + prefixLen + nonceLen
	return sealed[end-1] == 0 && sealed[end-2] == 0
}

// SampleWeight is how many messages one sampled message stands for.
const SampleWeight = 1 << 16

// ID reads the key id of a sealed message. It reports FormatUnknown for another
// version and Tampered for a message that is too short to be one.
func ID(sealed []byte) (uint32, error) {
	if len(sealed) > 0 && sealed[0] != version {
		return 0, fault.New(fault.FormatUnknown, "crypto.Open", "the sealed bytes are of an unknown version; open them with a newer release")
	}
	if len(sealed) < Overhead {
		return 0, fault.New(fault.Tampered, "crypto.Open", "the sealed bytes are cut short; read the record again from Salesforce")
	}
	return binary.BigEndian.Uint32(sealed[1:]), nil
}

// Open appends the plaintext of a sealed message to dst. The error is
// FormatUnknown, or Tampered where the message is not as it was sealed, was
// sealed for other associated data or by another key.
func (k Key) Open(dst, sealed, associated []byte) ([]byte, error) {
	got, err := ID(sealed)
	if err != nil {
		return nil, err
	}
	id, aead := k.f()
	if got == id {
		if out, err := aead.Open(dst, nil, sealed[prefixLen:], associated); err == nil {
			return out, nil
		}
	}
	return nil, fault.New(fault.Tampered, "crypto.Open", "the sealed bytes do not open where they stand; read the record again from Salesforce")
}

// Ring is the enabled keys of one Tink keyset; the first is the primary.
type Ring []Key

// Generate makes a keyset with one new AES-256-GCM key.
func Generate() (*keyset.Handle, error) {
	params, err := aesgcm.NewParameters(aesgcm.ParametersOpts{
		KeySizeInBytes: KeyLen, IVSizeInBytes: nonceLen, TagSizeInBytes: tagLen, Variant: aesgcm.VariantTink})
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "gcm.Generate", "Tink does not know AES256_GCM; report this")
	}
	m := keyset.NewManager()
	id, err := m.AddNewKeyFromParameters(params)
	if err == nil {
		err = m.SetPrimary(id)
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "gcm.Generate", "Tink could not make a key; report this")
	}
	return handle(m)
}

func handle(m *keyset.Manager) (*keyset.Handle, error) {
	h, err := m.Handle()
	return h, fault.Wrap(err, fault.Internal, "gcm.Generate", "Tink could not make a keyset; report this")
}

// FromHandle takes the enabled keys out of a keyset. All must be of type
// AES256_GCM with the TINK prefix: a key without prefix would have to be tried.
func FromHandle(h *keyset.Handle) (Ring, error) {
	var ring Ring
	for i := range h.Len() {
		entry, err := h.Entry(i)
		if err != nil {
			return nil, fault.Wrap(err, fault.FormatUnknown, "gcm.FromHandle", "the keyset cannot be read; restore it")
		}
		if entry.KeyStatus() != keyset.Enabled {
			continue
		}
		key, err := fromEntry(entry)
		if err != nil {
			return nil, err
		}
		if ring = append(ring, key); entry.IsPrimary() {
			ring[0], ring[len(ring)-1] = ring[len(ring)-1], ring[0]
		}
	}
	if len(ring) == 0 {
		return nil, fault.New(fault.FormatUnknown, "gcm.FromHandle", "the keyset has no enabled key; restore it")
	}
	return ring, nil
}

func fromEntry(entry *keyset.Entry) (Key, error) {
	k, ok := entry.Key().(*aesgcm.Key)
	if !ok || k.KeyBytes().Len() != KeyLen || len(k.OutputPrefix()) != prefixLen {
		return Key{}, fault.New(fault.FormatUnknown, "gcm.FromHandle", "the keyset holds another kind of key; use AES256_GCM keys with the TINK prefix")
	}
	raw := k.KeyBytes().Data(insecuresecretdataaccess.Token{})
	defer clear(raw)
	return New(entry.KeyID(), raw)
}

// Seal appends the plaintext sealed with the primary key.
func (r Ring) Seal(dst, plaintext, associated []byte) []byte {
	return r[0].Seal(dst, plaintext, associated)
}

// Open opens with the key that the message names, never by trial.
func (r Ring) Open(dst, sealed, associated []byte) ([]byte, error) {
	id, err := ID(sealed)
	if err != nil {
		return nil, err
	}
	for _, k := range r {
		if k.ID() == id {
			return k.Open(dst, sealed, associated)
		}
	}
	return nil, fault.New(fault.KeyMissing, "crypto.Open", "the key that sealed this is not in the keyset; restore the keyset")
}
