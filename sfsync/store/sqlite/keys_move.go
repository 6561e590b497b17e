package sqlite

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
)

var _ crypto.Mover = (*Keys)(nil)

// noteMove notes that a record's link points to another person now.
func (l *linking) noteMove(record crypto.Link) error {
	l.moved = true
	_, err := l.k.c.run(`INSERT INTO moved (object, record, times) VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET times = times + 1`, record.Object, record.Record)
	return err
}

// Moved implements crypto.Mover. One whose link is gone was forgotten since.
func (k *Keys) Moved(ctx context.Context, object string, n int) (moves []crypto.Move, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.read(ctx, func() error {
		return k.c.each(`SELECT moved.record, person, times FROM moved LEFT JOIN link ON link.record = moved.record WHERE moved.object = ? ORDER BY moved.record LIMIT ?`,
			[]any{object, n}, func(s *sqlite3.Stmt) error {
				m := crypto.Move{Record: s.ColumnText(0), Times: s.ColumnInt64(2)}
				copy(m.Person[:], s.ColumnRawBlob(1))
				moves = append(moves, m)
				return nil
			})
	})
	return moves, err
}

// Followed implements crypto.Mover.
func (k *Keys) Followed(ctx context.Context, moves []crypto.Move) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.c.write(ctx, func() error {
		for _, m := range moves {
			if _, err := k.c.run(`DELETE FROM moved WHERE record = ? AND times = ?`, m.Record, m.Times); err != nil {
				return err
			}
		}
		return nil
	})
}
