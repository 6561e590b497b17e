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
// The search is recorded before it is made, by its type and without the value;
// each hit is opened, which is recorded like any opening. Who may search learns
// who is known: grant it like the fields themselves.
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
	entry := audit.Entry{Kind: audit.KindFind, Actor: who.Actor, Purpose: who.Purpose, Reason: who.Reason, Fields: []string{string(by)}}
	if err := g.append(ctx, entry); err != nil {
		return nil, err
	}
	hits, err := g.find(ctx, r, granted, by, value)
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

func (g *Guard) find(ctx context.Context, r Request, granted map[crypto.Place]names, by minimize.Find, value string) ([]Hit, error) {
	search := crypto.NewSearch(crypto.IndexType(by), value)
	entries, err := g.opener.Find(ctx, search)
	if err != nil {
		return nil, err
	}
	var hits []Hit
	for _, e := range entries {
		name, ok := granted[crypto.Place{Object: e.Place.Object, Field: e.Place.Field}]
		if !ok {
			continue
		}
		person, ok, err := g.confirm(ctx, r, search, e)
		if err != nil {
			return nil, err
		}
		hit := Hit{name.object, e.Place.Record, name.field, person}
		if ok && !slices.Contains(hits, hit) { // found by the rules of two versions
			hits = append(hits, hit)
		}
	}
	return hits, nil
}

// confirm opens the field of a place and compares. What cannot be opened because
// there is nothing, or nothing any more, is no hit.
func (g *Guard) confirm(ctx context.Context, r Request, search crypto.Search, e crypto.Entry) (person crypto.Person, ok bool, err error) {
	at := e.Place
	t, row, err := g.read(ctx, at.Object, at.Record)
	if err == nil {
		err = usable(row, t)
	}
	if err != nil {
		return person, false, present(err)
	}
	i := slices.IndexFunc(t.Columns, func(c store.Column) bool { return c.Name == at.Field && c.Sealed })
	if i < 0 || row.Cells[i].State != store.Value {
		return person, false, nil
	}
	c := t.Columns[i]
	person = row.Persons[c.Rule]
	use := crypto.Use{Actor: r.Actor, Purpose: r.Purpose, Reason: r.Reason, Person: person, Object: at.Object, Record: at.Record, Fields: []string{c.Name}}
	plain, err := g.opener.Open(ctx, use, crypto.Sealed{Person: person, Bytes: row.Cells[i].Bytes,
		Field: crypto.Field{Object: at.Object, Record: at.Record, Name: c.Name, Type: c.Type, Small: c.Small}})
	if err != nil {
		return person, false, present(err)
	}
	return person, g.opener.Confirm(search, e, plain[0]), nil
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
