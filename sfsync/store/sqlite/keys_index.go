package sqlite

import (
	"context"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

var _ crypto.IndexStore = (*Keys)(nil)

// Put implements crypto.IndexStore.
func (k *Keys) Put(ctx context.Context, entries []crypto.Entry) (mark int64, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.write(ctx, func() error {
		var err error
		if mark, err = k.c.number(`UPDATE root SET marks = marks + 1, writes = writes + 1 RETURNING marks`); err != nil {
			return err
		}
		if err := k.indexable(entries); err != nil {
			return err
		}
		if err := k.indexes(entries); err != nil {
			return err
		}
		return k.put(entries, mark)
	})
	return mark, err
}

func (k *Keys) put(entries []crypto.Entry, mark int64) error {
	forgotten, err := k.c.number(`SELECT EXISTS (SELECT 1 FROM tombstone WHERE kind = ?)`, int(crypto.AddressTombstone))
	if err != nil {
		return err
	}
	for _, e := range entries {
		var address any
		if e.Address != (crypto.Digest{}) {
			address = e.Address[:]
		}
		if forgotten == 1 && address != nil {
			n, err := k.c.number(`SELECT count(*) FROM tombstone WHERE digest = ?`, address)
			if err == nil && n > 0 {
				err = fault.New(fault.Forgotten, "sqlite.Keys", "an address was forgotten while the batch was on its way; make it again")
			}
			if err != nil {
				return err
			}
		}
		if _, err := k.c.run(`INSERT INTO index_entry (type, version, normaliser, digest, object, record, field, person, mark, address)
			SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 WHERE EXISTS (SELECT 1 FROM person_key WHERE person = ?8)
			ON CONFLICT DO UPDATE SET object = excluded.object, person = excluded.person, mark = excluded.mark`,
			string(e.Type), e.Version, e.Normaliser, e.Digest[:], e.Place.Object, e.Place.Record, e.Place.Field, e.Person[:], mark, address); err != nil {
			return err
		}
	}
	return nil
}

// indexable refuses entries of a keyset that was destroyed.
func (k *Keys) indexable(entries []crypto.Entry) error {
	type keyset struct {
		of      crypto.IndexType
		version int
	}
	seen := map[keyset]bool{}
	for _, e := range entries {
		s := keyset{e.Type, e.Version}
		if seen[s] {
			continue
		}
		seen[s] = true
		gone, err := k.c.number(`SELECT 1 FROM keyset WHERE use = ? AND version = ? AND state = 'destroyed'`, "index:"+string(s.of), s.version)
		if err != nil {
			return err
		}
		if gone == 1 {
			return fault.New(fault.Conflict, "sqlite.Keys", "the index was renewed meanwhile; begin the batch again")
		}
	}
	return nil
}

// indexes notes which fields have entries.
func (k *Keys) indexes(entries []crypto.Entry) error {
	noted := map[crypto.Findable]bool{}
	for _, e := range entries {
		f := crypto.Findable{Object: e.Place.Object, Field: e.Place.Field, Type: e.Type}
		if noted[f] {
			continue
		}
		noted[f] = true
		if _, err := k.c.run(`INSERT INTO index_field (object, field, type) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, f.Object, f.Field, string(f.Type)); err != nil {
			return err
		}
	}
	return nil
}

// Keep implements crypto.IndexStore.
func (k *Keys) Keep(ctx context.Context, fields []crypto.Findable) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.c.write(ctx, func() error {
		var gone []crypto.Findable
		err := k.c.each(`SELECT object, field, type FROM index_field`, nil, func(s *sqlite3.Stmt) error {
			f := crypto.Findable{Object: s.ColumnText(0), Field: s.ColumnText(1), Type: crypto.IndexType(s.ColumnText(2))}
			if !slices.Contains(fields, f) {
				gone = append(gone, f)
			}
			return nil
		})
		for _, f := range gone {
			for _, table := range []string{"index_entry", "index_field"} {
				if err == nil {
					_, err = k.c.run(`DELETE FROM `+table+` WHERE object = ? AND field = ? AND type = ?`, f.Object, f.Field, string(f.Type))
				}
			}
		}
		return err
	})
}

// Prune implements crypto.IndexStore.
func (k *Keys) Prune(ctx context.Context, mark int64, places []crypto.Place) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.c.write(ctx, func() error {
		for _, p := range places {
			if _, err := k.c.run(`DELETE FROM index_entry WHERE record = ? AND field = ? AND mark < ?`, p.Record, p.Field, mark); err != nil {
				return err
			}
		}
		return nil
	})
}

// indexPage is how many entries, of any object, Places looks at.
const indexPage = 4096

// Places implements crypto.IndexStore.
func (k *Keys) Places(ctx context.Context, object string, after int64) (places []crypto.Place, next int64, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.read(ctx, func() error {
		last, err := k.c.number(`SELECT max(id) FROM index_entry`)
		if err != nil {
			return err
		}
		if next = after + indexPage; next >= last {
			next = 0
		}
		return k.c.each(`SELECT DISTINCT record, field FROM index_entry WHERE id > ?1 AND id <= ?1 + ?2 AND object = ?3`, []any{after, indexPage, object}, func(s *sqlite3.Stmt) error {
			places = append(places, crypto.Place{Object: object, Record: s.ColumnText(0), Field: s.ColumnText(1)})
			return nil
		})
	})
	return places, next, err
}

// Lookup implements crypto.IndexStore.
func (k *Keys) Lookup(ctx context.Context, like []crypto.Entry) (found []crypto.Entry, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.read(ctx, func() error {
		for _, e := range like {
			err := k.c.each(`SELECT object, record, field, person FROM index_entry
				WHERE digest = ? AND type = ? AND version = ? AND normaliser = ? ORDER BY record, field`,
				[]any{e.Digest[:], string(e.Type), e.Version, e.Normaliser}, func(s *sqlite3.Stmt) error {
					hit := e
					hit.Place = crypto.Place{Object: s.ColumnText(0), Record: s.ColumnText(1), Field: s.ColumnText(2)}
					copy(hit.Person[:], s.ColumnRawBlob(3))
					found = append(found, hit)
					return nil
				})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// Drop implements crypto.IndexStore. Deleted bytes may stay in the log until it
// is next written back.
func (k *Keys) Drop(ctx context.Context, t crypto.IndexType, version, normaliser int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.c.write(ctx, func() error {
		lost, err := k.c.number(`SELECT EXISTS (SELECT 1 FROM index_entry AS old WHERE type = ?1 AND (version < ?2 OR normaliser < ?3) AND NOT EXISTS
			(SELECT 1 FROM index_entry WHERE record = old.record AND field = old.field AND type = ?1 AND version >= ?2 AND normaliser >= ?3))`,
			string(t), version, normaliser)
		if err != nil {
			return err
		}
		if lost == 1 {
			return fault.New(fault.Conflict, "sqlite.Keys", "values are still found by the older index alone; drop it once everything was read again")
		}
		if _, err := k.c.run(`DELETE FROM index_entry WHERE type = ? AND (version < ? OR normaliser < ?)`, string(t), version, normaliser); err != nil {
			return err
		}
		_, err = k.c.run(`UPDATE keyset SET state = 'destroyed', sealed = x'', proof = x'', destroyed = unixepoch()
			WHERE use = ? AND version < ? AND state <> 'destroyed'`, "index:"+string(t), version)
		return err
	})
}
