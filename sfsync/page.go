package sfsync

import (
	"context"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/bulk"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// How many rows of a read are put in one transaction: those of a full read are
// sealed and written, of those of a comparison few are.
const (
	batchRows   = 1000
	batchStamps = 5000
)

// chunk collects decoded rows of a page until they are put in a transaction.
type chunk interface {
	add(cells [][]byte) error
	len() int
	full() bool
	// answers empties the chunk into what the read says of its rows.
	answers(context.Context) (*sealing, []answer, error)
}

// readPage commits a page in batches of rows. A page resumed after a restart
// goes on behind the rows of it that are committed.
func (s *session) readPage(ctx context.Context, o *object, read *store.Read, job bulk.Job, page bulk.Page) error {
	if page.Records == 0 { // such a page may come without a header
		return nil
	}
	chunk, err := s.chunk(o, read.Range.Kind, page.Header)
	if err != nil {
		return err
	}
	skip := o.begunPage(read, page.Locator).Rows
	for cells, err := range page.Rows() {
		if err != nil {
			return err
		}
		if skip > 0 {
			skip--
			continue
		}
		if err := chunk.add(cells); err != nil {
			return err
		}
		if chunk.full() {
			if err := s.commitChunk(ctx, o, read, job, page.Locator, chunk); err != nil {
				return err
			}
		}
	}
	return s.commitChunk(ctx, o, read, job, page.Locator, chunk)
}

func (s *session) chunk(o *object, kind store.ReadKind, header []string) (chunk, error) {
	if kind == store.Stamp {
		stamps, err := o.table.Stamps(header)
		return &stampChunk{session: s, object: o, stamps: stamps}, err
	}
	rows, err := o.table.Rows(header)
	return &rowChunk{session: s, object: o, rows: rows}, err
}

// rowChunk holds rows of a full read. Their changes are used again.
type rowChunk struct {
	session *session
	object  *object
	rows    *minimize.RowProjection
	changes []minimize.Change
	n       int
}

func (c *rowChunk) len() int   { return c.n }
func (c *rowChunk) full() bool { return c.n == batchRows }

func (c *rowChunk) add(cells [][]byte) error {
	if c.n == len(c.changes) {
		c.changes = append(c.changes, minimize.NewChange())
	}
	c.n++
	return c.rows.Decode(c.changes[c.n-1], cells)
}

func (c *rowChunk) answers(ctx context.Context) (*sealing, []answer, error) {
	changes := c.changes[:c.n]
	c.n = 0
	sealing, list, err := c.session.answers(ctx, c.object, changes)
	for i := range list {
		list[i].ranged = true
	}
	return sealing, list, err
}

// stampChunk holds rows of a comparison, of which nothing is sealed.
type stampChunk struct {
	session *session
	object  *object
	stamps  *minimize.StampProjection
	list    []answer
}

func (c *stampChunk) len() int   { return len(c.list) }
func (c *stampChunk) full() bool { return len(c.list) == batchStamps }

func (c *stampChunk) add(cells [][]byte) error {
	id, stamp, err := c.stamps.Decode(cells)
	c.list = append(c.list, answer{id: id, stamp: stamp, bare: true})
	return err
}

func (c *stampChunk) answers(context.Context) (*sealing, []answer, error) {
	list := c.list
	c.list = make([]answer, 0, batchStamps)
	c.session.meter.read(len(list))
	return c.session.sealing(c.object, nil), list, nil
}

// commitChunk seals the rows, without the object's lock, then settles them.
func (s *session) commitChunk(ctx context.Context, o *object, read *store.Read, job bulk.Job, locator string, c chunk) error {
	n := int64(c.len())
	if n == 0 {
		return nil
	}
	sealing, answers, err := c.answers(ctx)
	if err != nil {
		return err
	}
	defer lockAll(o.family)()
	if read.N0 < o.floor && o.void.reads == 0 && s.disabled&floorVoidsReads == 0 {
		return errVoid
	}
	parts, err := s.settled(ctx, o, sealing, answers, read.N0, job.Created.Unix())
	if err != nil {
		return err
	}
	pageOf(read, locator).Rows += n
	read.Done += n
	if read.ID != 0 { // one that a restart resumes
		parts[0].Update, parts[0].Seen.Read = []store.Read{clone(*read)}, read.ID
	}
	_, err = s.enqueue(ctx, store.Batch{Objects: parts})
	s.status.reading(o.name, read.Done, int64(job.Records))
	return err
}
