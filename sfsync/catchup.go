package sfsync

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/rest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// deletesKept bounds how far back deletes are asked for: Salesforce keeps the
// list for 15 days (REST API guide, sObject Get Deleted).
const deletesKept = 14 * 24 * time.Hour

// CatchUp makes one pass and returns: what is owed is read by Bulk API, then
// what changed since the last pass by SystemModstamp, then what was deleted.
// It opens no stream and uses no event deliveries, so it suits a cron job.
// Changes that move no stamp are found by a reconcile, not here.
func (s *Sync) CatchUp(ctx context.Context) error {
	return s.session(ctx, func(ctx context.Context, se *session) error {
		se.status.phase("catching up")
		passes, done := context.WithCancel(ctx)
		defer done()
		makers, ctx := errgroup.WithContext(ctx)
		var each errgroup.Group
		for _, o := range se.objects {
			o.arm()
			each.Go(func() error { return se.pass(ctx, o) })
		}
		makers.Go(func() error { defer done(); return each.Wait() })
		return se.drain(passes, makers, func(b *Batch, err error) bool { return b.Ack(ctx) == nil })
	})
}

// pass pays all debts of one object and reads what changed.
func (s *session) pass(ctx context.Context, o *object) error {
	if err := s.inSight(ctx, o); err != nil {
		return err
	}
	for {
		if paid, err := s.payRange(ctx, o); err != nil {
			return err
		} else if !paid {
			break
		}
	}
	if err := s.window(ctx, o); err != nil {
		return err
	}
	for {
		if paid, err := s.payDirty(ctx, o); err != nil || !paid {
			return err
		}
	}
}

// poll follows an object without change events.
func (s *session) poll(ctx context.Context, o *object) error {
	return s.keepTrying(ctx, o.name, func(ctx context.Context) error {
		for {
			if _, err := s.sighted(ctx, o, func(ctx context.Context, o *object) (bool, error) { return false, s.window(ctx, o) }); err != nil {
				return err
			}
			select {
			case <-time.After(s.pace.poll):
			case <-ctx.Done():
				return nil
			}
		}
	})
}

// window reads what changed since the object was last caught up with. It
// begins ten minutes early, because a stamp precedes its commit.
func (s *session) window(ctx context.Context, o *object) error {
	o.mu.Lock()
	from, n0, token := time.Unix(o.caught, 0).UTC(), o.n, rand.Int64()
	if o.caught == 0 || o.whole() {
		o.mu.Unlock()
		return nil // the read of all records comes first and sets it
	}
	o.open[token] = n0
	o.mu.Unlock()
	defer func() { o.mu.Lock(); delete(o.open, token); o.mu.Unlock() }()

	until, err := s.changed(ctx, o, from, n0)
	if err != nil {
		return err
	}
	if time.Since(from) > deletesKept {
		return s.commitAlone(ctx, store.ObjectBatch{Object: o.name, Owe: []store.Range{store.Whole(store.Full)}, Floor: true})
	}
	if covered, err := s.deleted(ctx, o, from, n0); err != nil {
		return err
	} else if covered.Before(until) {
		until = covered
	}
	return s.commitAlone(ctx, store.ObjectBatch{Object: o.name, Caught: until.Add(-settled * time.Second).Unix()})
}

// changed reads the rows stamped since from, and returns the server's time at
// the first answer.
func (s *session) changed(ctx context.Context, o *object, from time.Time, n0 int64) (time.Time, error) {
	var until time.Time
	soql := o.table.SOQL() + " WHERE SystemModstamp >= " + from.Format("2006-01-02T15:04:05Z")
	for page, err := range s.rest.Pages(ctx, soql) {
		if err != nil {
			return until, err
		}
		if until.IsZero() {
			until = page.ServerTime
		}
		if err := s.changedPage(ctx, o, page, n0); err != nil {
			return until, err
		}
	}
	if until.IsZero() {
		return until, fault.New(fault.Truncated, "sfsync.CatchUp", "Salesforce answered without a page; the pass is made again").On(o.name)
	}
	return until, nil
}

func (s *session) changedPage(ctx context.Context, o *object, page rest.Page, n0 int64) error {
	records, changes := o.table.Records(), make([]minimize.Change, len(page.Records))
	for i, raw := range page.Records {
		changes[i] = minimize.NewChange()
		if err := records.Decode(changes[i], raw); err != nil {
			return err
		}
	}
	if len(changes) == 0 {
		return nil
	}
	sealing, answers, err := s.answers(ctx, o, changes)
	if err != nil {
		return err
	}
	defer lockAll(o.family)()
	if n0 < o.floor {
		return errVoid
	}
	parts, err := s.settled(ctx, o, sealing, answers, n0, page.ServerTime.Unix())
	if err != nil {
		return err
	}
	_, err = s.enqueue(ctx, store.Batch{Objects: parts})
	return err
}

// deleted owes a read for each row held whose record is in the list of
// deletes; only the read decides. It returns up to when the list is complete.
func (s *session) deleted(ctx context.Context, o *object, from time.Time, n0 int64) (time.Time, error) {
	list, err := s.rest.Deleted(ctx, o.api, from, time.Now())
	if err != nil {
		return time.Time{}, err
	}
	slices.Sort(list.IDs)
	list.IDs = slices.Compact(list.IDs) // deleted, taken back and deleted again
	for len(list.IDs) > 0 {
		n := min(len(list.IDs), batchRows)
		if err := s.suspect(ctx, o, list.IDs[:n], n0); err != nil {
			return time.Time{}, err
		}
		list.IDs = list.IDs[n:]
	}
	return list.LatestCovered, nil
}

func (s *session) suspect(ctx context.Context, o *object, list []string, n0 int64) error {
	o.mu.Lock()
	m := &maker{sealing: s.sealing(o, nil), o: o, order: list}
	var err error
	if m.records, err = o.load(ctx, s.cfg.Store, list); err != nil {
		o.mu.Unlock()
		return err
	}
	for _, r := range m.records {
		if r.row.Mark == store.Live || r.row.Mark == store.Suppressed {
			r.mark()
		}
	}
	batch, err := s.enqueue(ctx, store.Batch{Objects: []store.ObjectBatch{m.result()}})
	o.mu.Unlock()
	if err != nil {
		return err
	}
	return batch.wait(ctx)
}
