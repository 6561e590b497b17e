package sfsync_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// spentKeys show keys that have sealed as often as they may, and their successors
// only from the second look on: as if others had sealed meanwhile.
type spentKeys struct {
	indexedKeys
	spent  atomic.Bool
	looked atomic.Int32
}

func (k *spentKeys) Keys(ctx context.Context, persons []crypto.Person, mint crypto.Mint) ([]crypto.Holder, error) {
	holders, err := k.indexedKeys.Keys(ctx, persons, mint)
	if k.spent.Load() && k.looked.Add(1) <= 2 { // asked, and read back
		for i, h := range holders {
			if len(h.Keys) > 0 {
				holders[i].Keys = h.Keys[:1]
				holders[i].Keys[0].Seals = 1 << 31
			}
		}
	}
	return holders, err
}

// TestExhaustedKey: a run whose key is used up in the middle of a batch goes on
// with the next one.
func TestExhaustedKey(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, contactPolicy)
	kek, err := filekek.Open(filepath.Join(dir, "secret", "kek.json"))
	r.must(err)
	keys := &spentKeys{indexedKeys: r.keys}
	id := org.Insert("Contact", map[string]any{"LastName": "Ada"})
	r.until("the first copy", r.equal)
	before := r.row("Contact", id).Key
	r.use(keys, kek)
	keys.spent.Store(true)
	stop := r.start()
	defer stop()
	org.Update("Contact", id, map[string]any{"LastName": "Lovelace"})
	r.await("the next key", func() bool { return r.row("Contact", id).Key != before })
	r.await("the change", r.equal)
	r.must(stop())
}
