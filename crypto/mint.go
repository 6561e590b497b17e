package crypto

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/sfsync/sfsync-go/crypto/internal/gcm"
)

// mint is the vault's Mint: it makes persons and keys inside the store's
// transactions. Without a branch it only makes digests.
type mint struct {
	vault   *Vault
	branch  branch
	version int
}

func (s session) mint(ctx context.Context) (*mint, error) {
	b, err := s.branch(ctx, s.active)
	return &mint{s.vault, b, s.active}, err
}

// Key makes the first key of a person, and the person where p is zero.
func (m *mint) Key(p Person) (PersonKey, error) {
	if p.IsZero() {
		var seed [10]byte
		random(seed[:])
		p = newPerson(time.Now(), &seed)
	}
	return m.generation(p, 1), nil
}

// generation makes and wraps a key for a person.
func (m *mint) generation(p Person, n int) PersonKey {
	k := PersonKey{Person: p, Generation: n, Branch: m.version, Created: time.Now().Unix(), Wrapped: make([]byte, 0, gcm.KeyLen+gcm.Overhead)}
	secretly(func() {
		var fresh [4 + gcm.KeyLen]byte
		random(fresh[:])
		k.ID = KeyID(binary.BigEndian.Uint32(fresh[:]))
		var tuple [128]byte
		k.Wrapped = m.branch.Seal(k.Wrapped, fresh[4:], wrapTuple(tuple[:0], m.vault.org, k))
		clear(fresh[:])
	})
	return k
}

func (m *mint) Digest(kind TombstoneKind, value []byte) Digest {
	var tuple [128]byte
	return m.vault.suppress.Sum(tombstoneTuple(tuple[:0], m.vault.org, kind, value))
}

func (m *mint) Authenticate(previous Digest, body []byte) Digest {
	return m.vault.suppress.Sum(forgetTuple(m.vault.org, previous, body))
}

// next makes the next generation, under an id that the person had never.
func (m *mint) next(h Holder) PersonKey {
	last := h.Keys[len(h.Keys)-1]
	for {
		k := m.generation(h.Person, last.Generation+1)
		fresh := true
		for _, old := range h.Keys {
			fresh = fresh && old.ID != k.ID
		}
		if fresh {
			return k
		}
	}
}
