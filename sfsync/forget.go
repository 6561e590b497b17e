package sfsync

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Who names a person: by the id of any record that is theirs, of 15 or 18
// characters, or by the person of a row.
type Who struct {
	Record string
	Person crypto.Person
}

// Horizon is how long copies are kept that the library does not see. What is 0
// was not said: a receipt is then without an end. None says that there are no
// such copies.
type Horizon struct {
	KeyBackups time.Duration // of the keys database and its file system
	RowBackups time.Duration // of the rows database and its file system
	Consumers  time.Duration // of whoever takes Changes, until it has acted on a forget
}

// None, in a Horizon: no such copies are made.
const None time.Duration = -1

// Receipt says what a forgetting did, and what it cannot do.
type Receipt struct {
	Persons int       // that were one: the person and its aliases; 0: forgotten before
	Rows    int64     // emptied
	At      time.Time // when keys and rows were gone from the two databases

	// ResidualUntil is until when a backup or a consumer may still hold the
	// person's data and the key that opens it. Zero: unknown, because the
	// Horizon does not say.
	ResidualUntil time.Time

	// Exported says that the head of the forget log was given to
	// Config.ForgetHeads. Without it nobody can notice when both databases are
	// put back from before, and the person with them.
	Exported bool
}

// Forget destroys the keys of a person and of all aliases, empties their rows,
// and keeps their records away for as long as Salesforce has them, also from
// later full copies. An object with "on_forget: keep_plain" keeps the plain
// fields of records about the person, without ids of records that may be one's. The
// ledger has an entry with the reason, and nobody's name.
//
// It may be called beside Run, by the same Sync. If it fails or the process
// ends, it may be called again, and the next session finishes it before it
// seals anything (internal/docs/forgetting.md). What it cannot reach, the
// receipt names. Of somebody who is forgotten already the receipt counts no person.
// fault.NotFound: nobody is known by that record or person.
func (s *Sync) Forget(ctx context.Context, who Who, reason string) (Receipt, error) {
	if err := s.agree(ctx, nil); err != nil {
		return Receipt{}, err
	}
	eraser, persons, err := s.known(ctx, who, reason)
	if fault.CodeOf(err) == fault.NotFound && s.buried(ctx, who) == nil {
		if err = s.finishForgetting(ctx); err == nil {
			return s.receipt(ctx, 0, 0)
		}
	}
	if err != nil {
		return Receipt{}, err
	}
	entry := s.entry(audit.Entry{Kind: audit.KindForget, Reason: reason, Count: len(persons)})
	if err := eraser.Bury(ctx, persons, entry); err != nil {
		return Receipt{}, err
	}
	all, rows, err := s.erase(ctx, eraser, persons, entry)
	if err != nil {
		return Receipt{}, err
	}
	return s.receipt(ctx, len(all), rows)
}

func (s *Sync) receipt(ctx context.Context, persons int, rows int64) (Receipt, error) {
	age, err := s.cfg.Vault.KeyAge(ctx)
	if err != nil {
		return Receipt{}, err
	}
	now := time.Now()
	return Receipt{Persons: persons, Rows: rows, At: now, ResidualUntil: s.cfg.Horizon.after(now, age), Exported: s.cfg.ForgetHeads != nil}, nil
}

// known finds who is meant, all aliases among them.
func (s *Sync) known(ctx context.Context, who Who, reason string) (store.Eraser, []crypto.Person, error) {
	const op = "sfsync.Who"
	eraser, ok := s.cfg.Store.(store.Eraser)
	id, valid := recordid.Normalize(who.Record)
	switch {
	case !ok:
		return nil, nil, fault.New(fault.ConfigInvalid, op, "the store cannot erase; use one that is a store.Eraser")
	case reason == "":
		return nil, nil, fault.New(fault.ConfigInvalid, op, "give a reason for the ledger, without personal data")
	case !valid && who.Person.IsZero():
		return nil, nil, fault.New(fault.ConfigInvalid, op, "give a person, or a record id of 15 or 18 characters")
	}
	persons, err := s.cfg.Vault.Persons(ctx, who.Person, id)
	if err == nil && len(persons) == 0 {
		err = fault.New(fault.NotFound, op, "nobody is known by this record; see that it was copied")
	}
	return eraser, persons, err
}

// erase does what is left once the persons are buried. Keys go first: without
// them no batch that is being made can hold anything of theirs. Who became one
// with the persons since they were buried is buried and erased too.
func (s *Sync) erase(ctx context.Context, eraser store.Eraser, persons []crypto.Person, entry audit.Entry) (all []crypto.Person, rows int64, err error) {
	if all, err = s.cfg.Vault.Forget(ctx, persons...); err != nil {
		return nil, 0, err
	}
	late := slices.DeleteFunc(slices.Clone(all), func(p crypto.Person) bool { return slices.Contains(persons, p) })
	if entry.Count = len(late); len(late) > 0 {
		if err := eraser.Bury(ctx, late, entry); err != nil {
			return nil, 0, err
		}
	}
	if rows, err = eraser.Erase(ctx, all, s.plainKept()); err != nil {
		return nil, 0, err
	}
	s.rouse() // consumers learn of it as the rows are read
	return all, rows, s.agree(ctx, taken(all))
}

// rouse lets a session that is under way look for dirty rows.
func (s *Sync) rouse() {
	if open, _, _ := s.turn.look(); open != nil {
		for _, o := range open.objects {
			o.rouse()
		}
	}
}

// finishForgetting goes on with what a process that ended has begun, and forgets
// again whose keys were put back from a backup.
func (s *Sync) finishForgetting(ctx context.Context) error {
	eraser, ok := s.cfg.Store.(store.Eraser)
	if !ok {
		return nil
	}
	if err := s.agree(ctx, nil); err != nil {
		return err
	}
	all, persons, err := eraser.Buried(ctx)
	if err != nil || len(all) == 0 {
		return err
	}
	back, err := s.cfg.Vault.Keyed(ctx, all)
	if err != nil || len(persons)+len(back) == 0 {
		return err
	}
	_, _, err = s.erase(ctx, eraser, append(persons, back...), s.entry(audit.Entry{Kind: audit.KindForget, Reason: "finished"}))
	return err
}

// keepForgetting does so every minute, for processes that began and ended since.
func (s *session) keepForgetting(ctx context.Context) error {
	tick := time.NewTicker(s.pace.finish)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := s.finishForgetting(ctx); err != nil && !mendable(err) {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// after is the latest moment at which something of what is deleted now may
// still exist, in memory for keyAge, zero if that is not known.
func (h Horizon) after(now time.Time, keyAge time.Duration) time.Time {
	longest := keyAge
	for _, d := range []time.Duration{h.KeyBackups, h.RowBackups, h.Consumers} {
		if d == 0 {
			return time.Time{}
		}
		longest = max(longest, d)
	}
	return now.Add(longest)
}

// keepsPlain reports whether the object keeps plain fields of a forgotten
// person's records. A record that is the person keeps nothing, so that without
// a reference to one there is nothing to keep.
func (s *Sync) keepsPlain(object string) bool {
	o := s.cfg.Policy.Objects[object]
	return o.OnForget == minimize.KeepPlain && !slices.Equal(o.Person, []string{"Id"})
}

// plainKept lists those objects by the names the store knows them by.
func (s *Sync) plainKept() (objects []string) {
	for name, o := range s.cfg.Policy.Objects {
		if s.keepsPlain(name) {
			objects = append(objects, cmp.Or(append(slices.Clone(o.Was), name)[0], name))
		}
	}
	return objects
}

// impersonal is what stays of a row whose person was forgotten: nothing, or
// the plain fields that link to nobody. Who is the person has no cells.
func (o *object) impersonal(cells []store.Cell) []store.Cell {
	if !o.keepsPlain || cells == nil {
		return nil
	}
	for i, c := range o.schema.Columns {
		if c.Sealed || c.Link {
			cells[i] = store.Cell{}
		}
	}
	return cells
}
