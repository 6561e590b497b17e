package sfsync

import (
	"context"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// To ask whose a record is files it there, in the keys database, before any row
// says so. The answer may never come to be a row: the process is killed, the read
// is void, an event was faster. Then the link may be newer than the row, or older,
// and other records have taken a person from it meanwhile. So the keys database
// keeps each move until the rows have followed.

// strayed notes that links of the object's records have moved.
func (o *object) strayed(keys *crypto.Batch) {
	if keys.Moved() {
		o.stray.Store(true)
		o.rouse()
	}
}

// followLinks brings rows to where links have moved.
func (s *session) followLinks(ctx context.Context, o *object) error {
	for o.stray.Swap(false) {
		moves, err := s.cfg.Vault.Moved(ctx, o.name, batchRows)
		if err == nil && len(o.followers) > 0 && s.disabled&followMoves == 0 {
			err = s.leaveLinks(ctx, o, moves)
		}
		if err == nil {
			err = s.cfg.Vault.Followed(ctx, moves)
		}
		if err != nil || len(moves) == batchRows {
			o.stray.Store(true)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leaveLinks owes a read of each row that says another person than its link, which
// tells which of the two is right, and of the rows that take a person from any of
// the records. What was asked for before is owed one too when it is settled.
func (s *session) leaveLinks(ctx context.Context, o *object, moves []crypto.Move) error {
	if len(moves) == 0 {
		return nil
	}
	batch, err := s.leftBehind(ctx, o, moves)
	if err != nil {
		return err
	}
	return batch.wait(ctx)
}

func (s *session) leftBehind(ctx context.Context, o *object, moves []crypto.Move) (*Batch, error) {
	defer lockAll(o.family)()
	m := &maker{sealing: s.sealing(o, nil), o: o}
	for _, move := range moves {
		m.order = append(m.order, move.Record)
	}
	var err error
	if m.records, err = o.load(ctx, s.cfg.Store, m.order); err != nil {
		return nil, err
	}
	for _, move := range moves {
		r := m.records[move.Record]
		if r.row.Mark.Exists() && len(r.row.Persons) > 0 && r.row.Persons[0] != move.Person {
			r.mark()
		}
	}
	parts := append([]store.ObjectBatch{m.result()}, o.followed(m.order)...)
	return s.enqueue(ctx, store.Batch{Objects: parts})
}
