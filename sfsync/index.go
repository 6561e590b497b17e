package sfsync

import (
	"context"
	"slices"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// The blind index follows the rows: entries of a batch are stored when it is
// queued, before its rows commit, and what its rows no longer say is pruned
// after. A value that is in a row is therefore always found, and what is found
// and no longer there does not confirm.

// digests are the index entries of sealed cells, by the first byte of the cell:
// what becomes of a cell while a batch is made, its entries go with it or drop
// out with it.
type digests map[*byte][]crypto.Entry

// indexed remembers the entries of a value that was just sealed.
func (s *sealing) indexed(sealed []byte, subject crypto.Subject, f crypto.Field, find minimize.Find, text []byte) {
	if s.digests == nil {
		s.digests = digests{}
	}
	entries := s.keys.Entries(nil, subject, f, crypto.IndexType(find), text)
	if hold, ok := s.keys.Hold(entries); ok {
		if s.holds == nil {
			s.holds = map[string][]crypto.Entry{}
		}
		s.holds[f.Record] = append(s.holds[f.Record], hold)
	}
	if len(entries) > 0 {
		s.digests[&sealed[0]] = entries
	}
}

// ensureIndex makes the keys of whatever the policy wants to be findable, and
// removes what it no longer does.
func (s *session) ensureIndex(ctx context.Context, tables []*minimize.Table) error {
	var types []crypto.IndexType
	var fields []crypto.Findable
	for _, t := range tables {
		for _, c := range t.Columns() {
			if c.Find == minimize.FindNone {
				continue
			}
			find := crypto.IndexType(c.Find)
			fields = append(fields, crypto.Findable{Object: t.StableName(), Field: c.Name, Type: find})
			if !slices.Contains(types, find) {
				types = append(types, find)
			}
		}
	}
	if err := s.cfg.Vault.KeepIndex(ctx, fields); err != nil {
		return err
	}
	return s.cfg.Vault.EnsureIndex(ctx, types...)
}

// index is what a batch does to the index.
type index struct {
	mark   int64
	places []crypto.Place // whose entries before the mark are out of date
}

// index stores the entries of the rows that are about to be queued. The caller
// holds the lock of every object, so that marks rise in the order of commits.
func (s *session) index(ctx context.Context, objects []store.ObjectBatch) (index, error) {
	var entries []crypto.Entry
	var x index
	for i := range objects {
		o := s.objects[objects[i].Object]
		entries = o.findable(entries, &x, objects[i].Rows)
		o.digests, o.holds = nil, nil
	}
	if len(x.places) == 0 {
		return x, nil
	}
	var err error
	x.mark, err = s.cfg.Vault.Index(ctx, entries)
	return x, err
}

// findable appends the entries of rows, and the places that they say something
// about: all of a row that is written whole, the cells that are set of a patch.
func (o *object) findable(entries []crypto.Entry, x *index, rows []store.Row) []crypto.Entry {
	for i, c := range o.columns {
		if c.Find == minimize.FindNone {
			continue
		}
		for _, row := range rows {
			var cell store.Cell
			if row.Cells != nil {
				cell = row.Cells[i]
			}
			if row.Patch && cell.State == store.Unset {
				continue
			}
			place := crypto.Place{Object: o.name, Record: row.ID, Field: c.Name}
			x.places = append(x.places, place)
			for _, hold := range o.holds[row.ID] {
				if row.Mark == store.Held && hold.Place == place {
					entries = append(entries, hold)
				}
			}
			if cell.State == store.Value {
				entries = append(entries, o.digests[&cell.Bytes[0]]...)
			}
		}
	}
	return entries
}

// prune removes from the index what the rows of a committed batch replaced. What
// remains if that fails leads to values that do not confirm.
func (s *session) prune(ctx context.Context, x index) {
	if len(x.places) == 0 {
		return
	}
	if err := s.cfg.Vault.Prune(context.WithoutCancel(ctx), x.mark, x.places); err != nil {
		s.log.Warn("the index keeps entries of older values until the fields are next written, or a reconcile finds their rows gone", "fault", err)
	}
}

// sweep removes from the index what leads to no row of the object: a process that
// died between the commit of a deletion and its pruning, or a rows database that
// was made anew, leave such entries. Those of an older value of a row that is
// there stay until the field is next written.
func (s *session) sweep(ctx context.Context, o *object) error {
	if !slices.ContainsFunc(o.columns, func(c minimize.Column) bool { return c.Find != minimize.FindNone }) {
		return nil
	}
	for after, more := int64(0), true; more; more = after != 0 {
		places, next, err := s.cfg.Vault.Indexed(ctx, o.name, after)
		if err == nil {
			places, err = s.rowless(ctx, o, places)
		}
		if err == nil && len(places) > 0 {
			err = s.sweepOut(ctx, o, places)
		}
		if err != nil {
			return err
		}
		after = next
	}
	return nil
}

// sweepOut removes the entries of places that have no row. A batch that is on its
// way may bring one. If it stored its entries before the mark, its rows are
// committed when an empty batch behind it is; else they have a higher mark.
func (s *session) sweepOut(ctx context.Context, o *object, places []crypto.Place) error {
	mark, err := s.cfg.Vault.Index(ctx, nil)
	if err == nil {
		err = s.commitAlone(ctx, store.ObjectBatch{Object: o.name})
	}
	if err == nil {
		places, err = s.rowless(ctx, o, places)
	}
	if err != nil {
		return err
	}
	return s.cfg.Vault.Prune(ctx, mark, places)
}

// rowless are those of the places that belong to no row which may have a value.
func (s *session) rowless(ctx context.Context, o *object, places []crypto.Place) (without []crypto.Place, err error) {
	ids := make([]string, len(places))
	for i, p := range places {
		ids[i] = p.Record
	}
	rows, err := s.cfg.Store.Load(ctx, o.name, ids)
	for i, row := range rows {
		if row.Mark != store.Live && row.Mark != store.Held {
			without = append(without, places[i])
		}
	}
	return without, err
}
