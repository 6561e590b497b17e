package sfsync

import (
	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// settled is how much older than the server's clock a SystemModstamp must be to
// be trusted as the base of a row: two changes can share a second, a stamp
// precedes its commit, and clocks differ, all together by less than this.
const settled = 10 * 60 // seconds

// answer is what a read returned for one record, sealed already: a full read
// replaces a row whoever's it was, so it does not depend on the row.
type answer struct {
	id       string
	absent   bool // the record was asked for by id and does not exist
	bare     bool // of a read of stamps: nothing but id and stamp is known
	ranged   bool // of a read of all records
	stamp    int64
	subjects []crypto.Subject
	owners   []string
	cells    []store.Cell
	complete bool
}

// settle is the rule for one record that a read asked for. n0 is the object's
// N when the read began: what was written since is newer than the answer, so
// the row is owed another read instead.
func (m *maker) settle(r *record, a answer, n0, serverTime int64) {
	switch {
	case r.row.Seq > n0 && !m.off(readLosesToEvent):
		m.beaten(r, a)
	case a.absent:
		m.lose(r)
		r.empty(store.Gone)
		r.row.Op = store.OpDelete
	case a.bare:
		m.compare(r, a)
	default:
		if a.ranged && (r.row.Mark != store.Live || r.row.Base != a.stamp) {
			m.o.found(r.row)
		}
		m.leave(r, a)
		m.fill(r, a, serverTime)
	}
}

// leave notes a record that the row said was another person's, or of which it
// did not say: rows that take their person from it may be wrong.
func (m *maker) leave(r *record, a answer) {
	if len(m.o.followers) == 0 || r.row.Mark == store.Absent || m.off(followMoves) {
		return
	}
	if len(r.row.Persons) == 0 || r.row.Persons[0] != a.subjects[0].Person() {
		m.moved = append(m.moved, a.id)
	}
}

// beaten: something wrote the row since the read began. Only a row that is
// gone, of a record the read did not find either, is settled by that.
func (m *maker) beaten(r *record, a answer) {
	if r.row.Mark == store.Gone && a.absent {
		return
	}
	if r.row.Mark == store.Gone || r.misled(a) {
		r.stub()
		r.row.Op = store.OpMark
	}
	r.mark()
}

// misled reports whether an answer that is not taken names somebody else than
// the row. That it was asked for has filed the record there, until the next read
// files it back, and counts as a move: others may have taken that person from it.
func (r *record) misled(a answer) bool {
	return r.row.Mark == store.Live && len(r.row.Persons) > 0 && len(a.subjects) > 0 &&
		!a.subjects[0].Forgotten() && a.subjects[0].Person() != r.row.Persons[0]
}

// compare is the rule for a record of which a read returned the stamp only. A
// row that nothing but a read of this very stamp has filled is left as it is;
// any other is owed a read.
func (m *maker) compare(r *record, a answer) {
	switch {
	case r.row.Mark == store.Absent || r.row.Mark == store.Gone:
		m.o.found(r.row)
		r.stub()
		r.row.Op = store.OpMark
	case r.row.Evented || r.row.Base != a.stamp:
		m.o.found(r.row)
		r.mark()
	default:
		m.seen = append(m.seen, r.row.ID)
	}
}

// fill makes the row what the read returned. A stamp too young to trust leaves
// the row without a base, as if an event had touched it.
func (m *maker) fill(r *record, a answer, serverTime int64) {
	if a.subjects[0].Forgotten() {
		r.suppress(a.stamp)
		r.row.Op, r.row.Cells = store.OpForget, m.o.impersonal(a.cells)
		return
	}
	explained := r.row.Explained
	r.row.Dirty = false
	if m.holds[a.id] != nil {
		r.hold(a.subjects, a.stamp)
		r.row.Owners, r.row.Op = a.owners, store.OpHold
		return
	}
	r.replace(a.subjects, a.cells)
	r.row.Owners = a.owners
	r.row.Op = store.OpRead
	if a.stamp+settled < serverTime || m.off(youngStamp) {
		r.row.Base = a.stamp
	} else {
		r.row.Evented = true
	}
	switch {
	case !a.complete:
		m.o.postpone(a.id, m.pace.badAgain)
		r.mark()
	case m.moves != m.o.moves.Load(): // an owner moved after its person was asked for
		r.mark()
	case m.precedes(a.id, a.stamp):
		r.mark()
	}
	r.row.Explained = r.row.Dirty && explained
}
