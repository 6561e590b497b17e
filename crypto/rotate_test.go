package crypto_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// rewrap wraps all keys anew, and returns the last progress.
func (e *env) rewrap() (last crypto.Progress) {
	e.Helper()
	for p, err := range e.vault.RewrapKeys(e.Context()) {
		must(e, err)
		last = p
	}
	return last
}

// states are those of the branch keysets, by version.
func (e *env) states() (states []crypto.KeysetState) {
	e.Helper()
	keysets, err := e.vault.Keysets(e.Context())
	must(e, err)
	for _, k := range keysets {
		if k.Use == crypto.BranchUse {
			states = append(states, k.State)
		}
	}
	return states
}

// again is the same keys as another process opens them.
func (e *env) again(kek tink.AEADWithContext) *env {
	e.Helper()
	other := *e
	other.vault = openVault(e, openKeys(e, e.dir), kek, orgA)
	return &other
}

func (e *env) opens(s crypto.Sealed, want string) {
	e.Helper()
	if got, err := e.open(s); got != want {
		e.Errorf("opened %q, %v; want %q", got, err, want)
	}
}

func TestRotateBranch(t *testing.T) {
	t.Parallel()
	began := time.Now().Unix()
	e := newEnv(t)
	other := e.again(e.kek)
	old := other.begin() // a batch of another process, from before
	const n = 5000       // more than a page
	wants := make([]crypto.Want, n)
	for i := range wants {
		wants[i].Record = contact(i)
	}
	_, err := e.begin().Subjects(t.Context(), wants)
	must(t, err)
	before := e.seal(field(1, "LastName"), "Lovelace")

	must(t, e.vault.RotateBranch(t.Context()))
	if _, err := old.Subjects(t.Context(), []crypto.Want{{Record: contact(n + 1)}}); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("a new person under the retired keyset: %v, want %s", err, fault.Conflict)
	}
	after := e.seal(field(n+2, "LastName"), "Byron")
	if err := e.vault.DestroyBranch(t.Context(), 1); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("destroying a keyset in use: %v, want %s", err, fault.Conflict)
	}
	for range e.vault.RewrapKeys(t.Context()) {
		break // a process that ends
	}
	if last := e.again(e.kek).rewrap(); last != (crypto.Progress{Done: n + 1, Total: n + 1}) {
		t.Errorf("progress ended at %+v", last)
	}
	must(t, e.vault.DestroyBranch(t.Context(), 1))
	must(t, e.vault.DestroyBranch(t.Context(), 1))
	if got := e.states(); !slices.Equal(got, []crypto.KeysetState{crypto.Destroyed, crypto.Active}) {
		t.Errorf("states %v", got)
	}
	keysets, err := e.vault.Keysets(t.Context())
	must(t, err)
	ended := time.Now().Unix()
	for i, dates := range [][]int64{{keysets[0].Created, keysets[0].Retired, keysets[0].Destroyed}, {keysets[1].Created}} {
		if !slices.IsSorted(append(append([]int64{began}, dates...), ended)) {
			t.Errorf("between %d and %d, keyset %d has the dates %v", began, ended, i, dates)
		}
	}
	if k := keysets[1]; k.Retired != 0 || k.Destroyed != 0 {
		t.Errorf("the active keyset was retired at %d and destroyed at %d", k.Retired, k.Destroyed)
	}
	for _, reader := range []*env{e, other, e.again(e.kek)} {
		reader.opens(before, "Lovelace") // not a byte of it has changed
		reader.opens(after, "Byron")
	}
	if err := e.vault.DestroyBranch(t.Context(), 2); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("destroying the active keyset: %v, want %s", err, fault.NotFound)
	}
}

// TestWrapBudget: a branch keyset that wrapped 2^31 keys wraps no more.
func TestWrapBudget(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	db, err := sqlite3.Open(e.keys.Path())
	must(t, err)
	defer db.Close()
	must(t, db.Exec(`UPDATE keyset SET wraps = 2147483646 WHERE use = 'branch'`))
	_, err = e.begin().Subjects(t.Context(), manyWants(0, 2))
	must(t, err)
	if _, err := e.begin().Subjects(t.Context(), manyWants(2, 1)); fault.CodeOf(err) != fault.KeyExhausted {
		t.Errorf("one key more: %v, want %s", err, fault.KeyExhausted)
	}
	must(t, e.vault.RotateBranch(t.Context()))
	_, err = e.begin().Subjects(t.Context(), manyWants(2, 1))
	must(t, err)
}

// oneWay encrypts and does not decrypt, as a KMS key without that permission.
type oneWay struct{ tink.AEADWithContext }

func (oneWay) DecryptWithContext(context.Context, []byte, []byte) ([]byte, error) {
	return nil, errors.New("denied")
}

func TestRotateKEK(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	v := e.seal(field(1, "LastName"), "Lovelace")
	next := fileKEK(t, filepath.Join(t.TempDir(), "kek", "next.json"))
	running := e.again(crypto.Succession(next, e.kek))
	for name, refused := range map[string]struct {
		kek  tink.AEADWithContext
		code fault.Code
	}{
		"none":                     {nil, fault.ConfigInvalid},
		"one that opens nothing":   {oneWay{next}, fault.KeyUnavailable},
		"a file beside the keys":   {fileKEK(t, filepath.Join(e.dir, "beside.json")), fault.ConfigInvalid},
		"succession of one beside": {crypto.Succession(fileKEK(t, filepath.Join(e.dir, "beside.json")), e.kek), fault.ConfigInvalid},
	} {
		if err := e.vault.RotateKEK(t.Context(), refused.kek); fault.CodeOf(err) != refused.code {
			t.Errorf("%s: %v, want %s", name, err, refused.code)
		}
		e.again(e.kek).opens(v, "Lovelace")
	}
	must(t, e.vault.RotateKEK(t.Context(), next))
	must(t, e.vault.RotateKEK(t.Context(), next))
	must(t, e.vault.RotateBranch(t.Context())) // needs the one it has now
	e.rewrap()
	for _, reader := range []*env{e, running, e.again(next), e.again(crypto.Succession(next, e.kek))} {
		reader.opens(v, "Lovelace")
	}
	if _, err := crypto.OpenVault(t.Context(), e.keys, e.kek, orgA); fault.CodeOf(err) != fault.KeyUnavailable {
		t.Errorf("opened by the key from before: %v, want %s", err, fault.KeyUnavailable)
	}
}

// TestRotatePerson: from then on every process seals by the new key.
func TestRotatePerson(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	other := e.again(e.kek)
	before := e.seal(field(1, "LastName"), "Lovelace")
	warm := other.seal(field(1, "FirstName"), "Ada")
	must(t, e.vault.RotatePerson(t.Context(), before.Person))
	for _, process := range []*env{e, other} {
		after := process.seal(field(1, "LastName"), "King")
		if key := slices.Compare(after.Bytes[1:5], before.Bytes[1:5]); key == 0 {
			t.Error("sealed by the key from before")
		}
		process.opens(after, "King")
		process.opens(before, "Lovelace")
		process.opens(warm, "Ada")
	}
	_, err := e.vault.Forget(t.Context(), before.Person)
	must(t, err)
	if err := e.vault.RotatePerson(t.Context(), before.Person); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("another key for somebody forgotten: %v, want %s", err, fault.NotFound)
	}
}

// fixed is a key store in which nothing rotates.
type fixed struct{ crypto.KeyStore }

func TestRotateNowhere(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	vault := openVault(t, fixed{e.keys}, e.kek, orgA)
	if err := vault.RotateBranch(t.Context()); fault.CodeOf(err) != fault.ConfigInvalid {
		t.Errorf("a store that cannot: %v, want %s", err, fault.ConfigInvalid)
	}
	for _, err := range vault.RewrapKeys(t.Context()) {
		if fault.CodeOf(err) != fault.ConfigInvalid {
			t.Errorf("a store that cannot: %v, want %s", err, fault.ConfigInvalid)
		}
	}
}
