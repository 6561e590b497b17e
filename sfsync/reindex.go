package sfsync

import (
	"context"
	"slices"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Reindex gives a type of the blind index another key, for when that may be in
// other hands, and reads all records again of the objects with a field that is
// found in this way. It returns once that is committed; then Vault.DropIndex
// removes the key and the entries from before. Values are found all the while. It
// is also how values come under newer rules of this library, or another
// crypto.PhoneParser. The ledger has an entry for each object, with the reason.
//
// Like Reconcile it works in the session of Run or Changes, or in its own.
// ObjectStatus.Rows and Total show how far the reads are. If the call is given up,
// what is owed stays owed and DropIndex refuses until it was read. It may be called
// again, with one more key each time.
func (s *Sync) Reindex(ctx context.Context, by minimize.Find, reason string) error {
	const op = "sfsync.Reindex"
	switch {
	case reason == "":
		return fault.New(fault.ConfigInvalid, op, "give a reason for the ledger, without personal data")
	case by == minimize.FindNone || !s.finds(by):
		return fault.New(fault.ConfigInvalid, op, "the policy has no field that is found in this way; see its find settings")
	}
	if err := s.cfg.Vault.RenewIndex(ctx, crypto.IndexType(by)); err != nil {
		return err
	}
	_, err := s.compareEach(ctx, func(o *object) (inquiry, bool) {
		entry := s.entry(audit.Entry{Kind: audit.KindReindex, Object: o.name, Fields: []string{string(by)}, Reason: reason})
		return inquiry{kind: store.Full, entries: []audit.Entry{entry}},
			slices.ContainsFunc(o.columns, func(c minimize.Column) bool { return c.Find == by })
	})
	return err
}

// finds reports whether the policy has a field that is found in this way.
func (s *Sync) finds(by minimize.Find) bool {
	for _, o := range s.cfg.Policy.Objects {
		for _, f := range o.Personal {
			if f.Find == by {
				return true
			}
		}
	}
	return false
}
