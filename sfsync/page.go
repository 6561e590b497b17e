package sfsync

import (
	"context"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/bulk"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// batchRows is how many rows of a read are put in one transaction.
const batchRows = 1000

// readPage commits a page in batches of rows. A page resumed after a restart
// goes on behind the rows of it that are committed.
func (s *session) readPage(ctx context.Context, o *object, read *store.Read, job bulk.Job, page bulk.Page) error {
	if page.Records == 0 { // such a page may come without a header
		return nil
	}
	rows, err := o.table.Rows(page.Header)
	if err != nil {
		return err
	}
	skip, chunk := read.Page, newChunk()
	for cells, err := range page.Rows() {
		if err != nil {
			return err
		}
		if skip > 0 {
			skip--
			continue
		}
		if err := rows.Decode(chunk.next(), cells); err != nil {
			return err
		}
		if chunk.n == batchRows {
			if err := s.commitChunk(ctx, o, read, job, chunk); err != nil {
				return err
			}
		}
	}
	return s.commitChunk(ctx, o, read, job, chunk)
}

// chunk is a reused list of decoded rows.
type chunk struct {
	changes []minimize.Change
	n       int
}

func newChunk() *chunk { return &chunk{} }

func (c *chunk) next() minimize.Change {
	if c.n == len(c.changes) {
		c.changes = append(c.changes, minimize.NewChange())
	}
	c.n++
	return c.changes[c.n-1]
}

// commitChunk seals the rows, without the object's lock, then settles them.
func (s *session) commitChunk(ctx context.Context, o *object, read *store.Read, job bulk.Job, c *chunk) error {
	if c.n == 0 {
		return nil
	}
	sealing, answers, err := s.answers(ctx, o, c.changes[:c.n])
	if err != nil {
		return err
	}
	read.Page += int64(c.n)
	read.Done += int64(c.n)
	c.n = 0
	defer lockAll(o.family)()
	if read.N0 < o.floor && s.disabled&floorVoidsReads == 0 {
		return errVoid
	}
	parts, err := s.settled(ctx, o, sealing, answers, read.N0, job.Created.Unix())
	if err != nil {
		return err
	}
	parts[0].Update = []store.Read{*read}
	_, err = s.enqueue(ctx, store.Batch{Objects: parts})
	s.status.reading(o.name, read.Done, int64(job.Records))
	return err
}
