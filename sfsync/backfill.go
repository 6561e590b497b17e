package sfsync

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/bulk"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Backfill authorises one read of all records of an object. The policy
// authorises the reads that the engine owes by itself; one without a lower
// bound that somebody asks for needs a reason and an end of its own.
type Backfill struct {
	// Reason goes into the ledger before the read: why all is read, without
	// personal data.
	Reason string
	// MaxRows is how many records may be read at most.
	MaxRows int64
	// Expires is when the authorisation ends, also for a read under way.
	Expires time.Time
}

// check refuses an authorisation that is none, or none any more.
func (b Backfill) check() error {
	if strings.TrimSpace(b.Reason) == "" || b.MaxRows <= 0 {
		return fault.New(fault.BackfillRefused, "sfsync.Backfill", "give a reason and the most rows that may be read")
	}
	if !time.Now().Before(b.Expires) {
		return fault.New(fault.BackfillRefused, "sfsync.Backfill", "the authorisation has expired; give a time to come, long enough for the read")
	}
	return nil
}

// bound refuses a read of more records than may be read.
func (b Backfill) bound(records int64) error {
	if records > b.MaxRows {
		return fault.New(fault.BackfillRefused, "sfsync.Backfill", "the object has more records than MaxRows; allow as many, or narrow the policy")
	}
	return nil
}

// Backfill reads all records of the object of that API name once more, and returns
// when they are committed. Beside Run or Changes it works in their session;
// without one it opens its own. It is refused with fault.BackfillRefused before
// any call if b lacks something, and before any record is read if the org counts
// more than MaxRows; it stops between two pages when b expires, ctx or the
// process ends. What was read until then stays, and nothing is owed: it is no
// debt that a restart would pay, and has to be authorised again. Nor is it split
// where the org needs too long for it (fault.TooLarge).
func (s *Sync) Backfill(ctx context.Context, name string, b Backfill) error {
	if err := b.check(); err != nil {
		return err
	}
	if _, ok := s.cfg.Policy.Objects[name]; !ok {
		return fault.New(fault.BackfillRefused, "sfsync.Backfill", "the policy does not name the object; only what it names is kept").On(name)
	}
	request := backfill{Backfill: b, caller: ctx, reply: make(chan error, 1)}
	result := error(errGivenUp)
	err := s.visit(ctx, func(ctx context.Context, se *session) (err error) {
		result, err = se.request(ctx, se.objects[se.names[name]], request)
		return err
	}, func(ctx context.Context, se *session) error {
		se.status.phase("catching up")
		return se.once(ctx, func(ctx context.Context, o *object) error {
			if o.api == name {
				result = se.readAnyway(ctx, o, request)
				return result
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	return result
}

var errGivenUp = fault.New(fault.Canceled, "sfsync.Backfill", "the call was given up; what was read until then stays")

// backfill is an authorisation and who waits for the read.
type backfill struct {
	Backfill
	caller context.Context
	reply  chan error
}

// check also refuses to go on for a caller who is gone.
func (b backfill) check() error {
	if b.caller.Err() != nil {
		return errGivenUp
	}
	return b.Backfill.check()
}

// request has the object's own worker serve the request, as ctx is the caller's
// and its end must not end what is queued in the session. err says that it was
// not served.
func (s *session) request(ctx context.Context, o *object, b backfill) (result, err error) {
	select {
	case o.backfills <- b:
		o.rouse()
	case <-s.ended:
		return nil, errEnded
	case <-ctx.Done():
		return nil, b.check()
	}
	select {
	case result = <-b.reply:
		return result, nil
	case <-s.ended:
		return nil, errEnded
	}
}

// serve reads what a request asks for; false: there is none.
func (s *session) serve(ctx context.Context, o *object) (bool, error) {
	select {
	case b := <-o.backfills:
		err := s.readAll(ctx, o, b)
		if ctx.Err() != nil {
			return false, err
		}
		b.reply <- o.named(err)
		return true, nil
	default:
		return false, nil
	}
}

// readAnyway is readAll in a session that has no workers.
func (s *session) readAnyway(ctx context.Context, o *object, b backfill) error {
	if err := s.inSight(ctx, o); err != nil {
		return err
	}
	if err := s.payRanges(ctx, o); err != nil {
		return err
	}
	if err := s.readAll(ctx, o, b); err != nil {
		return o.named(err)
	}
	return s.payNow(ctx, o)
}

// readAll reads all records as one read of a range, but one that was not owed:
// it pays nothing, and a process that ends leaves nothing of it.
func (s *session) readAll(ctx context.Context, o *object, b backfill) error {
	if err := b.check(); err != nil {
		return err
	}
	counts, err := s.rest.RecordCount(ctx, o.api) // about, and without running the query
	if err != nil {
		return err
	}
	if err := b.bound(counts[o.api]); err != nil {
		return err
	}
	entry := audit.Entry{Kind: audit.KindBackfill, Object: o.name, Reason: b.Reason, Count: int(b.MaxRows)}
	batch, err := s.enqueue(ctx, store.Batch{Entries: []audit.Entry{s.entry(entry)}})
	if err != nil {
		return err
	}
	if err := batch.wait(ctx); err != nil {
		return err
	}
	read, done := o.beginOpen()
	defer done()
	job, err := s.bulk.Create(ctx, o.table.SOQL(), false)
	if err != nil {
		return err
	}
	return s.readWithin(ctx, o, b, &read, job)
}

// beginOpen begins a read that only memory knows, until done is called.
func (o *object) beginOpen() (read store.Read, done func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	token := rand.Int64()
	o.open[token] = o.n
	return store.Read{Range: store.Whole(store.Full), N0: o.n}, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.open, token)
	}
}

// readWithin waits for the job and reads it, within what is authorised.
func (s *session) readWithin(ctx context.Context, o *object, b backfill, read *store.Read, job bulk.Job) error {
	patient, cancel := context.WithDeadline(ctx, b.Expires)
	defer cancel()
	defer context.AfterFunc(b.caller, cancel)()
	job, err := s.bulk.Wait(patient, job.ID)
	if refused := b.check(); refused != nil {
		_, _ = s.bulk.Abort(ctx, job.ID) // refused where the job is complete
		return refused
	}
	if err != nil {
		return err
	}
	if err := b.bound(int64(job.Records)); err != nil {
		return err
	}
	for page, err := range s.bulk.Results(ctx, job, "") {
		if refused := b.check(); refused != nil {
			return refused
		}
		if err != nil {
			return err
		}
		if err := s.readPage(ctx, o, read, job, page); err != nil {
			return err
		}
	}
	return s.suspectMissing(ctx, o, read, job)
}

// suspectMissing makes the rows dirty that the read did not return.
func (s *session) suspectMissing(ctx context.Context, o *object, read *store.Read, job bulk.Job) error {
	ob := store.ObjectBatch{Object: o.name, Reconciled: job.Began.Unix(), Refreshed: job.Began.Unix(),
		Absent: &store.Absence{Range: read.Range, N0: read.N0, Share: s.cfg.MaxLoss}}
	o.mu.Lock()
	if read.N0 < o.floor {
		o.mu.Unlock()
		return errVoid
	}
	batch, err := s.enqueue(ctx, store.Batch{Objects: []store.ObjectBatch{ob}})
	o.mu.Unlock()
	if err != nil {
		return err
	}
	return batch.wait(ctx)
}
