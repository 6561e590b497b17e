package crypto_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"

	"github.com/sfsync/sfsync-go/crypto"
)

// tinkPRF computes digests with nothing but Tink, a stored keyset and the package
// doc.
func (e *env) tinkPRF(use string, data []byte) []byte {
	e.Helper()
	keysets, err := e.vault.Keysets(e.Context())
	must(e, err)
	for _, k := range keysets {
		if k.Use != use {
			continue
		}
		h, err := keyset.ReadWithContext(e.Context(), keyset.NewBinaryReader(bytes.NewReader(k.Sealed)), e.kek,
			tuple("sfsync/keyset/1", orgA, use, k.Version))
		must(e, err)
		set, err := prf.NewPRFSet(h)
		must(e, err)
		sum, err := set.ComputePrimaryPRF(data, 32)
		must(e, err)
		return sum
	}
	e.Fatalf("there is no keyset for %s", use)
	return nil
}

// mints is a key store that keeps the mint it was given.
type mints struct {
	*store
	last *crypto.Mint
}

func (m mints) Keys(ctx context.Context, persons []crypto.Person, mint crypto.Mint) ([]crypto.Holder, error) {
	*m.last = mint
	return m.store.Keys(ctx, persons, mint)
}

// TestTombstonesStay: digests of today are those of every later release. With
// another label or key all who were forgotten would come back.
func TestTombstonesStay(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	var mint crypto.Mint
	vault := openVault(t, mints{e.keys, &mint}, e.kek, orgA)
	_, err := vault.Keyed(t.Context(), []crypto.Person{{1}})
	must(t, err)
	for kind, value := range map[crypto.TombstoneKind][]byte{
		crypto.RecordTombstone: []byte(contact(1).Record), crypto.PersonTombstone: bytes.Repeat([]byte{7}, 16),
	} {
		got := mint.Digest(kind, value)
		want := e.tinkPRF(crypto.SuppressionUse, tuple("sfsync/tombstone/1", orgA, string(kind), string(value)))
		if !bytes.Equal(got[:], want) {
			t.Errorf("the digest of a tombstone of kind %c is %x, want %x", kind, got, want)
		}
	}
}

// TestIndexStays: likewise of what is found.
func TestIndexStays(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.ensure(crypto.EmailIndex, crypto.ExactIndex)
	b := e.begin()
	for kind, value := range map[crypto.IndexType]string{crypto.EmailIndex: "ada@example.com", crypto.ExactIndex: "A-17"} {
		entries := b.Entries(nil, e.subject(b, contact(1)), field(1, "Email"), kind, []byte(value))
		if len(entries) != 1 {
			t.Fatalf("%d entries of one value", len(entries))
		}
		got := entries[0]
		want := e.tinkPRF("index:"+string(kind), tuple("sfsync/index/1", orgA, string(kind), got.Version, got.Normaliser, value))
		if !bytes.Equal(got.Digest[:], want[:16]) {
			t.Errorf("the digest of a value of type %s is %x, want %x", kind, got.Digest, want[:16])
		}
	}
}
