// Package mac authenticates with HMAC-SHA-256 (RFC 2104, FIPS 198-1) and the
// key of a Tink keyset.
//
// The rule it keeps: the same bytes as Tink's HMAC PRF with the same key, whole
// and never cut short, but from the standard library and with its state reused,
// which is faster and allocates nothing.
package mac

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"

	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf/hmacprf"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// MinKeyLen is the least length of a key in bytes: that of Tink's HMAC keys, and
// above the 14 bytes that GODEBUG=fips140=only asks for (NIST SP 800-131A).
const MinKeyLen = 16

// Key is an HMAC-SHA-256 key. It is a closure, so that printing it in whatever
// way shows no key bytes. It is safe for concurrent use.
type Key struct {
	f func(data []byte) [sha256.Size]byte
}

// New makes a key of raw bytes, which it keeps.
func New(raw []byte) (Key, error) {
	if len(raw) < MinKeyLen {
		return Key{}, fault.New(fault.Internal, "mac.New", "a key has at least 16 bytes; report this")
	}
	pool := &sync.Pool{New: func() any { return hmac.New(sha256.New, raw) }}
	return Key{func(data []byte) (sum [sha256.Size]byte) {
		h := pool.Get().(hash.Hash)
		defer pool.Put(h)
		h.Reset()
		h.Write(data)
		h.Sum(sum[:0])
		return sum
	}}, nil
}

// FromHandle takes the primary key of a keyset, which must be an HMAC PRF key
// for SHA-256.
func FromHandle(h *keyset.Handle) (Key, error) {
	entry, err := h.Primary()
	if err != nil {
		return Key{}, fault.Wrap(err, fault.FormatUnknown, "mac.FromHandle", "the keyset has no primary key; restore it")
	}
	k, ok := entry.Key().(*hmacprf.Key)
	if !ok || k.Parameters().(*hmacprf.Parameters).HashType() != hmacprf.SHA256 {
		return Key{}, fault.New(fault.FormatUnknown, "mac.FromHandle", "the keyset holds another kind of key; use HMAC_SHA256_PRF")
	}
	return New(k.KeyBytes().Data(insecuresecretdataaccess.Token{}))
}

// Sum is the HMAC of data.
func (k Key) Sum(data []byte) [sha256.Size]byte { return k.f(data) }

// Equal compares in constant time.
func (k Key) Equal(data, sum []byte) bool {
	want := k.f(data)
	return hmac.Equal(want[:], sum)
}
