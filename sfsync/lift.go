package sfsync

import (
	"context"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Held lists the records of which nothing is kept because they have the e-mail
// address of somebody forgotten, and of nobody else. It takes a person to tell
// who they are: [Sync.Forget] of the record, if it is whoever was forgotten, and
// it stays away; [Sync.Lift] of it, if not. Addresses are known of fields that
// the policy makes findable as e-mail. The order is that of the record ids.
func (s *Sync) Held(ctx context.Context) ([]crypto.Link, error) { return s.cfg.Vault.Held(ctx) }

// Lift takes a forgetting back, for when it was a mistake or the person has come
// again: any record that was the person's, or about them, names it; of several
// forgettings that took the record, the last is taken back. Of a record that
// is held it takes back only that its address holds records. Nothing that
// was destroyed comes back from here. What the org still has of the person is
// read again and sealed under a new key; until then, and in other processes
// until their next batch, the records stay away. The ledger has an entry with
// the reason. It returns how many rows are read again, those of others who stay
// forgotten among them.
//
// It may be called beside Run, which then makes again what it was making; a
// Changes or CatchUp under way ends with fault.Conflict, and so does an Ack of a
// batch from before. Without any, the next run reads the rows. If it fails it may
// be called again. fault.NotFound: the record is of nobody forgotten.
func (s *Sync) Lift(ctx context.Context, record, reason string) (rows int64, err error) {
	const op = "sfsync.Lift"
	eraser, ok := s.cfg.Store.(store.Eraser)
	id, valid := recordid.Normalize(record)
	switch {
	case !ok:
		return 0, fault.New(fault.ConfigInvalid, op, "the store cannot lift; use one that is a store.Eraser")
	case reason == "":
		return 0, fault.New(fault.ConfigInvalid, op, "give a reason for the ledger, without personal data")
	case !valid:
		return 0, fault.New(fault.ConfigInvalid, op, "give a record id of 15 or 18 characters")
	}
	half, err := s.unforgotten(ctx, eraser) // of a call before this one that failed half way
	if err != nil {
		return 0, err
	}
	if err := s.finishForgetting(ctx); err != nil { // or its rows would stay as they are
		return 0, err
	}
	lifted, err := s.cfg.Vault.Lift(ctx, id)
	if err != nil {
		return 0, err
	}
	back, err := s.unforgotten(ctx, eraser)
	if err != nil {
		return 0, err
	}
	if !lifted && len(back)+len(half) == 0 {
		return 0, fault.New(fault.NotFound, op, "the record is of nobody forgotten; give one that was there when the person was forgotten")
	}
	mine := s.liftedHere(ctx)
	rows, err = eraser.Lift(ctx, back, s.entry(audit.Entry{Kind: audit.KindLift, Reason: reason, Count: len(back)}))
	if err != nil {
		return 0, err
	}
	s.makeAgain()
	return rows, s.agree(ctx, mine)
}

// liftedHere covers the liftings that the keys know of by now.
func (s *Sync) liftedHere(ctx context.Context) func(crypto.ForgetEntry) bool {
	l, ok := s.forgetLogs()
	if !ok {
		return nil
	}
	head, err := l.keys.ForgetHead(ctx)
	return func(e crypto.ForgetEntry) bool { return err == nil && e.Seq <= head.Seq && len(e.Persons) == 0 }
}

// errOutdated ends a session whose batches were made before rows were owed a
// read behind its back: the store refuses them.
var errOutdated = fault.New(fault.Conflict, "sfsync.Run", "a person was lifted or renewed; what was on its way is made again")

// makeAgain ends the session that is under way.
func (s *Sync) makeAgain() {
	if open, _, _ := s.turn.look(); open != nil {
		open.stop(errOutdated)
	}
}

// unforgotten are those who are buried among the rows and not any more among
// the keys. Who has a key there was not lifted: it came back from a backup.
func (s *Sync) unforgotten(ctx context.Context, eraser store.Eraser) (back []crypto.Person, err error) {
	buried, _, err := eraser.Buried(ctx)
	if err != nil {
		return nil, err
	}
	batch, err := s.cfg.Vault.Sealer().Begin(ctx)
	if err != nil {
		return nil, err
	}
	subjects, err := batch.Known(ctx, buried)
	for i, subject := range subjects {
		if subject.Missing() {
			back = append(back, buried[i])
		}
	}
	return back, err
}

// buried fails where the person, or that of the record, was not forgotten, or
// nobody can tell.
func (s *Sync) buried(ctx context.Context, who Who) error {
	id, _ := recordid.Normalize(who.Record)
	gone, err := s.cfg.Vault.Buried(ctx, who.Person, id)
	if err == nil && !gone {
		err = fault.New(fault.NotFound, "sfsync.Who", "the record is of nobody forgotten; give one that was there when the person was forgotten")
	}
	return err
}
