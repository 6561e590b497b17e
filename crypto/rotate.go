package crypto

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto/internal/gcm"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Rotator is a KeyStore in which keys are exchanged. cryptotest has its tests.
type Rotator interface {
	// Replace stores each of now in place of the keyset of its use and version,
	// or beside the others, all or none. all is what Root returned: the error
	// is Conflict where the keysets are not those any more, in their states and
	// sealed bytes, or where one is to become Destroyed while a person's key is
	// wrapped by it. When it returns, the bytes that were replaced are in no
	// file of the database, nor are those of a keyset that is Destroyed in now,
	// even if it was before.
	Replace(ctx context.Context, all, now []Keyset) error

	// Wrapped returns up to n keys that are not destroyed, in the order of
	// person and generation, beginning behind that of after.
	Wrapped(ctx context.Context, after PersonKey, n int) ([]PersonKey, error)

	// Rewrap stores Branch and Wrapped of keys that are there. One that is
	// not was forgotten meanwhile, and stays so. Its error is Conflict where
	// Branch is not Active, and KeyExhausted as for Link.
	Rewrap(ctx context.Context, keys []PersonKey) error

	// Count returns how many keys of persons there are that are not destroyed.
	Count(ctx context.Context) (int64, error)
}

// rewrapped is how many keys are wrapped anew in one transaction.
const rewrapped = 4096

// Progress is how many keys of persons have been looked at, and how many there
// were at the start.
type Progress struct{ Done, Total int64 }

// Keysets are the org's keysets with their states and dates.
func (v *Vault) Keysets(ctx context.Context) ([]Keyset, error) {
	root, err := v.keys.Root(ctx)
	return slices.Clone(root.Keysets), err
}

// KeyAge is for how long another process may go on with the key of a person that
// it has in memory: a minute for each branch keyset that it may have open, also
// of those destroyed in the last hour.
func (v *Vault) KeyAge(ctx context.Context) (age time.Duration, err error) {
	root, err := v.keys.Root(ctx)
	for _, k := range root.Keysets {
		if k.Use == BranchUse && (k.State != Destroyed || time.Since(time.Unix(k.Destroyed, 0)) < time.Hour) {
			age += maxAge
		}
	}
	return age, err
}

// RotateKEK encrypts every keyset by another key-encryption key, in one
// transaction: a few calls, and no key of a person changes. For a KMS key that
// rotates by itself, give it again. The keysets are opened by the new key before
// the old one is let go. Afterwards the old key opens nothing more, except
// what backups hold; processes that run on need a [Succession] from before. What
// they make meanwhile is under the new key, so open the vault that calls this by
// the Succession too. With StoreBusy all is under the new key, and another
// process keeps bytes from before in a file: repeat it.
func (v *Vault) RotateKEK(ctx context.Context, next tink.AEADWithContext) error {
	if next == nil {
		return fault.New(fault.ConfigInvalid, "crypto.RotateKEK", "a key-encryption key is required; give the new one")
	}
	if err := v.besides(next); err != nil {
		return err
	}
	root, err := v.keys.Root(ctx)
	if err != nil {
		return err
	}
	var now []Keyset
	for _, k := range root.Keysets {
		if k.State != Destroyed {
			fresh, err := reseal(ctx, v.wrapper(), next, v.org, k)
			if err != nil {
				return err
			}
			now = append(now, fresh)
		}
	}
	err = v.replace(ctx, root, now...)
	if err == nil || v.stored(ctx, now) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.kek = next
	}
	return err
}

// stored reports whether the keysets were stored although an error says that
// not all of it was done, such as StoreBusy.
func (v *Vault) stored(ctx context.Context, keysets []Keyset) bool {
	root, err := v.keys.Root(context.WithoutCancel(ctx))
	for _, want := range keysets {
		if !slices.ContainsFunc(root.Keysets, func(k Keyset) bool { return bytes.Equal(k.Sealed, want.Sealed) }) {
			return false
		}
	}
	return err == nil
}

// RotateBranch makes a branch keyset under which the keys of new persons are
// wrapped from now on, and retires the one before. RewrapKeys brings the
// others under it. Of two calls at once one fails with Conflict.
func (v *Vault) RotateBranch(ctx context.Context) error {
	root, err := v.keys.Root(ctx)
	if err != nil {
		return err
	}
	var now []Keyset
	last := 0
	for _, k := range root.Keysets {
		if k.Use != BranchUse {
			continue
		}
		last = max(last, k.Version)
		if k.State == Active {
			k.State, k.Retired = Retired, time.Now().Unix()
			now = append(now, k)
		}
	}
	return v.add(ctx, root, BranchUse, last+1, now...)
}

// add makes a keyset and stores it, with others that change. The active branch
// keyset is opened first, by the key-encryption key and not from memory, and
// Replace sees that nothing was exchanged since: all keysets stay under one key.
func (v *Vault) add(ctx context.Context, root Root, use string, version int, now ...Keyset) error {
	if _, err := v.rotator(); err != nil {
		return err
	}
	kek := v.wrapper()
	for _, k := range root.Keysets {
		if k.Use == BranchUse && k.State == Active {
			if _, err := openKeyset(ctx, kek, v.org, k); err != nil {
				return err
			}
		}
	}
	fresh, err := newKeyset(ctx, kek, v.org, use, version)
	if err != nil {
		return err
	}
	return v.replace(ctx, root, append(now, fresh)...)
}

// RewrapKeys wraps the keys of all persons under the active branch keyset,
// page by page, while others seal. No value is touched. It may be stopped at
// any page and called again; when it ends without an error none is left under
// another keyset. Memory does not grow with the number of keys.
func (v *Vault) RewrapKeys(ctx context.Context) iter.Seq2[Progress, error] {
	return func(yield func(Progress, error) bool) {
		var p Progress
		rotator, err := v.rotator()
		if err == nil {
			p.Total, err = rotator.Count(ctx)
		}
		for at := (PersonKey{}); err == nil; {
			var page []PersonKey
			if page, err = v.rewrap(ctx, rotator, at); len(page) == 0 {
				break
			}
			at = page[len(page)-1]
			if p.Done += int64(len(page)); !yield(p, nil) {
				return
			}
		}
		if err != nil {
			yield(p, err)
		}
	}
}

// rewrap does one page and returns what it looked at.
func (v *Vault) rewrap(ctx context.Context, rotator Rotator, after PersonKey) ([]PersonKey, error) {
	s, err := v.begin(ctx)
	if err != nil {
		return nil, err
	}
	page, err := rotator.Wrapped(ctx, after, rewrapped)
	if err != nil {
		return nil, err
	}
	fresh, err := s.rewrap(ctx, page)
	if err == nil && len(fresh) > 0 {
		err = rotator.Rewrap(ctx, fresh)
	}
	return page, err
}

// rewrap returns those of the keys that the active branch keyset does not wrap
// yet, wrapped by it.
func (s session) rewrap(ctx context.Context, keys []PersonKey) ([]PersonKey, error) {
	to, err := s.branch(ctx, s.active)
	if err != nil {
		return nil, err
	}
	var buf [gcm.KeyLen]byte
	defer clear(buf[:])
	var tuple [128]byte
	arena := make([]byte, 0, len(keys)*(gcm.KeyLen+gcm.Overhead))
	fresh := make([]PersonKey, 0, len(keys))
	for _, k := range keys {
		if k.Branch == s.active {
			continue
		}
		from, err := s.branch(ctx, k.Branch)
		if err != nil {
			return nil, err
		}
		start := len(arena)
		secretly(func() {
			var raw []byte
			if raw, err = from.Open(buf[:0], k.Wrapped, wrapTuple(tuple[:0], s.vault.org, k)); err == nil {
				k.Branch = s.active
				arena = to.Seal(arena, raw, wrapTuple(tuple[:0], s.vault.org, k))
			}
		})
		if err != nil {
			return nil, err
		}
		k.Wrapped = arena[start:len(arena):len(arena)]
		fresh = append(fresh, k)
	}
	return fresh, nil
}

// DestroyBranch deletes the bytes of a retired branch keyset; a record of it
// stays. Its error is Conflict while a person's key is still wrapped by it, and
// StoreBusy where another process keeps the bytes in a file: repeat it then. What
// backups of the keys database hold opens as long as they have the keyset.
func (v *Vault) DestroyBranch(ctx context.Context, version int) error {
	root, err := v.keys.Root(ctx)
	if err != nil {
		return err
	}
	for _, k := range root.Keysets {
		if k.Use != BranchUse || k.Version != version || k.State == Active {
			continue
		}
		if k.State != Destroyed {
			k.State, k.Destroyed, k.Sealed, k.Proof = Destroyed, time.Now().Unix(), nil, nil
		}
		return v.replace(ctx, root, k) // also a second time: the first may have left bytes in a file
	}
	return fault.New(fault.NotFound, "crypto.DestroyBranch", "there is no retired branch keyset of this version; see Keysets, and rotate first")
}

func (v *Vault) rotator() (Rotator, error) {
	rotator, ok := v.keys.(Rotator)
	if !ok {
		return nil, fault.New(fault.ConfigInvalid, "crypto.Rotate", "the key store cannot rotate keys; use one that is a crypto.Rotator")
	}
	return rotator, nil
}

func (v *Vault) replace(ctx context.Context, all Root, now ...Keyset) error {
	rotator, err := v.rotator()
	if err != nil {
		return err
	}
	return rotator.Replace(ctx, all.Keysets, now)
}
