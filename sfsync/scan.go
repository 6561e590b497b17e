package sfsync

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/bulk"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// payRange reads the first owed range; false: none is owed.
func (s *session) payRange(ctx context.Context, o *object) (bool, error) {
	o.mu.Lock()
	owed, rest := append([]store.Range(nil), o.owed...), o.void.until.After(time.Now())
	o.mu.Unlock()
	if len(owed) == 0 {
		return s.serve(ctx, o)
	}
	if rest {
		return false, nil
	}
	read, err := s.beginRead(ctx, o, owed[0])
	if err != nil {
		return false, err
	}
	over, err := s.readJob(ctx, o, &read)
	o.ended(err, s.pace)
	if over { // another job is made for what is still owed
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

// beginRead resumes the read of a range, or begins one and gives up those that
// pay nothing any more. Its N0 is durable before its request leaves.
func (s *session) beginRead(ctx context.Context, o *object, r store.Range) (store.Read, error) {
	o.mu.Lock()
	var void []int64
	for _, read := range o.reads {
		if read.Range == r && read.N0 >= o.floor {
			o.mu.Unlock()
			return clone(read), nil
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

// jobLost lets a run wait and go on where Salesforce no longer knows the job, or
// not all its results, which it keeps for seven days (Bulk API 2.0 guide,
// "Limits"). A single pass ends with the fault itself; the next makes another job.
func (s *session) jobLost(err error) error {
	if !s.streaming {
		return err
	}
	s.log.Warn("Salesforce has lost a Bulk job or its results", "fault", err)
	return fault.New(fault.Unavailable, "sfsync.Run", "Salesforce has lost a Bulk job or its results; another job is made")
}

// readJob makes or resumes the Bulk job of the read and commits its pages. over
// reports whether the job has ended without paying: it has failed, was aborted
// or deleted, is incomplete, holds what cannot be decoded, or has become void.
// A range that takes the org too long is owed in two halves instead.
func (s *session) readJob(ctx context.Context, o *object, read *store.Read) (over bool, err error) {
	if read.Job == "" {
		if err := s.createJob(ctx, o, read); err != nil {
			return false, err
		}
	}
	job, err := s.bulk.Wait(ctx, read.Job)
	if err == nil {
		err = s.readResults(ctx, o, read, job)
	}
	if job.State == bulk.Failed && fault.CodeOf(err) == fault.TooLarge {
		if halved, failed := s.split(ctx, o, *read); halved || failed != nil {
			return false, failed
		}
	}
	if job.State == bulk.Failed || job.State == bulk.Aborted {
		return true, err
	}
	switch code := fault.CodeOf(err); {
	case code == fault.NotFound, code == fault.RequestInvalid, code == fault.ResponseInvalid && job.State == bulk.JobComplete:
		return true, s.jobLost(err)
	case code == fault.PayloadInvalid, code == errVoid.Code():
		return true, err
	}
	return false, err // where only a connection broke, the job is gone on with
}

func (s *session) createJob(ctx context.Context, o *object, read *store.Read) error {
	soql := o.table.SOQL()
	if read.Range.Kind == store.Stamp {
		soql = o.table.StampSOQL()
	}
	job, err := s.bulk.Create(ctx, within(soql, read.Range), false)
	if err != nil {
		return err
	}
	read.Job = job.ID
	if err := s.commitAlone(ctx, store.ObjectBatch{Object: o.name, Update: []store.Read{*read}}); err != nil {
		return err
	}
	s.log.Info("reading all records", "object", o.name, "kind", read.Range.Kind)
	return nil
}

// endRead pays the range once all its rows are queued, and owes a read for
// each row that the answer did not have: absence is a suspicion, not a delete.
func (s *session) endRead(ctx context.Context, o *object, read *store.Read, job bulk.Job) error {
	if read.Done != int64(job.Records) {
		return fault.New(fault.ResponseInvalid, "sfsync.Run", "the Bulk job returned fewer rows than it counted; it is made again").On(o.name)
	}
	ob := store.ObjectBatch{Object: o.name, Paid: []store.Range{read.Range}, End: []int64{read.ID},
		Absent: &store.Absence{Range: read.Range, N0: read.N0, Read: read.ID, Share: s.cfg.MaxLoss}}
	if err := s.pay(ctx, o, ob, read, job.Began.Unix()); err != nil {
		return err
	}
	o.dropRead(read.ID)
	s.log.Info("all records read", "object", o.name, "kind", read.Range.Kind, "rows", read.Done)
	return nil
}

// pay commits the end of a read.
func (s *session) pay(ctx context.Context, o *object, ob store.ObjectBatch, read *store.Read, at int64) error {
	batch, err := s.queuePayment(ctx, o, ob, read, at)
	if err != nil {
		return err
	}
	return batch.wait(ctx)
}

func (s *session) queuePayment(ctx context.Context, o *object, ob store.ObjectBatch, read *store.Read, at int64) (*Batch, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if read.N0 < o.floor && s.disabled&floorVoidsReads == 0 {
		return nil, errVoid
	}
	if len(balance(o.owed, nil, ob.Paid)) == 0 { // all records, not only those of a half
		ob.Reconciled = at
		if read.Range.Kind == store.Full {
			ob.Refreshed = at
		}
	}
	batch, err := s.enqueue(ctx, store.Batch{Objects: []store.ObjectBatch{ob}})
	if err == nil && o.count != nil {
		o.count.suspected = append(o.count.suspected, o.n)
	}
	return batch, err
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
