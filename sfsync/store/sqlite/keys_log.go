package sqlite

import (
	"context"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
)

// ForgetHead implements crypto.ForgetLog.
func (k *Keys) ForgetHead(ctx context.Context) (head crypto.ForgetHead, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.read(ctx, func() error {
		head, err = k.c.forgetHead()
		return err
	})
	return head, err
}

// ForgetEntries implements crypto.ForgetLog.
func (k *Keys) ForgetEntries(ctx context.Context) (entries []crypto.ForgetEntry, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.read(ctx, func() error {
		entries, err = k.c.forgetEntries()
		return err
	})
	return entries, err
}

// enter makes the next entry, of what the transaction under way has done.
func (k *Keys) enter(mint crypto.Mint, e crypto.ForgetEntry) error {
	head, err := k.c.forgetHead()
	if err != nil {
		return err
	}
	e.Seq, e.Time = head.Seq+1, time.Now().Unix()
	e.Mac = mint.Authenticate(head.Mac, e.Body())
	return k.c.enter(e)
}

// Replay implements crypto.Replayer.
func (k *Keys) Replay(ctx context.Context, entries []crypto.ForgetEntry) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.c.write(ctx, func() error {
		for _, e := range entries {
			if err := k.replay(e); err != nil {
				return err
			}
		}
		if err := k.dismiss(); err != nil {
			return err
		}
		return k.erased()
	})
	if err == nil {
		err = k.wipe(ctx, wipeWait)
	}
	return err
}

// replay does what an entry says. Records that the person has and the entry does
// not name left it before the forgetting: they only lose their links.
func (k *Keys) replay(e crypto.ForgetEntry) error {
	f := &forgetting{k: k, number: e.Of}
	for _, p := range e.Persons {
		if err := f.discard(p); err != nil {
			return err
		}
	}
	for _, s := range e.Stones {
		var err error
		if e.Kind == crypto.Released {
			_, err = k.c.run(`DELETE FROM tombstone WHERE digest = ? AND kind = ?`, s.Digest[:], int(s.Kind))
		} else {
			err = f.mark(s.Kind, s.Digest)
		}
		if err != nil {
			return err
		}
	}
	if e.Kind == crypto.Lifted {
		if _, err := k.c.run(`DELETE FROM tombstone WHERE forget = ?`, e.Of); err != nil {
			return err
		}
	}
	return k.c.enter(e)
}
