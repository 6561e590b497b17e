package crypto_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"slices"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
)

// inMemory is a key store whose rotation costs nothing.
type inMemory struct {
	*store
	keys []crypto.PersonKey
}

func (s *inMemory) Count(context.Context) (int64, error) { return int64(len(s.keys)), nil }

func (s *inMemory) Wrapped(_ context.Context, after crypto.PersonKey, n int) ([]crypto.PersonKey, error) {
	at := 0
	if after.Generation > 0 {
		at, _ = slices.BinarySearchFunc(s.keys, after, func(a, b crypto.PersonKey) int { return slices.Compare(a.Person[:], b.Person[:]) })
		at++
	}
	return s.keys[at:min(at+n, len(s.keys))], nil
}

func (s *inMemory) Rewrap(context.Context, []crypto.PersonKey) error { return nil }

// BenchmarkRewrap wraps the keys of persons anew, beside the cipher alone: one
// open and one seal of 32 bytes for each.
func BenchmarkRewrap(b *testing.B) {
	const n = 200_000
	e := newEnv(b)
	wants := make([]crypto.Want, n)
	for i := range wants {
		wants[i].Record = contact(i)
	}
	for page := range slices.Chunk(wants, 10_000) {
		_, err := e.begin().Subjects(b.Context(), page)
		must(b, err)
	}
	memory := &inMemory{store: e.keys}
	for len(memory.keys) < n {
		var last crypto.PersonKey
		if len(memory.keys) > 0 {
			last = memory.keys[len(memory.keys)-1]
		}
		page, err := e.keys.Wrapped(b.Context(), last, 10_000)
		must(b, err)
		memory.keys = append(memory.keys, page...)
	}
	rewrap := func(b *testing.B, vault *crypto.Vault) {
		for b.Loop() {
			b.StopTimer()
			must(b, e.vault.RotateBranch(b.Context()))
			b.StartTimer()
			for _, err := range vault.RewrapKeys(b.Context()) {
				must(b, err)
			}
		}
		b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "keys/s")
	}
	b.Run("memory", func(b *testing.B) { rewrap(b, openVault(b, memory, e.kek, orgA)) })
	b.Run("sqlite", func(b *testing.B) { rewrap(b, e.vault) })
	b.Run("cipher", func(b *testing.B) {
		block, err := aes.NewCipher(make([]byte, 32))
		must(b, err)
		aead, err := cipher.NewGCMWithRandomNonce(block)
		must(b, err)
		sealed, buf := aead.Seal(nil, nil, make([]byte, 32), nil), make([]byte, 0, 64)
		for b.Loop() {
			for range n {
				_, err := aead.Open(buf, nil, sealed, nil)
				must(b, err)
				aead.Seal(buf, nil, sealed[:32], nil)
			}
		}
		b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "keys/s")
	})
}
