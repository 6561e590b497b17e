package access

import (
	"context"
	"slices"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Reveal checks a request, records it and opens the fields of the record as the
// copy has them now. Its errors are fault.Refused (denied, or not recordable),
// NotFound (no such record, or it was deleted), Unavailable (known, but not read
// yet), Forgotten, KeyMissing, Tampered, Conflict (the policy changes just now),
// and those of the store and the keys.
func (g *Guard) Reveal(ctx context.Context, r Request) (Revealed, error) {
	return g.reveal(ctx, r, g.read)
}

// RevealRow is Reveal for a row that came as a change. Fields that the change
// says nothing about are not in what it returns.
func (g *Guard) RevealRow(ctx context.Context, r Request, row store.Row) (Revealed, error) {
	if r.Record == "" {
		r.Record = row.ID
	}
	return g.reveal(ctx, r, func(ctx context.Context, object, record string) (store.Table, store.Row, error) {
		t, err := g.reader.Table(ctx, object)
		if err == nil && row.ID != record {
			err = fault.New(fault.Refused, "access.RevealRow", "the request names another record than the row's; leave it empty").On(object)
		}
		return t, row, err
	})
}

func (g *Guard) reveal(ctx context.Context, r Request, read func(ctx context.Context, object, record string) (store.Table, store.Row, error)) (Revealed, error) {
	checked, err := g.check(r)
	if err != nil {
		return Revealed{}, g.fail(ctx, audit.KindDenied, r, err)
	}
	kept := g.kept[r.Object]
	t, row, err := read(ctx, kept.stable, checked.Record)
	if err == nil {
		err = usable(row, t)
	}
	var out Revealed
	if err == nil {
		out, err = g.open(ctx, checked, kept, t, row)
	}
	if err != nil {
		return Revealed{}, g.fail(ctx, audit.KindFault, checked, err)
	}
	return out, nil
}

// read reads the row, and its table before and after: cells go by position, and
// must not be taken for those of another column while the policy changes.
func (g *Guard) read(ctx context.Context, object, record string) (t store.Table, row store.Row, err error) {
	if t, err = g.reader.Table(ctx, object); err != nil {
		return t, row, err
	}
	if row, err = g.reader.Row(ctx, object, record); err != nil {
		return t, row, err
	}
	after, err := g.reader.Table(ctx, object)
	if err == nil && !slices.Equal(t.Columns, after.Columns) {
		err = fault.New(fault.Conflict, "access.Reveal", "the policy takes effect just now; ask again").On(object)
	}
	return t, row, err
}

// usable tells whether there is something to reveal.
func usable(row store.Row, t store.Table) error {
	switch object := t.Object; {
	case row.Mark == store.Suppressed:
		return fault.New(fault.Forgotten, "access.Reveal", "the record's person was forgotten; nothing is held of it").On(object)
	case row.Mark == store.Held:
		return fault.New(fault.Forgotten, "access.Reveal", "the record has the e-mail address of somebody forgotten; nothing is held of it until it is lifted or forgotten too").On(object)
	case row.Mark != store.Live:
		return fault.New(fault.NotFound, "access.Reveal", "the copy has no such record; check the id, or wait until it was read").On(object)
	case row.Stub():
		return fault.New(fault.Unavailable, "access.Reveal", "the record was not read yet; ask again later").On(object)
	case len(row.Cells) != len(t.Columns), len(row.Persons) != len(t.Rules):
		return fault.New(fault.Conflict, "access.Reveal", "the row is of another policy version; take the change again").On(object)
	}
	return nil
}

// share is what was asked of one person.
type share struct {
	person crypto.Person
	fields []string // stable names, plain fields among those of the row's person
	sealed []crypto.Sealed
	places []int // of the sealed among the values
}

// open opens the personal fields, with one entry in the ledger for each person
// whose they are.
func (g *Guard) open(ctx context.Context, r Request, kept object, t store.Table, row store.Row) (Revealed, error) {
	values, shares, err := divide(r, kept, t, row)
	if err != nil {
		return Revealed{}, err
	}
	for _, s := range shares {
		use := crypto.Use{Actor: r.Actor, Purpose: r.Purpose, Reason: r.Reason, Person: s.person, Object: kept.stable, Record: row.ID, Fields: s.fields}
		if len(s.sealed) == 0 { // nothing to open, so the keys are not needed
			if err := (recorder{g}).Record(ctx, use); err != nil {
				return Revealed{}, err
			}
			continue
		}
		plain, err := g.opener.Open(ctx, use, s.sealed...)
		if err != nil {
			return Revealed{}, err
		}
		for i, place := range s.places {
			values[place].text, values[place].ok = plain[i].Reveal()
		}
	}
	return Revealed{func() []value { return values }}, nil
}

// divide takes what is plain and sorts what is sealed by person.
func divide(r Request, kept object, t store.Table, row store.Row) (values []value, shares []share, err error) {
	for _, name := range r.Fields {
		i := slices.IndexFunc(t.Columns, func(c store.Column) bool { return c.Name == kept.fields[name].stable })
		if i < 0 {
			return nil, nil, fault.New(fault.Conflict, "access.Reveal", "the copy does not have this field; ask again once the policy has taken effect").On(r.Object, name)
		}
		c, cell, person := t.Columns[i], row.Cells[i], row.Persons[0]
		if c.Sealed {
			person = row.Persons[c.Rule]
		}
		s := of(&shares, person)
		s.fields = append(s.fields, c.Name)
		if cell.State == store.Unset {
			continue
		}
		v := value{name: name}
		if cell.State == store.Value && c.Sealed {
			s.places = append(s.places, len(values))
			s.sealed = append(s.sealed, crypto.Sealed{Person: person, Bytes: cell.Bytes,
				Field: crypto.Field{Object: kept.stable, Record: row.ID, Name: c.Name, Type: c.Type, Small: c.Small}})
		} else {
			v.text, v.ok = string(cell.Bytes), cell.State == store.Value
		}
		values = append(values, v)
	}
	return values, shares, nil
}

// of returns the person's share, which it adds if it is new.
func of(shares *[]share, person crypto.Person) *share {
	i := slices.IndexFunc(*shares, func(s share) bool { return s.person == person })
	if i < 0 {
		i = len(*shares)
		*shares = append(*shares, share{person: person})
	}
	return &(*shares)[i]
}
