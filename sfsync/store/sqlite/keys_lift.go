package sqlite

import (
	"context"
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
)

// Buried implements crypto.Lifter.
func (k *Keys) Buried(ctx context.Context, record string, mint crypto.Mint) (buried bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.read(ctx, func() error {
		stone, err := k.tombstone(mint, crypto.RecordTombstone, []byte(record))
		buried = stone.kind != 0
		return err
	})
	return buried, err
}

// Lift implements crypto.Lifter.
func (k *Keys) Lift(ctx context.Context, record string, mint crypto.Mint) (lifted bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.write(ctx, func() error {
		stone, err := k.tombstone(mint, crypto.RecordTombstone, []byte(record))
		if err != nil {
			return err
		}
		entry := crypto.ForgetEntry{Kind: crypto.Lifted, Of: stone.forget}
		if stone.kind == 0 {
			entry.Kind = crypto.Released
			entry.Stones, err = k.release(record)
		} else {
			_, err = k.c.run(`DELETE FROM tombstone WHERE forget = ?`, stone.forget)
		}
		if lifted = stone.kind != 0 || len(entry.Stones) > 0; err != nil || !lifted {
			return err
		}
		if err := errors.Join(k.dismiss(), k.enter(mint, entry)); err != nil {
			return err
		}
		_, err = k.c.run(`UPDATE root SET forgets = forgets + 1`)
		return err
	})
	return lifted, err
}

// tombstone is what keeps a record or a person away.
type tombstone struct {
	kind   crypto.TombstoneKind // 0: nothing does
	forget int64                // the last forgetting that took it
}

// tombstone finds what all forgettings together left of a value. The record of a
// forgotten person is that to each.
func (k *Keys) tombstone(mint crypto.Mint, kind crypto.TombstoneKind, value []byte) (stone tombstone, err error) {
	return k.find(mint.Digest(kind, value))
}

func (k *Keys) find(d crypto.Digest) (stone tombstone, err error) {
	err = k.c.each(`SELECT kind, forget FROM tombstone WHERE digest = ? ORDER BY forget`, []any{d[:]}, func(s *sqlite3.Stmt) error {
		if stone.forget = s.ColumnInt64(1); stone.kind != crypto.RecordTombstone {
			stone.kind = crypto.TombstoneKind(s.ColumnInt(0))
		}
		return nil
	})
	return stone, err
}
