package sqlite_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/cryptotest"
	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

type keysDB = sqlite.Keys

// keys is a store that the suite can damage.
type keys struct{ *keysDB }

func (k keys) Lose(t testing.TB, p crypto.Person) {
	execKeys(t, k.Path(), fmt.Sprintf(`DELETE FROM person_key WHERE person = x'%s'`, p))
}

func execKeys(t testing.TB, path, sql string) {
	t.Helper()
	c, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Exec(sql); err != nil {
		t.Fatal(err)
	}
}

func openKeys(t testing.TB, dir string) crypto.KeyStore {
	t.Helper()
	k, err := sqlite.OpenKeys(context.Background(), filepath.Join(dir, "keys.db"))
	if err != nil {
		t.Fatal(err)
	}
	return keys{k}
}

func TestKeys(t *testing.T) { cryptotest.TestKeyStore(t, openKeys) }

func TestKeysClosed(t *testing.T) {
	t.Parallel()
	k := openKeys(t, t.TempDir())
	must(t, k.(keys).Close())
	must(t, k.(keys).Close())
	_, err := k.Root(t.Context())
	sentence(t, err, fault.StoreFailed)
	_, err = k.Keys(t.Context(), []crypto.Person{{1}}, nil)
	sentence(t, err, fault.StoreFailed)
	sentence(t, k.Add(t.Context(), crypto.Addition{}), fault.StoreFailed)
}

func TestKeysNewer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	openKeys(t, dir).(keys).Close()
	path := filepath.Join(dir, "keys.db")
	execKeys(t, path, `PRAGMA user_version = 99`)
	if _, err := sqlite.OpenKeys(t.Context(), path); fault.CodeOf(err) != fault.StoreNewer {
		t.Errorf("a newer database: %v, want %s", err, fault.StoreNewer)
	}
}

// newWants are wants of new persons, as the first copy makes them.
func newWants(start, n int) []crypto.Want {
	wants := make([]crypto.Want, n)
	for i := range wants {
		id, _ := recordid.Normalize(fmt.Sprintf("003%012d", start+i))
		wants[i].Record = crypto.Link{Object: "Contact", Record: id}
	}
	return wants
}

type benchMint struct{ wrapped [65]byte }

func (m *benchMint) Key(crypto.Person) (crypto.PersonKey, error) {
	k := crypto.PersonKey{Generation: 1, Branch: 1, Wrapped: m.wrapped[:], Created: 1700000000}
	rand.Read(k.Person[:])
	ms := time.Now().UnixMilli()
	for i := range 6 {
		k.Person[i] = byte(ms >> (40 - 8*i))
	}
	k.ID = crypto.KeyID(k.Person[15])
	return k, nil
}

func (m *benchMint) Digest(crypto.TombstoneKind, []byte) crypto.Digest { return crypto.Digest{} }
func (m *benchMint) Authenticate(crypto.Digest, []byte) crypto.Digest  { return crypto.Digest{} }

// BenchmarkKeysNew stores new persons, a thousand in a durable transaction.
func BenchmarkKeysNew(b *testing.B) {
	k := openKeys(b, b.TempDir()).(keys)
	defer k.Close()
	const batch = 1000
	n, m := 0, &benchMint{}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		wants := newWants(n, batch)
		b.StartTimer()
		if _, err := k.Link(b.Context(), wants, m); err != nil {
			b.Fatal(err)
		}
		n += batch
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "persons/s")
}

// BenchmarkKeysKnown looks up persons that are stored, a thousand at a time.
func BenchmarkKeysKnown(b *testing.B) {
	k := openKeys(b, b.TempDir()).(keys)
	defer k.Close()
	const all, batch = 100_000, 1000
	m := &benchMint{}
	if _, err := k.Link(b.Context(), newWants(0, all), m); err != nil {
		b.Fatal(err)
	}
	wants, n := newWants(0, all), 0
	b.ReportAllocs()
	for b.Loop() {
		at := n % all
		if _, err := k.Link(b.Context(), wants[at:at+batch], m); err != nil {
			b.Fatal(err)
		}
		n += batch
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "persons/s")
}
