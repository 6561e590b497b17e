package sfsync

import (
	"context"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// merged makes the persons of records that are gone aliases of those that they
// were merged into: whoever forgets the winner forgets the losers too. What
// referred to a loser refers to the winner now, and its events say so.
func (s *session) merged(ctx context.Context, o *object, gone []answer) error {
	if len(gone) == 0 || !o.table.Merges() || s.disabled&aliasMerged != 0 {
		return nil
	}
	ids := make([]string, len(gone))
	for i, a := range gone {
		ids[i] = a.id
	}
	masters, err := s.rest.Masters(ctx, o.api, ids)
	if err != nil || len(masters) == 0 {
		return err
	}
	var wants []crypto.Want
	for loser, winner := range masters {
		wants = append(wants, crypto.Want{Record: crypto.Link{Object: o.name, Record: loser}, Owner: crypto.Link{Object: o.name, Record: winner}})
	}
	keys, err := s.cfg.Vault.Sealer().Begin(ctx)
	if err != nil {
		return err
	}
	_, err = keys.Subjects(ctx, wants)
	return err
}

// bothTopics refuses to keep the name of accounts that may be persons without
// their contacts: it is theirs, and only a row that has a contact for an owner is
// known to be of a person.
func (s *Sync) bothTopics(tables []*minimize.Table) error {
	for _, t := range tables {
		if _, listed := s.cfg.Policy.Objects["Contact"]; named(t) && !listed {
			return fault.New(fault.PolicyInvalid, "sfsync.Run", "the org has person accounts, whose name changes with their contact; list Contact too, or leave Name out").On("Account", "Name")
		}
	}
	return nil
}
