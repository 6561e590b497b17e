package sfsync

import (
	"slices"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// lose counts a row whose record a read by id did not find. That Salesforce
// said why, by a gap event or the list of deletes, does not count as a loss.
func (m *maker) lose(r *record) {
	if r.row.Mark != store.Live || r.row.Stub() {
		return
	}
	if t := m.o.count; t != nil && slices.Contains(t.suspected, r.row.Seq) {
		t.Gone++
	}
	if !r.row.Explained {
		m.lost++
	}
}

// lossDay is how long losses of rows are added up.
const lossDay = 24 * time.Hour

// lossAllowed adds the rows that a batch finds gone to those of the day before
// it is queued, and refuses it if they are more than the caller's share: a user
// who no longer sees records must not empty the copy. The caller holds mu.
func (s *Sync) lossAllowed(o *object, b *store.ObjectBatch) error {
	if b.Lost == 0 {
		return nil
	}
	now, lost, since := time.Now().Unix(), o.lost, o.lostSince
	if now-since >= int64(lossDay/time.Second) {
		lost, since = 0, now
	}
	b.Lost, b.LostSince = b.Lost+lost, since
	if (store.Absence{Share: s.cfg.MaxLoss}).Refused(b.Lost, o.rows+lost) {
		return fault.New(fault.LossRefused, "sfsync.Run", "more records are gone than may be lost in a day; see that the user views all records, and raise MaxLoss for one run only if they are really gone").On(o.api)
	}
	return nil
}

// resize keeps up how many rows the object has, about. The caller holds mu.
func (o *object) resize(rows []store.Row) {
	for _, row := range rows {
		switch gone := row.Mark == store.Gone; {
		case row.Seq == 0 && !gone:
			o.rows++
		case row.Seq != 0 && gone:
			o.rows = max(0, o.rows-1)
		}
	}
}
