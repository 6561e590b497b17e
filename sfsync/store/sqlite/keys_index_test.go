package sqlite_test

import (
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

var indexed = flag.Int("indexed", 100_000, "how many persons BenchmarkIndexLookup indexes")

// BenchmarkIndexLookup finds an e-mail among those of all persons (-indexed),
// each time another one. The time of its start counts the entries stored.
func BenchmarkIndexLookup(b *testing.B) {
	k := openKeys(b, b.TempDir()).(keys).keysDB
	defer k.Close()
	must(b, k.Add(b.Context(), crypto.Addition{Org: "00D000000000001EAA"}))
	for start := 0; start < *indexed; start += 1000 {
		put(b, k, persons(b, k, start), start)
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		found, err := k.Lookup(b.Context(), []crypto.Entry{emailOf(n*7919%*indexed, crypto.Person{})})
		if err != nil || len(found) != 1 {
			b.Fatalf("%d found, %v", len(found), err)
		}
		n++
	}
}

// BenchmarkIndexPut stores and prunes the entries of a thousand persons in two
// durable transactions, as the engine does for a batch.
func BenchmarkIndexPut(b *testing.B) {
	k := openKeys(b, b.TempDir()).(keys).keysDB
	defer k.Close()
	must(b, k.Add(b.Context(), crypto.Addition{Org: "00D000000000001EAA"}))
	n := 0
	for b.Loop() {
		b.StopTimer()
		made := persons(b, k, n)
		b.StartTimer()
		put(b, k, made, n)
		n += 1000
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "values/s")
}

// persons makes a thousand persons.
func persons(b *testing.B, k *sqlite.Keys, start int) []crypto.Holder {
	b.Helper()
	holders, err := k.Link(b.Context(), newWants(start, 1000), &benchMint{})
	must(b, err)
	return holders
}

func put(b *testing.B, k *sqlite.Keys, holders []crypto.Holder, start int) {
	b.Helper()
	entries, places := make([]crypto.Entry, len(holders)), make([]crypto.Place, len(holders))
	for i, h := range holders {
		entries[i] = emailOf(start+i, h.Person)
		places[i] = entries[i].Place
	}
	mark, err := k.Put(b.Context(), entries)
	must(b, err)
	must(b, k.Prune(b.Context(), mark, places))
}

func emailOf(n int, p crypto.Person) crypto.Entry {
	id, _ := recordid.Normalize(fmt.Sprintf("003%012d", n))
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	return crypto.Entry{Place: crypto.Place{Object: "Contact", Record: id, Field: "Email"}, Person: p,
		Type: crypto.EmailIndex, Version: 1, Normaliser: 1, Digest: crypto.IndexDigest(sum[:16])}
}
