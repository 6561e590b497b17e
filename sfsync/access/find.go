package access

import (
	"context"
	"errors"
	"slices"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Asker is who searches, and what for.
type Asker struct {
	Actor   string // at most 200 bytes
	Purpose string // one of the policy
	Reason  string // why now, without personal data; 1 to 500 bytes
}

// Hit is a field of a record that has the value.
type Hit struct {
	Object string // as in the policy
	Record string // 18-character id
	Field  string // as in the policy
	Person crypto.Person
}

// Find returns where a value stands in the copy now, among the fields that the
// policy finds in this way and that a grant allows the asker for this purpose.
// The search is recorded by its type and without the value, and with it, before
// any of them, the openings that tell whether a place has the value still: one
// append, without which nothing is opened and nothing returned. Who may search
// learns who is known: grant it like the fields themselves.
//
// Records that were not read yet, and those whose person was forgotten, are not
// found. A field that the policy made findable later is found once its records
// have been read again. Its errors are fault.Refused (denied, or not
// recordable), ConfigInvalid (nothing to be found by in the value), Tampered,
// Conflict (the policy changes just now), and those of the store and the keys.
func (g *Guard) Find(ctx context.Context, who Asker, by minimize.Find, value string) ([]Hit, error) {
	r := Request{Actor: who.Actor, Purpose: who.Purpose, Reason: who.Reason}
	granted, err := g.searchable(r, by)
	if err != nil {
		return nil, g.fail(ctx, audit.KindDenied, r, err)
	}
	search := crypto.NewSearch(crypto.IndexType(by), value)
	candidates, err := g.candidates(ctx, r, granted, search) // nobody is told before it is recorded
	entries := []audit.Entry{{Kind: audit.KindFind, Actor: who.Actor, Purpose: who.Purpose, Reason: who.Reason, Fields: []string{string(by)}}}
	for _, c := range candidates {
		entries = append(entries, opening(c.use))
	}
	if err := g.append(ctx, entries...); err != nil {
		return nil, err
	}
	var hits []Hit
	if err == nil {
		hits, err = g.confirmed(ctx, granted, search, candidates)
	}
	if err != nil {
		return nil, g.fail(ctx, audit.KindFault, r, err)
	}
	return hits, nil
}

// names is a field by the names of the policy.
type names struct{ object, field string }

// searchable are the fields in which the asker may search, by the place they are
// stored at, without a record.
func (g *Guard) searchable(r Request, by minimize.Find) (map[crypto.Place]names, error) {
	granted := map[crypto.Place]names{}
	for object, kept := range g.kept {
		for field, f := range kept.fields {
			r.Object = object
			if by != minimize.FindNone && f.find == by && slices.Contains(f.purposes, r.Purpose) && g.granted(r, field) {
				granted[crypto.Place{Object: kept.stable, Field: f.stable}] = names{object, field}
			}
		}
	}
	switch {
	case r.Actor == "" || len(r.Actor) > maxActor:
		return nil, fault.New(fault.Refused, "access.Find", "the search names no actor, or one of over 200 bytes; name who asks")
	case r.Reason == "" || len(r.Reason) > maxReason:
		return nil, fault.New(fault.Refused, "access.Find", "the search has no reason, or one of over 500 bytes; say why, without personal data")
	case len(granted) == 0:
		return nil, fault.New(fault.Refused, "access.Find", "no grant allows the actor a field that is found in this way for that purpose; ask whoever decides on grants")
	}
	return granted, nil
}

// candidate is a value that may be the one searched for.
type candidate struct {
	entry  crypto.Entry
	use    crypto.Use // its opening
	sealed crypto.Sealed
}

// candidates are the values in the granted places that the index leads to.
func (g *Guard) candidates(ctx context.Context, r Request, granted map[crypto.Place]names, search crypto.Search) ([]candidate, error) {
	entries, err := g.opener.Find(ctx, search)
	if err != nil {
		return nil, err
	}
	var list []candidate
	for _, e := range entries {
		if _, ok := granted[crypto.Place{Object: e.Place.Object, Field: e.Place.Field}]; !ok {
			continue
		}
		c, ok, err := g.candidate(ctx, r, e)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, c)
		}
	}
	return list, nil
}

// candidate reads the value of an entry's place. Where there is nothing, or nothing
// any more, it is none.
func (g *Guard) candidate(ctx context.Context, r Request, e crypto.Entry) (c candidate, ok bool, err error) {
	at := e.Place
	t, row, err := g.read(ctx, at.Object, at.Record)
	if err == nil {
		err = usable(row, t)
	}
	if err != nil {
		return c, false, present(err)
	}
	i := slices.IndexFunc(t.Columns, func(c store.Column) bool { return c.Name == at.Field && c.Sealed })
	if i < 0 || row.Cells[i].State != store.Value {
		return c, false, nil
	}
	column := t.Columns[i]
	person := row.Persons[column.Rule]
	return candidate{e,
		crypto.Use{Actor: r.Actor, Purpose: r.Purpose, Reason: r.Reason, Person: person, Object: at.Object, Record: at.Record, Fields: []string{column.Name}},
		crypto.Sealed{Person: person, Bytes: row.Cells[i].Bytes,
			Field: crypto.Field{Object: at.Object, Record: at.Record, Name: column.Name, Type: column.Type, Small: column.Small}}}, true, nil
}

// confirmed opens the candidates, whose openings are recorded, and compares.
func (g *Guard) confirmed(ctx context.Context, granted map[crypto.Place]names, search crypto.Search, list []candidate) (hits []Hit, err error) {
	var uses recorded
	for _, c := range list {
		uses = append(uses, c.use)
	}
	opener, err := g.vault.Opener(uses)
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		plain, err := opener.Open(ctx, c.use, c.sealed)
		if err := present(err); err != nil {
			return nil, err
		}
		if err != nil || !opener.Confirm(search, c.entry, plain[0]) {
			continue
		}
		name := granted[crypto.Place{Object: c.entry.Place.Object, Field: c.entry.Place.Field}]
		hit := Hit{name.object, c.entry.Place.Record, name.field, c.use.Person}
		if !slices.Contains(hits, hit) { // found by the rules of two versions
			hits = append(hits, hit)
		}
	}
	return hits, nil
}

// recorded are uses that are in the ledger: it lets these happen, and no other.
type recorded []crypto.Use

// Record implements crypto.Recorder.
func (r recorded) Record(_ context.Context, use crypto.Use) error {
	if !slices.ContainsFunc(r, func(u crypto.Use) bool {
		return u.Person == use.Person && u.Object == use.Object && u.Record == use.Record && slices.Equal(u.Fields, use.Fields)
	}) {
		return fault.New(fault.Internal, "access.Find", "an opening was not recorded with its search; report this")
	}
	return nil
}

// present drops the errors that say that there is nothing to find.
func present(err error) error {
	for _, code := range []fault.Code{fault.NotFound, fault.Unavailable, fault.Forgotten, fault.KeyMissing} {
		if errors.Is(err, code) {
			return nil
		}
	}
	return err
}
