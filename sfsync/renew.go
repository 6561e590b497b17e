package sfsync

import (
	"context"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Renew gives a person and all aliases another key, for when one may be in
// other hands, and owes a read of every row that holds something of theirs, so
// that it comes under that key; it returns how many rows those are. The keys
// from before open until then, and what backups hold for ever. The ledger has an
// entry with the reason.
//
// It may be called beside Run, which then makes again what it was making; a
// Changes or CatchUp under way ends with fault.Conflict, and so does an Ack of a
// batch from before. Without any, the next run reads the rows. If it fails it may
// be called again. fault.NotFound: nobody is known by that record, or no more.
func (s *Sync) Renew(ctx context.Context, who Who, reason string) (rows int64, err error) {
	eraser, persons, err := s.known(ctx, who, reason)
	if err != nil {
		return 0, err
	}
	for _, p := range persons {
		if err := s.cfg.Vault.RotatePerson(ctx, p); err != nil && fault.CodeOf(err) != fault.NotFound {
			return 0, err // an alias may be without a key
		}
	}
	rows, err = eraser.Owe(ctx, persons, s.entry(audit.Entry{Kind: audit.KindRenew, Reason: reason, Count: len(persons)}))
	if err == nil {
		s.makeAgain()
	}
	return rows, err
}
