package sfsync_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync"
)

// exchange puts every key but those that seal values in place of another, and
// destroys what was before. It goes on with what one before it left.
func exchange(ctx context.Context, vault *crypto.Vault, next tink.AEADWithContext) error {
	keysets, err := vault.Keysets(ctx)
	if err == nil && len(branches(keysets)) == 1 {
		err = vault.RotateBranch(ctx)
	}
	if err != nil {
		return err
	}
	for _, err := range vault.RewrapKeys(ctx) {
		if err != nil {
			return err
		}
	}
	if err := vault.DestroyBranch(ctx, 1); err != nil {
		return err
	}
	retired, err := vault.Retired(ctx, time.Now().Add(time.Hour))
	if err == nil {
		err = vault.DestroyKeys(ctx, retired)
	}
	if err == nil {
		err = vault.RotateKEK(ctx, next)
	}
	return err
}

func branches(keysets []crypto.Keyset) []crypto.Keyset {
	return slices.DeleteFunc(slices.Clone(keysets), func(k crypto.Keyset) bool { return k.Use != crypto.BranchUse })
}

// A process that is killed at any step of an exchange of keys leaves a copy that
// opens, and the next one completes it. No byte of the rows changes.
func TestRewrapKilled(t *testing.T) {
	k := newStepwise(t, func(d *doomed, getenv func(string) string) error {
		next := d.kek(t, "next.json")
		return exchange(t.Context(), d.vault(t, getenv("SFSYNC_ORG_ID"), crypto.Succession(next, d.kek(t, "kek.json"))), next)
	})
	from := orders{Dir: t.TempDir()}
	r := open(t, k.org, from.Dir, forgetPolicy)
	renewed, _, _ := customer(k.org, "Ada")
	for _, name := range []string{"Grace", "Mary", "Sophie"} {
		customer(k.org, name)
	}
	r.until("the first copy", r.equal)
	_, err := r.sync.Renew(t.Context(), sfsync.Who{Record: renewed}, "a laptop was lost")
	r.must(err)
	r.until("the rows under the new key", r.equal)
	was := exchanged{rows: r.all()}
	keysets, err := r.vault.Keysets(t.Context())
	r.must(err)
	for _, s := range keysets {
		was.gone = append(was.gone, s.Sealed)
	}
	retired, err := r.vault.Retired(t.Context(), time.Now().Add(time.Hour))
	r.must(err)
	was.gone = append(was.gone, retired[0].Wrapped)
	r.must(r.close())

	steps := k.rehearse(from, "Replace", "Rewrap", "Rewrap", "Rewrap", "Replace", "Destroy", "Replace")
	k.each(from, steps, func(t *testing.T, o orders) { k.exchanged(t, o, was) })
	t.Run("again and again", func(t *testing.T) {
		t.Parallel()
		o := k.elsewhere(t, from)
		for range 8 { // the last three calls are made each time
			o.Nth, o.When = 1+rand.IntN(3), []moment{dieBefore, dieDuring, dieAfter}[rand.IntN(3)]
			o.In = time.Duration(rand.IntN(2000)) * time.Microsecond
			k.dies(t, o)
			t.Logf("killed %s call %d, %v", o.When, o.Nth, o.In)
		}
		k.exchanged(t, o, was)
	})
}

// exchanged is what does not change, and what is in no file in the end.
type exchanged struct {
	rows []string
	gone [][]byte
}

// exchanged checks what the killed process left, completes it, and checks that.
func (k *stepwise) exchanged(t *testing.T, o orders, was exchanged) {
	t.Helper()
	d := &doomed{orders: o}
	next := d.kek(t, "next.json")
	r := openBy(t, k.org, k.org.Getenv, o.Dir, forgetPolicy, crypto.Succession(next, d.kek(t, "kek.json")))
	r.same(was.rows)
	r.must(exchange(t.Context(), r.vault, next))
	r.without(was.gone)
	r.must(r.close())

	r = openBy(t, k.org, k.org.Getenv, o.Dir, forgetPolicy, next)
	r.same(was.rows)
	keysets, err := r.vault.Keysets(t.Context())
	r.must(err)
	if b := branches(keysets); len(b) != 2 || b[0].State != crypto.Destroyed || b[1].State != crypto.Active {
		t.Errorf("%d branch keysets, the first one %s", len(b), b[0].State)
	}
	keys, err := r.keys.Wrapped(t.Context(), crypto.PersonKey{}, math.MaxInt32)
	r.must(err)
	for _, key := range keys {
		if key.Branch != 2 {
			t.Errorf("a key is wrapped by branch keyset %d", key.Branch)
		}
	}
	if len(keys) != 4 {
		t.Errorf("%d keys of 4 persons", len(keys))
	}
}

// without checks that none of the keys is in a file of the keys database.
func (r *rig) without(gone [][]byte) {
	r.Helper()
	files, err := filepath.Glob(r.keys.Path() + "*")
	r.must(err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		r.must(err)
		if slices.ContainsFunc(gone, func(key []byte) bool { return bytes.Contains(b, key) }) {
			r.Error("a key from before is in", filepath.Base(f))
		}
	}
}

// same checks that the rows are these, and that each value opens.
func (r *rig) same(rows []string) {
	r.Helper()
	if !slices.Equal(r.all(), rows) {
		r.Error("the rows have changed")
	}
	if d := r.difference(); d != "" {
		r.Error(d)
	}
}

// all are the rows as they are stored, to the byte.
func (r *rig) all() (rows []string) {
	r.Helper()
	for _, object := range r.policy.ObjectNames() {
		for row, err := range r.rows.Rows(r.Context(), object) {
			r.must(err)
			rows = append(rows, fmt.Sprintf("%s %+v", object, row))
		}
	}
	return rows
}
