package sfsync

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Renew gives a person and all aliases another key, for when one may be in
// other hands, and owes a read of every row that holds something of theirs, so
// that it comes under that key; it returns how many rows those are. The keys
// from before open until DestroyRetired, and what backups hold for ever. The
// ledger has an entry with the reason.
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

// retiredFor is for how long a key has been retired before it may be destroyed: a
// batch that began before sealed by it, and is committed or refused by then.
const retiredFor = time.Hour

// DestroyRetired destroys the keys of persons that gave way to others more than
// an hour ago, by Renew or because they had sealed as often as they may, and that
// no row has anything under any more; it returns how many those were. It looks at
// every row. What consumers of Changes or backups of the rows hold under such a
// key opens nowhere any more, but what backups of the keys database hold does. The
// ledger has an entry with the reason. What is under way ends as with Renew.
// If it fails with fault.StoreBusy, a reader of the keys database keeps it from
// emptying the log, which a repeated call does.
func (s *Sync) DestroyRetired(ctx context.Context, reason string) (destroyed int, err error) {
	const op = "sfsync.DestroyRetired"
	eraser, ok := s.cfg.Store.(store.Eraser)
	rows, ok2 := s.cfg.Store.(store.Reader)
	switch {
	case !ok || !ok2:
		return 0, fault.New(fault.ConfigInvalid, op, "the store cannot erase or be read; use one that is a store.Eraser and a store.Reader")
	case reason == "":
		return 0, fault.New(fault.ConfigInvalid, op, "give a reason for the ledger, without personal data")
	}
	keys, err := s.cfg.Vault.Retired(ctx, time.Now().Add(-retiredFor))
	if err != nil {
		return 0, err
	}
	if len(keys) == 0 {
		return 0, s.cfg.Vault.DestroyKeys(ctx, nil) // what an earlier call left in the log
	}
	// Nothing that was made before commits from here on, so that what the rows
	// have now is all there is.
	if _, err := eraser.Owe(ctx, nil, s.entry(audit.Entry{Kind: audit.KindDestroy, Reason: reason, Count: len(keys)})); err != nil {
		return 0, err
	}
	keys, err = s.unused(ctx, rows, keys)
	if err != nil {
		return 0, err
	}
	return len(keys), s.cfg.Vault.DestroyKeys(ctx, keys)
}

// unused are those of the keys that nothing in the rows is sealed by.
func (s *Sync) unused(ctx context.Context, rows store.Reader, keys []crypto.PersonKey) ([]crypto.PersonKey, error) {
	type generation struct {
		person crypto.Person
		key    crypto.KeyID
	}
	left := map[generation]crypto.PersonKey{}
	for _, k := range keys {
		left[generation{k.Person, k.ID}] = k
	}
	for _, object := range s.cfg.Policy.StableNames() {
		table, err := rows.Table(ctx, object)
		if err != nil {
			return nil, err
		}
		for row, err := range rows.Rows(ctx, object) {
			if err != nil {
				return nil, err
			}
			for i, c := range table.Columns {
				if !c.Sealed || row.Cells[i].State != store.Value {
					continue
				}
				sealed := crypto.Sealed{Person: row.Persons[c.Rule], Bytes: row.Cells[i].Bytes}
				id, err := sealed.Key()
				if err != nil {
					return nil, err
				}
				delete(left, generation{sealed.Person, id})
			}
		}
	}
	return slices.Collect(maps.Values(left)), nil
}
