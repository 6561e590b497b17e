package crypto_test

import (
	"path/filepath"
	"testing"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// makers are the ways to a new keyset in a database that has some.
var makers = map[string]func(*env) error{
	"RotateBranch": func(e *env) error { return e.vault.RotateBranch(e.Context()) },
	"EnsureIndex":  func(e *env) error { return e.vault.EnsureIndex(e.Context(), crypto.PhoneIndex) },
	"RenewIndex":   func(e *env) error { return e.vault.RenewIndex(e.Context(), crypto.EmailIndex) },
}

func nextKEK(t testing.TB) tink.AEADWithContext {
	return fileKEK(t, filepath.Join(t.TempDir(), "next.json"))
}

// TestOldKEKMakesNothing: all keysets stay under one key, or neither would open
// the vault. A process that still has the one from before makes none.
func TestOldKEKMakesNothing(t *testing.T) {
	t.Parallel()
	for name, make := range makers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			e.ensure(crypto.EmailIndex)
			late, next := e.again(e.kek), nextKEK(t)
			late.begin() // has the branch keyset in memory
			must(t, e.vault.RotateKEK(t.Context(), next))
			if err := make(late); fault.CodeOf(err) != fault.KeyUnavailable {
				t.Errorf("by the key from before: %v, want %s", err, fault.KeyUnavailable)
			}
			must(t, make(e))
			e.all(next)
		})
	}
}

// TestKEKRotatedMeanwhile: between reading and storing, in both directions.
func TestKEKRotatedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, make := range makers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, late, keys := raced(t)
			next := nextKEK(t)
			keys.after["Replace"] = func() error { return make(e) }
			if err := late.vault.RotateKEK(t.Context(), next); fault.CodeOf(err) != fault.Conflict {
				t.Errorf("the key is exchanged while a keyset is made: %v, want %s", err, fault.Conflict)
			}
			e.all(e.kek)

			e, late, keys = raced(t)
			keys.after["Replace"] = func() error { return e.vault.RotateKEK(t.Context(), next) }
			if err := make(late); err == nil {
				t.Error("a keyset was stored under the key from before")
			}
			e.all(next)
		})
	}
}

// raced are two processes with one database; in the calls of the second
// something happens before they are stored.
func raced(t *testing.T) (first, second *env, keys hooked) {
	first = newEnv(t)
	first.ensure(crypto.EmailIndex)
	keys = hooked{first.keys, map[string]func() error{}}
	late := *first
	late.vault = openVault(t, keys, first.kek, orgA)
	return first, &late, keys
}

// all checks that a key opens every keyset.
func (e *env) all(kek tink.AEADWithContext) {
	e.Helper()
	if err := e.again(kek).vault.RotateKEK(e.Context(), kek); err != nil {
		e.Errorf("not every keyset opens by the key that all should be under: %v", err)
	}
}
