package sfsync

import (
	"context"
	"sync"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// turn says whose session is under way: only one is at a time. Calls beside
// Run use it to work in the session that Run has open.
type turn struct {
	sync.Mutex
	taken   bool
	open    *session      // nil until it may be used
	changed chan struct{} // closed with the next change; nil if nobody waits
}

// take reports whether the caller may open a session; it must then give the
// turn back.
func (t *turn) take() bool {
	t.Lock()
	defer t.Unlock()
	if t.taken {
		return false
	}
	t.taken = true
	return true
}

func (t *turn) show(s *session) {
	t.Lock()
	defer t.Unlock()
	t.open = s
	t.tell()
}

func (t *turn) give() {
	t.Lock()
	defer t.Unlock()
	t.taken, t.open = false, nil
	t.tell()
}

func (t *turn) tell() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// look returns the open session, whether one is open or being opened, and what
// is closed when that changes.
func (t *turn) look() (open *session, taken bool, changed <-chan struct{}) {
	t.Lock()
	defer t.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return t.open, t.taken, t.changed
}

// errTaken says that another session is under way.
var errTaken = fault.New(fault.Conflict, "sfsync.Run", "wait for the run that is under way, or stop it")

// errEnded says that the visited session ended before the work was done.
var errEnded = fault.New(fault.Conflict, "sfsync.Run", "the run ended before the work was done; it is done in the next one")

// visit runs within in the session that is under way, once it is open, or own
// in a session of its own if there is none. If the visited session ends before
// the work is done, it is done in the next.
func (s *Sync) visit(ctx context.Context, within, own func(context.Context, *session) error) error {
	for {
		open, taken, changed := s.turn.look()
		var err error
		switch {
		case open != nil:
			err = within(ctx, open)
		case !taken:
			err = s.session(ctx, own)
		default:
			err = errTaken
		}
		if err != errTaken && err != errEnded {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fault.Wrap(ctx.Err(), fault.Canceled, "sfsync.Sync", "the call was given up; what was owed by it stays owed")
		}
	}
}
