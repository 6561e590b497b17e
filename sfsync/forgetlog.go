package sfsync

import (
	"context"
	"slices"
	"sync"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// ForgetHeads keeps one line, [crypto.ForgetHead.String], outside of the two
// databases and of their backups: in another account, or on paper. It tells how
// often somebody was forgotten, and of nobody who.
type ForgetHeads interface {
	// Save replaces the head, durably. A Forget or Lift has failed, and may be
	// repeated, until it succeeds.
	Save(ctx context.Context, head crypto.ForgetHead) error
	// Last is the one that was saved last, zero without any.
	Last(ctx context.Context) (crypto.ForgetHead, error)
}

// forgetState is the forget log as this process has seen it.
type forgetState struct {
	sync.Mutex
	checked  bool
	liftings int               // that were made up for
	head     crypto.ForgetHead // of both databases, authentic and saved
}

// forgetLogs are the two databases as keepers of the log.
type forgetLogs struct {
	keys crypto.Replayer
	rows store.ForgetLog
	store.Eraser
}

func (s *Sync) forgetLogs() (l forgetLogs, ok bool) {
	var all [3]bool
	l.keys, all[0] = s.cfg.Vault.Keys().(crypto.Replayer)
	l.rows, all[1] = s.cfg.Store.(store.ForgetLog)
	l.Eraser, all[2] = s.cfg.Store.(store.Eraser)
	return l, all == [3]bool{true, true, true}
}

// agree brings the database that is behind to where the other one is: one that
// was put back from a backup, or the rows after a crash. did says what the caller
// has done to the rows already, nil: nothing.
func (s *Sync) agree(ctx context.Context, did func(crypto.ForgetEntry) bool) error {
	l, ok := s.forgetLogs()
	if !ok {
		return nil
	}
	s.forgets.Lock()
	defer s.forgets.Unlock()
	rows, err := l.rows.ForgetHead(ctx)
	if err != nil {
		return err
	}
	keys, err := l.keys.ForgetHead(ctx)
	if err != nil || s.forgets.checked && rows == keys && keys == s.forgets.head {
		return err
	}
	return s.compareForgets(ctx, l, did)
}

// compareForgets reads both logs, the rows' first: the keys lead, so that what is
// written meanwhile does not look as if the keys were behind.
func (s *Sync) compareForgets(ctx context.Context, l forgetLogs, did func(crypto.ForgetEntry) bool) error {
	rows, err := s.authentic(ctx, l.rows)
	if err != nil {
		return err
	}
	keys, err := s.authentic(ctx, l.keys)
	if err != nil {
		return err
	}
	same := min(len(rows), len(keys))
	if same > 0 && rows[same-1].Mac != keys[same-1].Mac { // and so one before may
		return errForked
	}
	all := keys
	if len(rows) > len(keys) {
		all = rows
	}
	saved, err := s.savedHead(ctx, all)
	if err == nil && len(keys) < len(all) {
		err = s.cfg.Vault.Replay(ctx, all[len(keys):])
	}
	if err == nil && len(rows) < len(all) {
		err = s.redo(ctx, l, all[len(rows):], did)
	}
	var head crypto.ForgetHead
	if len(all) > 0 {
		head = all[len(all)-1].Head()
	}
	if h := s.cfg.ForgetHeads; err == nil && h != nil && saved != head {
		err = fault.Wrap(h.Save(ctx, head), fault.Unavailable, "sfsync.ForgetHeads", "the head of the forget log could not be saved; see to where it is kept and repeat")
	}
	if err == nil {
		s.forgets.head, s.forgets.checked = head, true
	}
	return err
}

// liftings counts those that this process has made up for.
func (s *Sync) liftings() int {
	s.forgets.Lock()
	defer s.forgets.Unlock()
	return s.forgets.liftings
}

func (s *Sync) authentic(ctx context.Context, log crypto.ForgetLog) ([]crypto.ForgetEntry, error) {
	entries, err := log.ForgetEntries(ctx)
	if err == nil {
		err = s.cfg.Vault.CheckForgets(entries)
	}
	return entries, err
}

var (
	errForked = fault.New(fault.Tampered, "sfsync.ForgetLog",
		"the databases or the saved head are from different pasts; put back a backup of one of them that follows the others, or forget again who was forgotten since and remove the saved head")
	errForgetLost = fault.New(fault.ForgetLost, "sfsync.ForgetLog",
		"both databases are from before a forgetting or lifting that was exported; put back a newer backup of either, or forget again who was forgotten since, by your own record of requests, with a Sync without ForgetHeads, and then remove the saved head")
)

// savedHead reads the head that was exported last and holds the log to it.
func (s *Sync) savedHead(ctx context.Context, all []crypto.ForgetEntry) (saved crypto.ForgetHead, err error) {
	if s.cfg.ForgetHeads == nil {
		return saved, nil
	}
	saved, err = s.cfg.ForgetHeads.Last(ctx)
	switch {
	case err != nil:
		err = fault.Wrap(err, fault.Unavailable, "sfsync.ForgetHeads", "the saved head of the forget log could not be read; see to where it is kept and repeat")
	case saved.Seq > int64(len(all)):
		err = errForgetLost
	case saved.Seq > 0 && all[saved.Seq-1].Mac != saved.Mac:
		err = errForked
	}
	return saved, err
}

// redo does to the rows what entries say that they lack, and enters them.
func (s *Sync) redo(ctx context.Context, l forgetLogs, entries []crypto.ForgetEntry, did func(crypto.ForgetEntry) bool) error {
	var persons []crypto.Person
	lifted := false
	for _, e := range entries {
		if did == nil || !did(e) {
			persons = append(persons, e.Persons...)
			lifted = lifted || e.Kind == crypto.Lifted || e.Kind == crypto.Released
		}
	}
	if len(persons) > 0 {
		// Whoever deleted the keys may have failed to empty their log.
		if err := s.cfg.Vault.Replay(ctx, nil); err != nil {
			return err
		}
		if err := l.Bury(ctx, persons, s.entry(audit.Entry{Kind: audit.KindForget, Reason: "by the forget log", Count: len(persons)})); err != nil {
			return err
		}
		if _, err := l.Erase(ctx, persons, s.plainKept()); err != nil {
			return err
		}
		s.rouse()
	}
	if lifted { // who was forgotten and lifted is owed a read too: no key opens what came back
		back, err := s.unforgotten(ctx, l)
		if err == nil {
			_, err = l.Lift(ctx, back, s.entry(audit.Entry{Kind: audit.KindLift, Reason: "by the forget log", Count: len(back)}))
		}
		if err != nil {
			return err
		}
		s.forgets.liftings++
		s.makeAgain()
	}
	return l.rows.Enter(ctx, entries)
}

// taken covers entries of nobody but these.
func taken(persons []crypto.Person) func(crypto.ForgetEntry) bool {
	return func(e crypto.ForgetEntry) bool {
		return e.Kind == crypto.Forgot && !slices.ContainsFunc(e.Persons, func(p crypto.Person) bool { return !slices.Contains(persons, p) })
	}
}
