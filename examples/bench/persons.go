package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// persons measures new persons, each with a key of its own, beside as many bytes
// in as many rows from a loop over two prepared statements.
func (b *bench) persons(ctx context.Context) ([]line, error) {
	k, err := openKeyring(ctx, b.place("persons"))
	if err != nil {
		return nil, err
	}
	defer k.close()
	n := b.size(200_000)
	start, cpu := time.Now(), cpuTime()
	err = k.persons(ctx, n, func(*crypto.Batch, int, []crypto.Subject) error { return nil })
	if err != nil {
		return nil, err
	}
	ours := work{Rows: n, Elapsed: time.Since(start), CPU: cpuTime() - cpu}
	d := newDatabase(b.place("bare-persons"))
	d.run(`CREATE TABLE person (id TEXT PRIMARY KEY, n INTEGER, wrapped TEXT); CREATE TABLE link (record TEXT PRIMARY KEY, n INTEGER, person TEXT)`)
	person, link := d.prepare(`INSERT INTO person VALUES (?, ?, ?)`), d.prepare(`INSERT INTO link VALUES (?, ?, ?)`)
	wrapped := strings.Repeat("k", 65) // as long as a wrapped key
	limit := d.transactions(n, func(i int) {
		id := recordID(i)
		d.do(person, id, 1, wrapped)
		d.do(link, id, 1, id)
	})
	tinks, err := b.tinkAlone(ctx, k.kek)
	if err != nil {
		return nil, err
	}
	envelopes := thousands(int(time.Second / tinks[1].time))
	return []line{{"new persons", ours.speed("persons"), "as many rows by prepared statements: " + limit.speed("persons") +
		"; Tink's KMSEnvelopeAEAD, a key for each of 8 fields, stored nowhere: " + envelopes + " records/s", percent(ours.rate(), limit.rate()), "100,000 persons/s",
		fmt.Sprintf("%s persons of one record each, %d to a batch; key and link are durable", thousands(n), perTransaction)}}, d.close()
}

// keyStore is embedded by this name, as the type has a method of its own.
type keyStore = sqlite.Keys

// inMemory is a key store whose rotation costs nothing.
type inMemory struct {
	*keyStore
	keys []crypto.PersonKey // in the order of Wrapped
}

func (m *inMemory) Count(context.Context) (int64, error) { return int64(len(m.keys)), nil }

func (m *inMemory) Wrapped(_ context.Context, after crypto.PersonKey, n int) ([]crypto.PersonKey, error) {
	at, found := slices.BinarySearchFunc(m.keys, after, func(a, b crypto.PersonKey) int { return slices.Compare(a.Person[:], b.Person[:]) })
	if found {
		at++
	}
	return m.keys[at:min(at+n, len(m.keys))], nil
}

func (m *inMemory) Rewrap(context.Context, []crypto.PersonKey) error { return nil }

// rewrap measures wrapping the keys of persons under another branch keyset,
// beside one open and one seal of 32 bytes for each.
func (b *bench) rewrap(ctx context.Context) ([]line, error) {
	made := exists(b.place("persons")) // the keys to wrap
	k, err := openKeyring(ctx, b.place("persons"))
	if err != nil {
		return nil, err
	}
	defer k.close()
	if !made {
		if err := k.persons(ctx, b.size(200_000), func(*crypto.Batch, int, []crypto.Subject) error { return nil }); err != nil {
			return nil, err
		}
	}
	memory := &inMemory{keyStore: k.keys}
	if memory.keys, err = k.keys.Wrapped(ctx, crypto.PersonKey{}, 1<<30); err != nil {
		return nil, err
	}
	vault, err := crypto.OpenVault(ctx, memory, k.kek, benchOrg)
	if err != nil {
		return nil, err
	}
	defer vault.Close()
	limit, err := cipherAlone(len(memory.keys))
	if err != nil {
		return nil, err
	}
	envelopes, err := envelopes(ctx, k.kek, b.size(100_000))
	if err != nil {
		return nil, err
	}
	var lines []line
	for _, m := range []struct {
		where, goal, note string
		vault             *crypto.Vault
	}{
		{"in memory", "1,000,000 keys/s", "the store costs nothing", vault},
		{"in SQLite", "100,000 keys/s", "each of them read and durably rewritten", k.vault},
	} {
		if err := k.vault.RotateBranch(ctx); err != nil {
			return nil, err
		}
		start, cpu := time.Now(), cpuTime()
		for _, err := range m.vault.RewrapKeys(ctx) {
			if err != nil {
				return nil, err
			}
		}
		ours := work{Rows: len(memory.keys), Elapsed: time.Since(start), CPU: cpuTime() - cpu}
		lines = append(lines, line{"re-wrap keys " + m.where, ours.speed("keys"), "the cipher alone, on one core: " + limit.speed("keys") +
			"; of Tink's KMSEnvelopeAEAD, one for each field, in memory: " + envelopes.speed("keys"), percent(ours.rate(), limit.rate()), m.goal,
			fmt.Sprintf("%s keys; %s", thousands(len(memory.keys)), m.note)})
	}
	return lines, nil
}

// envelopes brings data keys as Tink's envelope encryption has them, one for each
// value, from one key-encryption key on this machine to another.
func envelopes(ctx context.Context, kek tink.AEADWithContext, n int) (w work, err error) {
	sealed, err := kek.EncryptWithContext(ctx, make([]byte, 32), nil)
	start, cpu := time.Now(), cpuTime()
	for range n {
		var key []byte
		if err == nil {
			key, err = kek.DecryptWithContext(ctx, sealed, nil)
		}
		if err == nil {
			_, err = kek.EncryptWithContext(ctx, key, nil)
		}
	}
	return work{Rows: n, Elapsed: time.Since(start), CPU: cpuTime() - cpu}, err
}

func cipherAlone(n int) (w work, err error) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return w, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return w, err
	}
	sealed, buf := aead.Seal(nil, nil, make([]byte, 32), nil), make([]byte, 0, 64)
	start, cpu := time.Now(), cpuTime()
	for range n {
		if _, err := aead.Open(buf, nil, sealed, nil); err != nil {
			return w, err
		}
		aead.Seal(buf, nil, sealed[:32], nil)
	}
	return work{Rows: n, Elapsed: time.Since(start), CPU: cpuTime() - cpu}, nil
}
