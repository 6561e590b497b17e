package sqlite

import (
	"encoding/json"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// debts reads what is owed and being read of each object.
func (c *conn) debts(objects map[string]store.Object) error {
	err := c.each(`SELECT object, lo, hi, kind FROM owed ORDER BY object, lo, hi`, nil, func(s *sqlite3.Stmt) error {
		o := objects[s.ColumnText(0)]
		o.Owed = append(o.Owed, span(s, 1))
		objects[s.ColumnText(0)] = o
		return nil
	})
	if err != nil {
		return err
	}
	return c.each(`SELECT object, lo, hi, kind, id, n0, job, pages, done FROM read ORDER BY object, n0, id`, nil, func(s *sqlite3.Stmt) error {
		o := objects[s.ColumnText(0)]
		r := store.Read{Range: span(s, 1), ID: s.ColumnInt64(4), N0: s.ColumnInt64(5), Job: s.ColumnText(6), Done: s.ColumnInt64(8)}
		if json.Unmarshal(s.ColumnRawText(7), &r.Pages) != nil {
			return sqlite3.CORRUPT
		}
		o.Reads = append(o.Reads, r)
		objects[s.ColumnText(0)] = o
		return nil
	})
}

func span(s *sqlite3.Stmt, col int) store.Range {
	return store.Range{From: s.ColumnText(col), To: s.ColumnText(col + 1), Kind: store.ReadKind(s.ColumnText(col + 2))}
}

// settle does what a batch does to an object besides writing rows.
func (c *conn) settle(t *table, b *store.ObjectBatch, n int64) error {
	if err := c.reown(t, b, n); err != nil {
		return err
	}
	for _, step := range []func(*store.ObjectBatch, int64) error{c.see, c.suspect, c.balance, c.reads, c.progress} {
		if err := step(b, n); err != nil {
			return err
		}
	}
	return nil
}

// reown makes the rows dirty that took a person from a record that may be
// another's now.
func (c *conn) reown(t *table, b *store.ObjectBatch, n int64) error {
	for _, owner := range ownerships(t.Table) {
		for _, id := range b.Moved {
			if _, err := c.run(`UPDATE `+name(b.Object)+` SET _dirty = iif(_dirty > 0, _dirty, ?1), _seq = ?1
				WHERE `+owner+` = ?2 AND _mark <> ?3`, n, id, int(store.Gone)); err != nil {
				return err
			}
		}
	}
	return nil
}

// suspect makes the rows dirty that a read should have returned. Ids have a
// suffix that their first 15 characters determine; a bound that is those 15 and
// a byte above all others lies behind the one id it stands for.
func (c *conn) suspect(b *store.ObjectBatch, n int64) error {
	a := b.Absent
	if a == nil {
		return nil
	}
	table, lo, hi := name(b.Object), bound(a.Range.From), bound(a.Range.To)
	absent, err := c.run(`UPDATE `+table+` SET _dirty = iif(_dirty > 0, _dirty, ?1), _seq = ?1
		WHERE Id > ?2 AND (?3 = '' OR Id <= ?3) AND _mark <> 2 AND _seq <= ?4
		AND NOT EXISTS (SELECT 1 FROM seen WHERE object = ?5 AND read = ?6 AND id = `+table+`.Id)`, n, lo, hi, a.N0, b.Object, a.Read)
	if err != nil || absent <= store.LossFloor {
		return err
	}
	within := `SELECT count(*) FROM ` + table + ` WHERE Id > ?1 AND (?2 = '' OR Id <= ?2)`
	said, err := c.number(within+` AND _seq = ?3 AND _evented & ?4`, lo, hi, n, explained)
	if err != nil {
		return err
	}
	rows, err := c.number(within+` AND _mark <> 2`, lo, hi)
	if err == nil && a.Refused(absent-said, rows) {
		return fault.New(fault.LossRefused, "sqlite.Apply", "a read did not return more rows than may be lost at once; see that the user views all records, and allow the loss only if they are really gone").On(b.Object)
	}
	return err
}

// see notes rows that a read of stamps need not write.
func (c *conn) see(b *store.ObjectBatch, n int64) error {
	for _, id := range b.Seen.IDs {
		if _, err := c.run(`INSERT OR IGNORE INTO seen VALUES (?, ?, ?)`, b.Object, b.Seen.Read, id); err != nil {
			return err
		}
	}
	return nil
}

func bound(id string) string {
	if id == "" {
		return ""
	}
	return id[:min(15, len(id))] + "\x7f"
}

func (c *conn) balance(b *store.ObjectBatch, n int64) error {
	if b.Floor {
		if _, err := c.run(`UPDATE object SET floor = ? WHERE name = ?`, n, b.Object); err != nil {
			return err
		}
	}
	for _, r := range b.Owe {
		if err := c.indebt(b.Object, r); err != nil {
			return err
		}
	}
	for _, r := range b.Paid { // a full read also pays what a stamp was owed for, not the other way round
		if _, err := c.run(`DELETE FROM owed WHERE object = ?1 AND lo = ?2 AND hi = ?3 AND ?4 IN (kind, 'full')`,
			b.Object, r.From, r.To, string(r.Kind)); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) indebt(object string, r store.Range) error {
	_, err := c.run(`INSERT INTO owed VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET kind = 'full' WHERE excluded.kind = 'full'`,
		object, r.From, r.To, string(r.Kind))
	return err
}

func (c *conn) reads(b *store.ObjectBatch, n int64) error {
	for _, r := range b.Begin {
		if _, err := c.run(`INSERT INTO read (object, id, lo, hi, kind, n0, job, done) VALUES (?, ?, ?, ?, ?, ?, '', 0)`,
			b.Object, r.ID, r.Range.From, r.Range.To, string(r.Range.Kind), n); err != nil {
			return err
		}
	}
	for _, r := range b.Update {
		pages, err := json.Marshal(r.Pages)
		if err != nil {
			return err
		}
		found, err := c.run(`UPDATE read SET job = ?, pages = ?, done = ? WHERE object = ? AND id = ?`,
			r.Job, string(pages), r.Done, b.Object, r.ID)
		if err != nil {
			return err
		}
		if found == 0 {
			return fault.New(fault.Conflict, "sqlite.Apply", "the read to go on with has ended; prepare again").On(b.Object)
		}
	}
	for _, id := range b.End {
		if _, err := c.run(`DELETE FROM read WHERE object = ? AND id = ?`, b.Object, id); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) progress(b *store.ObjectBatch, n int64) error {
	if b.Caught != 0 || b.Reconciled != 0 || b.Refreshed != 0 {
		if _, err := c.run(`UPDATE object SET caught = iif(?2, ?2, caught), reconciled = iif(?3, ?3, reconciled), refreshed = iif(?4, ?4, refreshed)
			WHERE name = ?1`, b.Object, b.Caught, b.Reconciled, b.Refreshed); err != nil {
			return err
		}
	}
	if b.LostSince != 0 {
		if _, err := c.run(`UPDATE object SET lost = ?, lost_since = ? WHERE name = ?`, b.Lost, b.LostSince, b.Object); err != nil {
			return err
		}
	}
	if b.Heard != 0 {
		if _, err := c.run(`UPDATE object SET heard = max(heard, ?) WHERE name = ?`, b.Heard, b.Object); err != nil {
			return err
		}
	}
	if b.Unseen != 0 {
		if _, err := c.run(`UPDATE object SET unseen = ? WHERE name = ?`, max(0, b.Unseen), b.Object); err != nil {
			return err
		}
	}
	if b.ForgetGone == 0 {
		return nil
	}
	_, err := c.run(`DELETE FROM `+name(b.Object)+` WHERE _mark = 2 AND _seq <= ? AND _dirty = 0`, b.ForgetGone)
	return err
}
