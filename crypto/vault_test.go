package crypto_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/cryptotest"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/internal/bubble"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// tinkAEAD is a key wrapper of Tink's own, as its KMS clients are.
func tinkAEAD(t testing.TB) tink.AEAD {
	t.Helper()
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	must(t, err)
	return oracle(t, func() (tink.AEAD, error) { return aead.New(h) })
}

// careless is a wrapper that ignores associated data, as some are.
type careless struct{ tink.AEAD }

func (c careless) Encrypt(plaintext, _ []byte) ([]byte, error) { return c.AEAD.Encrypt(plaintext, nil) }
func (c careless) Decrypt(ciphertext, _ []byte) ([]byte, error) {
	return c.AEAD.Decrypt(ciphertext, nil)
}

// service is a key service that counts its calls and can be away.
type service struct {
	tink.AEADWithContext
	calls atomic.Int64
	away  atomic.Pointer[error]
	takes time.Duration
	hangs atomic.Bool
}

func (s *service) DecryptWithContext(ctx context.Context, c, a []byte) ([]byte, error) {
	s.calls.Add(1)
	time.Sleep(s.takes)
	if s.hangs.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err := s.away.Load(); err != nil {
		return nil, *err
	}
	return s.AEADWithContext.DecryptWithContext(ctx, c, a)
}

func TestWithoutContext(t *testing.T) {
	cryptotest.TestKeyWrapper(t, crypto.WithoutContext(tinkAEAD(t)), crypto.WithoutContext(tinkAEAD(t)))
}

func TestOpenVault(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	v := e.seal(field(1, "LastName"), "Lovelace")
	for name, test := range map[string]struct {
		keys crypto.KeyStore
		kek  tink.AEADWithContext
		org  string
		want fault.Code
	}{
		"another org":       {e.keys, e.kek, orgB, fault.WrongOrg},
		"another key":       {e.keys, fileKEK(t, filepath.Join(t.TempDir(), "kek.json")), orgA, fault.KeyUnavailable},
		"another Tink key":  {e.keys, crypto.WithoutContext(tinkAEAD(t)), orgA, fault.KeyUnavailable},
		"no key":            {e.keys, nil, orgA, fault.ConfigInvalid},
		"no store":          {nil, e.kek, orgA, fault.ConfigInvalid},
		"no org":            {e.keys, e.kek, "", fault.ConfigInvalid},
		"a record's id":     {e.keys, e.kek, contact(1).Record, fault.ConfigInvalid},
		"unfitting org id":  {e.keys, e.kek, orgA[:17] + "B", fault.ConfigInvalid},
		"15 characters fit": {e.keys, e.kek, orgA[:15], ""},
	} {
		vault, err := crypto.OpenVault(t.Context(), test.keys, test.kek, test.org)
		if fault.CodeOf(err) != test.want || err == nil && vault.OrgID() != orgA {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	again := *e
	again.vault = openVault(t, openKeys(t, e.dir), fileKEK(t, filepath.Join(e.dir, "kek", "kek.json")), orgA)
	if got, err := again.open(v); got != "Lovelace" {
		t.Errorf("opened again, the vault gives %q, %v", got, err)
	}
}

// TestSwappedKeysets: org and use are checked inside the keyset too.
func TestSwappedKeysets(t *testing.T) {
	t.Parallel()
	kek := crypto.WithoutContext(careless{tinkAEAD(t)})
	a, b, mixed := openKeys(t, t.TempDir()), openKeys(t, t.TempDir()), openKeys(t, t.TempDir())
	openVault(t, a, kek, orgA)
	openVault(t, b, kek, orgB)
	rootA, errA := a.Root(t.Context())
	rootB, errB := b.Root(t.Context())
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	for i, k := range rootA.Keysets {
		keysets := append([]crypto.Keyset{rootB.Keysets[i]}, rootA.Keysets...) // the first of a use is kept
		if err := mixed.Add(t.Context(), crypto.Addition{Org: orgA, Keysets: keysets}); err != nil {
			t.Fatal(err)
		}
		if _, err := crypto.OpenVault(t.Context(), mixed, kek, orgA); fault.CodeOf(err) != fault.WrongOrg {
			t.Errorf("the %s keyset of another org: %v, want %s", k.Use, err, fault.WrongOrg)
		}
		mixed = openKeys(t, t.TempDir())
	}
	if err := mixed.Add(t.Context(), crypto.Addition{Org: orgA, Keysets: rootA.Keysets}); err != nil {
		t.Fatal(err)
	}
	openVault(t, mixed, kek, orgA) // unmixed it opens
}

func TestOpenVaultTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kek := crypto.WithoutContext(tinkAEAD(t))
	var wg sync.WaitGroup
	vaults := make([]*env, 4)
	for i := range vaults {
		keys := openKeys(t, dir)
		wg.Go(func() {
			v, err := crypto.OpenVault(t.Context(), keys, kek, orgA)
			if err != nil {
				t.Error(err)
				return
			}
			vaults[i] = &env{TB: t, dir: dir, keys: keys, kek: kek, vault: v}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	v := vaults[0].seal(field(1, "LastName"), "Lovelace")
	for i, e := range vaults {
		if got, err := e.open(v); got != "Lovelace" {
			t.Errorf("vault %d opens %q, %v", i, got, err)
		}
	}
}

// aged runs a test on fake time, with a vault over a key service whose calls
// take a twentieth of a second.
func aged(t *testing.T, test func(e *env, kms *service)) {
	kms := &service{AEADWithContext: crypto.WithoutContext(tinkAEAD(t)), takes: 50 * time.Millisecond}
	bubble.Test(t, func(t *testing.T) {
		e := &env{TB: t, dir: t.TempDir(), kek: kms}
		e.keys = openKeys(t, e.dir)
		e.vault = openVault(t, e.keys, e.kek, orgA)
		test(e, kms)
	})
}

// hour seals and opens for an hour, as long as that works, and returns how
// often the key service was called meanwhile.
func (e *env) hour(kms *service, value func(n int) crypto.Sealed) (calls int64, failed int) {
	e.Helper()
	kms.calls.Store(0)
	for start, n := time.Now(), 0; time.Since(start) < time.Hour; n++ {
		if _, err := e.vault.Sealer().Begin(e.Context()); err != nil {
			failed++
		} else if got, err := e.open(value(n)); got != "Lovelace" {
			e.Fatalf("opened %q, %v", got, err)
		}
		time.Sleep(700 * time.Millisecond)
	}
	return kms.calls.Load(), failed
}

func (e *env) sealing(n int) crypto.Sealed { return e.seal(field(n%5, "LastName"), "Lovelace") }

// TestAge: keys leave the memory a minute after they came, used or not, and the
// key service is called once a minute, whatever the load.
func TestAge(t *testing.T) {
	aged(t, func(e *env, kms *service) {
		e.ensure(crypto.EmailIndex, crypto.PhoneIndex, crypto.ExactIndex) // are kept
		e.begin()
		if n, failed := e.hour(kms, e.sealing); n > 60 || n < 55 || failed > 0 {
			e.Errorf("an hour made %d calls to the key service, want at most 60; %d batches failed", n, failed)
		}
		time.Sleep(3 * time.Minute)
		kms.calls.Store(0)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { e.begin() })
		}
		wg.Wait()
		if n := kms.calls.Load(); n != 1 {
			e.Errorf("20 batches at once made %d calls to the key service", n)
		}
	})
}

// TestAgeWhileRewrapping: two branch keysets are in use and stay for two minutes.
func TestAgeWhileRewrapping(t *testing.T) {
	aged(t, func(e *env, kms *service) {
		before := e.seal(field(1, "LastName"), "Lovelace")
		must(e, e.vault.RotateBranch(e.Context()))
		after := e.seal(field(2, "LastName"), "Lovelace")
		n, failed := e.hour(kms, func(n int) crypto.Sealed { return []crypto.Sealed{before, after}[n%2] })
		if n > 60 || n < 50 || failed > 0 {
			e.Errorf("an hour made %d calls to the key service, want at most 60; %d batches failed", n, failed)
		}
		time.Sleep(2 * time.Minute)
		away := errors.New("away")
		kms.away.Store(&away)
		if _, err := e.vault.Sealer().Begin(e.Context()); err == nil {
			e.Error("a branch keyset stays for more than two minutes")
		}
	})
}

// TestAgeWhileHanging: a key service that does not answer is one that is away.
func TestAgeWhileHanging(t *testing.T) {
	aged(t, func(e *env, kms *service) {
		time.Sleep(2 * time.Minute)
		kms.hangs.Store(true)
		start := time.Now()
		if _, err := e.vault.Sealer().Begin(e.Context()); fault.CodeOf(err) != fault.KeyUnavailable || time.Since(start) > time.Minute {
			e.Errorf("%v after %v, want %s", err, time.Since(start), fault.KeyUnavailable)
		}
		kms.hangs.Store(false)
		time.Sleep(time.Minute)
		e.opens(e.seal(field(1, "LastName"), "Lovelace"), "Lovelace")
	})
}

// TestAgeWhileAway: a call that failed is not repeated for each who waits. The
// pauses grow to a minute, so an outage makes hardly more calls than a day's work.
func TestAgeWhileAway(t *testing.T) {
	aged(t, func(e *env, kms *service) {
		e.seal(field(1, "LastName"), "Lovelace")
		other := e.again(e.kek)
		other.ensure(crypto.EmailIndex) // which this process has not opened yet
		away := errors.New("kms: 503 for arn:secret")
		kms.away.Store(&away)
		kms.calls.Store(0)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				_, err := e.vault.Sealer().Begin(e.Context())
				if fault.CodeOf(err) != fault.KeyUnavailable || strings.Contains(err.Error(), "503") {
					e.Errorf("without the key service: %v, want %s", err, fault.KeyUnavailable)
				}
			})
		}
		wg.Wait()
		if n := kms.calls.Load(); n != 1 {
			e.Errorf("20 batches at once made %d calls to the key service that is away", n)
		}
		time.Sleep(time.Minute)
		if n, failed := e.hour(kms, e.sealing); n > 65 || failed < 5000 {
			e.Errorf("an hour without the key service made %d calls, want hardly more than 60; %d batches failed", n, failed)
		}
		kms.away.Store(nil)
		if n, failed := e.hour(kms, e.sealing); n > 62 || failed > 90 {
			e.Errorf("the hour after made %d calls, want hardly more than 60; %d batches failed", n, failed)
		}
		late := context.DeadlineExceeded
		kms.away.Store(&late)
		time.Sleep(time.Minute)
		if _, err := e.vault.Sealer().Begin(e.Context()); fault.CodeOf(err) != fault.Timeout || !errors.Is(err, context.DeadlineExceeded) {
			e.Errorf("with a slow key service: %v, want %s", err, fault.Timeout)
		}
		kms.away.Store(nil)
		gone, cancel := context.WithCancel(e.Context())
		cancel()
		other = e.again(e.kek)
		time.Sleep(2 * time.Minute)
		if _, err := other.vault.Sealer().Begin(gone); err == nil {
			e.Error("a caller that has gone begins a batch")
		}
		other.begin() // its end is nobody else's
	})
}

// TestMemoryIsBounded: many persons do not stay in memory, and all still open.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	first := e.seal(field(1, "LastName"), "Lovelace")
	for n := 0; n < 18_000; n += 1000 {
		if _, err := e.begin().Subjects(t.Context(), manyWants(n, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := e.open(first); got != "Lovelace" {
		t.Errorf("opened %q, %v", got, err)
	}
	if n := crypto.Remembered(e.vault); n > 16_384 {
		t.Errorf("%d persons are in memory", n)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	v := e.seal(field(1, "LastName"), "Lovelace")
	if err := e.vault.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := e.vault.Sealer().Begin(t.Context()); fault.CodeOf(err) != fault.ConfigInvalid {
		t.Errorf("a closed vault begins a batch: %v", err)
	}
	if got, err := e.open(v); fault.CodeOf(err) != fault.ConfigInvalid {
		t.Errorf("a closed vault opens %q, %v", got, err)
	}
	if n := crypto.Remembered(e.vault); n != 0 {
		t.Errorf("a closed vault remembers %d persons", n)
	}
}

func TestExposures(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys := openKeys(t, dir)
	if _, err := crypto.OpenVault(t.Context(), keys, fileKEK(t, filepath.Join(dir, "kek.json")), orgA); fault.CodeOf(err) != fault.ConfigInvalid {
		t.Errorf("a key file beside the keys database: %v, want %s", err, fault.ConfigInvalid)
	}
	kek, err := filekek.Open(filepath.Join(dir, "kek.json"), filekek.Colocated("a demonstration"))
	if err != nil {
		t.Fatal(err)
	}
	v := openVault(t, keys, kek, orgA)
	want := "the key-encryption key is a file beside the database keys.db, accepted because: a demonstration"
	if got := v.Exposures(); len(got) != 1 || got[0] != want {
		t.Errorf("exposures %q, want %q", got, want)
	}
	apart := newEnv(t)
	if err := apart.vault.Beside(filepath.Join(apart.dir, "kek", "crm.db")); fault.CodeOf(err) != fault.ConfigInvalid {
		t.Errorf("a key file beside the rows: %v, want %s", err, fault.ConfigInvalid)
	}
	if got := apart.vault.Exposures(); len(got) != 1 || strings.Contains(got[0], "beside") {
		t.Errorf("exposures of a key file apart: %q", got)
	}
	service := openVault(t, openKeys(t, t.TempDir()), crypto.WithoutContext(tinkAEAD(t)), orgA)
	if got := service.Exposures(); len(got) != 0 {
		t.Errorf("exposures of a key service: %q", got)
	}
}

// TestConcurrent seals, opens and forgets at once; the race detector watches.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 50 {
				v := e.seal(field(100*w+i%10, "LastName"), "Lovelace")
				if got, err := e.open(v); got != "Lovelace" {
					t.Errorf("opened %q, %v", got, err)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 20 {
			v := e.seal(field(1000+i, "LastName"), "x")
			if _, err := e.vault.Forget(t.Context(), v.Person); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
}
