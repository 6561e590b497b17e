package sfsync

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Drift is how many rows of an object a reconcile found other than the org
// without an event to say so. A row whose event was still on its way counts
// too; one that an event had touched is read again and does not. Sealed values
// cannot be compared, as the engine cannot open them: a difference shows in
// SystemModstamp or not at all (internal/docs/drift.md).
type Drift struct {
	Missing int // records of the org without a row
	Stale   int // rows read at another SystemModstamp
	Gone    int // rows without a record in the org
}

// Total is how many rows differed.
func (d Drift) Total() int { return d.Missing + d.Stale + d.Gone }

// count is the drift found by a comparison that is not over. It outlives the
// session, and ends with the process.
type count struct {
	Drift
	suspected []int64 // the Seqs of the rows that the comparison did not return
}

// upTo is the Seq of the newest rows that a comparison which is paid made dirty.
func (c *count) upTo() int64 { return slices.Max(c.suspected) }

// found counts a row that a comparison will make dirty.
func (o *object) found(row store.Row) {
	switch {
	case o.count == nil || row.Mark == store.Suppressed || row.Mark == store.Held:
	case row.Mark != store.Live:
		o.count.Missing++
	case !row.Evented && !row.Dirty:
		o.count.Stale++
	}
}

// Reconcile compares the id and SystemModstamp of every record with the copy,
// reads again what differs, and returns the drift by object once all of that is
// committed. Beside Run or Changes it works in their session; without one it
// opens its own. Objects that the org does not show are left out, and the fault
// of one of them is returned with the drift of the others.
func (s *Sync) Reconcile(ctx context.Context) (map[string]Drift, error) {
	return s.compareEach(ctx, func(*object) (inquiry, bool) { return inquiry{}, true })
}

// compareEach compares those objects that want to be, and returns their drift.
func (s *Sync) compareEach(ctx context.Context, wanted func(*object) (inquiry, bool)) (map[string]Drift, error) {
	var drifts sync.Map
	collect := func(one func(context.Context, *object, inquiry) (Drift, error)) func(context.Context, *object) error {
		return func(ctx context.Context, o *object) error {
			q, ok := wanted(o)
			if !ok {
				return nil
			}
			drift, err := one(ctx, o, q)
			if err == nil {
				drifts.Store(o.api, drift)
			}
			return err
		}
	}
	err := s.visit(ctx, func(ctx context.Context, se *session) error {
		return se.each(ctx, collect(se.ask))
	}, func(ctx context.Context, se *session) error {
		se.status.phase("reconciling")
		return se.once(ctx, collect(se.compareNow))
	})
	found := map[string]Drift{}
	drifts.Range(func(object, drift any) bool { found[object.(string)] = drift.(Drift); return true })
	return found, err
}

// each runs work for every object at once and returns one of its errors.
func (s *session) each(ctx context.Context, work func(context.Context, *object) error) error {
	var all errgroup.Group
	for _, o := range s.objects {
		all.Go(func() error { return work(ctx, o) })
	}
	return all.Wait()
}

// inquiry is what an object is compared for; the zero one is a reconcile.
type inquiry struct {
	kind    store.ReadKind // of the read of all records; "": as the policy has it
	entries []audit.Entry  // for the ledger, with the debt
	reply   chan<- outcome
}

// outcome is the answer to one who asked for a comparison of an object.
type outcome struct {
	drift Drift
	err   error
}

// ask has the object reconciled by the session's own goroutine: ctx is the
// caller's, and its end must not end what is queued in the session.
func (s *session) ask(ctx context.Context, o *object, q inquiry) (Drift, error) {
	reply, asked := make(chan outcome, 1), o.asked
	q.reply = reply
	for {
		select {
		case asked <- q:
			asked = nil
		case got := <-reply:
			return got.drift, got.err
		case <-s.ended:
			return Drift{}, errEnded
		case <-ctx.Done():
			return Drift{}, fault.Wrap(ctx.Err(), fault.Canceled, "sfsync.Reconcile", "the call was given up; the comparison goes on with the run")
		}
	}
}

// reconcileAsked serves those who ask for a reconcile of the object.
func (s *session) reconcileAsked(ctx context.Context, o *object) error {
	for {
		select {
		case q := <-o.asked:
			drift, err := s.compare(ctx, o, q, make(chan struct{}, 1)) // its caller waits for no other object
			if err != nil && !lost(err) {
				return err
			}
			q.reply <- outcome{drift, err}
		case <-ctx.Done():
			return nil
		}
	}
}

// reconcileDue compares the object whenever that is due. One object of the
// session at a time has all its records read for that.
func (s *session) reconcileDue(ctx context.Context, o *object) error {
	for ctx.Err() == nil {
		select {
		case <-time.After(s.untilCompared(o)):
		case <-ctx.Done():
			return nil
		}
		if s.untilCompared(o) > 0 {
			continue
		}
		if _, err := s.compare(ctx, o, inquiry{}, s.comparing); err != nil && !lost(err) {
			return err
		}
	}
	return nil
}

// untilCompared is how long until the object is due. Any read of all records
// counts, so one that is owed already comes first.
func (s *session) untilCompared(o *object) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	every := s.cfg.ReconcileEvery
	switch {
	case every < 0:
		return math.MaxInt64
	case o.held != nil || len(o.owed) > 0:
		return min(every, s.pace.poll)
	}
	return time.Until(time.Unix(o.reconciled, 0).Add(every))
}

// compare owes a comparison of the object, and waits until the workers have
// paid it and have read the rows that it made dirty. Its place in turn is free
// again once all records are read: rows may take their time.
func (s *session) compare(ctx context.Context, o *object, q inquiry, turn chan struct{}) (Drift, error) {
	o.comparing.Lock()
	defer o.comparing.Unlock()
	if err := s.compareAll(ctx, o, q, turn); err != nil {
		return Drift{}, err
	}
	o.mu.Lock()
	upTo := o.count.upTo()
	o.mu.Unlock()
	if err := s.await(ctx, o, func(ctx context.Context, o *object) (bool, error) { return s.readSince(ctx, o, upTo) }); err != nil {
		return Drift{}, err
	}
	return s.conclude(ctx, o)
}

// compareAll waits for its turn, and until a comparison that began then is paid.
func (s *session) compareAll(ctx context.Context, o *object, q inquiry, turn chan struct{}) error {
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Canceled, "sfsync.Run", "the run was stopped")
	}
	for begun := false; !begun; {
		err := s.await(ctx, o, s.paid)
		if err == nil {
			begun, err = s.beginComparison(ctx, o, q)
		}
		if err != nil {
			return err
		}
	}
	return s.await(ctx, o, s.paid)
}

// compareNow is compare in a session that has no workers.
func (s *session) compareNow(ctx context.Context, o *object, q inquiry) (Drift, error) {
	if err := s.inSight(ctx, o); err != nil {
		return Drift{}, err
	}
	if err := s.payRanges(ctx, o); err != nil {
		return Drift{}, err
	}
	if _, err := s.beginComparison(ctx, o, q); err != nil {
		return Drift{}, err
	}
	if err := s.payNow(ctx, o); err != nil {
		return Drift{}, err
	}
	return s.conclude(ctx, o)
}

// beginComparison owes a comparison, unless a read of all records is owed
// already: such a read may have begun before.
func (s *session) beginComparison(ctx context.Context, o *object, q inquiry) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.owed) > 0 {
		return false, nil
	}
	if o.count == nil {
		o.count = &count{}
		s.counts.Store(o.name, o.count)
	}
	kind := cmp.Or(q.kind, s.comparison(o))
	s.status.comparing(o.name, kind)
	_, err := s.enqueue(ctx, store.Batch{Objects: []store.ObjectBatch{{Object: o.name, Owe: []store.Range{store.Whole(kind)}}}, Entries: q.entries})
	return err == nil, err
}

// comparison is how the object is compared: by stamps, or now and then by a
// read of all fields, where the policy asks for it. The caller holds the object.
func (s *session) comparison(o *object) store.ReadKind {
	days := s.cfg.Policy.Objects[o.api].FullRead.Days
	if days > 0 && time.Since(time.Unix(o.refreshed, 0)) >= time.Duration(days)*24*time.Hour {
		return store.Full
	}
	return store.Stamp
}

// await waits until what is asked for is so.
func (s *session) await(ctx context.Context, o *object, done func(context.Context, *object) (bool, error)) error {
	for {
		if ok, err := done(ctx, o); ok || err != nil {
			return err
		}
		select {
		case <-time.After(s.pace.glance):
		case <-ctx.Done():
			return fault.Wrap(ctx.Err(), fault.Canceled, "sfsync.Run", "the run was stopped")
		}
	}
}

// paid reports whether no read of all records is owed, or will be once the queue
// has committed. That the object is held is a fault: nobody knows when
// it goes on.
func (s *session) paid(_ context.Context, o *object) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held != nil {
		return false, o.held.err
	}
	return len(o.owed) == 0, nil
}

// readSince reports whether every row that was dirty when the object's Seq was
// upTo has been read since, but for those that cannot be. One may be dirty still,
// or again: after a gap event it is read once more, and events go on.
func (s *session) readSince(ctx context.Context, o *object, upTo int64) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held != nil {
		return false, o.held.err
	}
	if o.applied.Load() < upTo {
		return false, nil
	}
	read := 0
	for _, d := range o.dirty {
		if d.readSince(upTo) {
			read++
		}
	}
	list, err := s.cfg.Store.Dirty(ctx, o.name, upTo, 1+read)
	return !slices.ContainsFunc(list, func(id string) bool { return !o.dirty[id].readSince(upTo) }), err
}

// conclude ends a comparison.
func (s *session) conclude(ctx context.Context, o *object) (Drift, error) {
	if err := s.sweep(ctx, o); err != nil {
		return Drift{}, err
	}
	return s.report(ctx, o)
}

// report puts the outcome of a comparison in the ledger, the log and Status.
func (s *session) report(ctx context.Context, o *object) (Drift, error) {
	o.mu.Lock()
	drift, at := o.count.Drift, o.reconciled
	o.count = nil
	s.counts.Delete(o.name)
	o.mu.Unlock()
	batch, err := s.enqueue(ctx, store.Batch{Entries: []audit.Entry{s.entry(audit.Entry{Kind: audit.KindReconcile, Object: o.name,
		Count: drift.Total(), Reason: fmt.Sprintf("missing %d, stale %d, gone %d", drift.Missing, drift.Stale, drift.Gone)})}})
	if err != nil {
		return drift, err
	}
	level := slog.LevelInfo
	if drift.Total() > 0 {
		level = slog.LevelWarn
	}
	s.log.Log(ctx, level, "the object was compared with the org", "object", o.name, "missing", drift.Missing, "stale", drift.Stale, "gone", drift.Gone)
	s.status.compared(o.name, drift, at)
	return drift, batch.wait(ctx)
}
