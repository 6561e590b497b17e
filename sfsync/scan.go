package sfsync

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/bulk"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// batchRows is how many rows of a read are put in one transaction.
const batchRows = 1000

// scan pays the object's owed ranges, one Bulk read after another: first copy,
// backfill and resynchronisation are the same loop.
func (s *session) scan(ctx context.Context, o *object) error {
	return s.keepTrying(ctx, func(ctx context.Context) error {
		for {
			select {
			case <-o.ready:
			case <-ctx.Done():
				return fault.Wrap(ctx.Err(), fault.Canceled, "sfsync.Run", "the run was stopped")
			}
			if paid, err := s.payRange(ctx, o); err != nil {
				return err
			} else if paid {
				continue
			}
			select {
			case <-o.indebted:
			case <-ctx.Done():
			}
		}
	})
}

// payRange reads the first owed range; false: none is owed.
func (s *session) payRange(ctx context.Context, o *object) (bool, error) {
	o.mu.Lock()
	owed := append([]store.Range(nil), o.owed...)
	o.mu.Unlock()
	if len(owed) == 0 {
		return false, nil
	}
	read, err := s.beginRead(ctx, o, owed[0])
	if err != nil {
		return false, err
	}
	err = s.readJob(ctx, o, &read)
	switch fault.CodeOf(err) {
	case fault.NotFound, fault.Truncated, fault.RequestInvalid, errVoid.Code():
		// The job is gone, incomplete or void: another is made for what is owed.
		if end := s.commitAlone(ctx, store.ObjectBatch{Object: o.name, End: []int64{read.ID}}); end != nil {
			return false, end
		}
		o.dropRead(read.ID)
		if err == errVoid {
			return true, nil
		}
	}
	return err == nil, o.named(err)
}

// named puts the object's name as the policy has it into a copy of a fault:
// the one in a job is the server's word.
func (o *object) named(err error) error {
	var e *fault.Error
	if !errors.As(err, &e) {
		return err
	}
	named := *e
	return named.On(o.api, e.Fields()...)
}

// errVoid says that everything was owed again since the read began.
var errVoid = fault.New(fault.Conflict, "sfsync.Run", "the read began before everything was owed again; another one begins")

// beginRead resumes the read of a range, or begins one and gives up those that
// pay nothing any more. Its N0 is durable before its request leaves.
func (s *session) beginRead(ctx context.Context, o *object, r store.Range) (store.Read, error) {
	o.mu.Lock()
	var void []int64
	for _, read := range o.reads {
		if read.Range == r && read.N0 >= o.floor {
			o.mu.Unlock()
			return read, nil
		}
		void = append(void, read.ID)
	}
	begin := []store.Read{{ID: rand.Int64(), Range: r}}
	batch, err := s.enqueue(ctx, store.Batch{Objects: []store.ObjectBatch{{Object: o.name, Begin: begin, End: void}}})
	o.reads = slices.Clone(begin)
	o.mu.Unlock()
	if err != nil {
		return store.Read{}, err
	}
	return begin[0], batch.wait(ctx)
}

// readJob makes or resumes the Bulk job of the read and commits its pages.
func (s *session) readJob(ctx context.Context, o *object, read *store.Read) error {
	if read.Job == "" {
		job, err := s.bulk.Create(ctx, o.table.SOQL(), false)
		if err != nil {
			return err
		}
		read.Job = job.ID
		o.keepRead(*read)
		if err := s.commitAlone(ctx, store.ObjectBatch{Object: o.name, Update: []store.Read{*read}}); err != nil {
			return err
		}
		s.log.Info("reading all records", "object", o.name)
	}
	job, err := s.bulk.Wait(ctx, read.Job)
	if err != nil {
		return err
	}
	s.status.reading(o.name, read.Done, int64(job.Records))
	for page, err := range s.bulk.Results(ctx, job, read.Locator) {
		if err != nil {
			return err
		}
		if err := s.readPage(ctx, o, read, job, page); err != nil {
			return err
		}
		read.Locator, read.Page = page.Next, 0
	}
	return s.endRead(ctx, o, read, job)
}

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
	o.mu.Lock()
	defer o.mu.Unlock()
	if read.N0 < o.floor && s.disabled&floorVoidsReads == 0 {
		return errVoid
	}
	ob, err := s.settled(ctx, o, sealing, answers, read.N0, job.Created.Unix())
	if err != nil {
		return err
	}
	ob.Update = []store.Read{*read}
	_, err = s.enqueue(ctx, store.Batch{Objects: []store.ObjectBatch{ob}})
	s.status.reading(o.name, read.Done, int64(job.Records))
	return err
}

// endRead pays the range once all its rows are queued, and owes a read for
// each row that the answer did not have: absence is a suspicion, not a delete.
func (s *session) endRead(ctx context.Context, o *object, read *store.Read, job bulk.Job) error {
	if read.Done != int64(job.Records) {
		return fault.New(fault.Truncated, "sfsync.Run", "the Bulk job returned fewer rows than it counted; it is made again").On(o.name)
	}
	ob := store.ObjectBatch{Object: o.name, Paid: []store.Range{read.Range}, End: []int64{read.ID},
		Absent: &store.Absence{Range: read.Range, N0: read.N0}}
	if err := s.pay(ctx, o, ob, read, job); err != nil {
		return err
	}
	o.dropRead(read.ID)
	s.log.Info("all records read", "object", o.name, "rows", read.Done)
	return nil
}

// pay commits the end of a read.
func (s *session) pay(ctx context.Context, o *object, ob store.ObjectBatch, read *store.Read, job bulk.Job) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if read.N0 < o.floor && s.disabled&floorVoidsReads == 0 {
		return errVoid
	}
	if o.caught == 0 {
		ob.Caught = job.Created.Add(-settled * time.Second).Unix()
	}
	_, err := s.enqueue(ctx, store.Batch{Objects: []store.ObjectBatch{ob}})
	return err
}

func (o *object) keepRead(read store.Read) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.reads {
		if o.reads[i].ID == read.ID {
			o.reads[i] = read
		}
	}
}

func (o *object) dropRead(id int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.reads {
		if o.reads[i].ID == id {
			o.reads = append(o.reads[:i:i], o.reads[i+1:]...)
			return
		}
	}
}
