package cryptotest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
)

// mint makes keys that open nothing, and remembers them.
type mint struct {
	mu   sync.Mutex
	made []crypto.PersonKey
}

func (m *mint) Key(p crypto.Person) (crypto.PersonKey, error) {
	if p.IsZero() {
		rand.Read(p[:])
		binary.BigEndian.PutUint64(p[:8], uint64(time.Now().UnixMilli())<<16|uint64(p[6])<<8|uint64(p[7]))
	}
	k := crypto.PersonKey{Person: p, Generation: 1, Branch: 1, Wrapped: make([]byte, 65), Created: time.Now().Unix()}
	rand.Read(k.Wrapped)
	k.ID = crypto.KeyID(binary.BigEndian.Uint32(k.Wrapped))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.made = append(m.made, k)
	return k, nil
}

func (m *mint) Authenticate(previous crypto.Digest, body []byte) crypto.Digest {
	return m.Digest(0, append(previous[:], body...))
}

func (m *mint) Digest(kind crypto.TombstoneKind, value []byte) (d crypto.Digest) {
	key := [sha256.Size]byte{byte(kind)} // a shorter one is refused in FIPS-only mode
	h := hmac.New(sha256.New, key[:])
	h.Write(value)
	h.Sum(d[:0])
	return d
}
