package sfsync

import (
	"cmp"
	"context"
	"slices"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// queueLength is how many batches may be made ahead of the one that commits.
const queueLength = 4

// enqueue numbers what was made of the object and puts it in the queue. The
// caller holds the lock of every object in the batch, so that batches of one
// object are queued in the order of their numbers.
func (s *session) enqueue(ctx context.Context, b store.Batch) (*Batch, error) {
	index, err := s.index(ctx, b.Objects)
	if err != nil {
		s.stop(err) // what was made counts as queued already
		return nil, err
	}
	b.Epoch, b.Policy = s.epoch, s.cfg.Policy.Version
	b.Entries = append(s.observed.take(), b.Entries...)
	for i := range b.Objects {
		ob := &b.Objects[i]
		o := s.objects[ob.Object]
		o.advance(ob, s.disabled)
		for _, e := range []audit.Entry{{Kind: audit.KindBatch, Count: len(ob.Rows)},
			{Kind: audit.KindForget, Count: stand(ob.Rows, store.OpForget)}, {Kind: audit.KindHold, Count: stand(ob.Rows, store.OpHold)}} {
			if e.Object = ob.Object; e.Count > 0 {
				b.Entries = append(b.Entries, s.entry(e))
			}
		}
	}
	batch := &Batch{store: b, index: index, session: s, done: make(chan struct{})}
	select {
	case s.queue <- batch:
		return batch, nil
	case <-ctx.Done():
		// The numbers above are spent, so the session cannot go on.
		// Another part's fault may have stopped it: that is what stopped the run.
		err := fault.Wrap(context.Cause(ctx), fault.Canceled, "sfsync.Run", "the run was stopped")
		s.stop(err)
		return nil, err
	}
}

// stand counts the rows that stand for an operation.
func stand(rows []store.Row, op store.Op) (n int) {
	for _, row := range rows {
		if row.Op == op {
			n++
		}
	}
	return n
}

// advance gives the batch the object's next number and takes over its debts.
// The caller holds mu.
func (o *object) advance(b *store.ObjectBatch, disabled rule) {
	b.N = o.n
	o.n++
	if b.Floor {
		o.floor = o.n
	}
	o.owed = balance(o.owed, b.Owe, b.Paid)
	for i := range b.Begin {
		b.Begin[i].N0 = o.n
		o.open[b.Begin[i].ID] = o.n
	}
	for _, r := range b.Update { // to go on from after a fault
		if i := slices.IndexFunc(o.reads, func(have store.Read) bool { return have.ID == r.ID }); i >= 0 {
			o.reads[i] = clone(r)
		}
	}
	for _, id := range b.End {
		delete(o.open, id)
	}
	o.caught = cmp.Or(b.Caught, o.caught)
	o.reconciled = cmp.Or(b.Reconciled, o.reconciled)
	if b.LostSince != 0 {
		o.lost, o.lostSince = b.Lost, b.LostSince
	}
	o.resize(b.Rows)
	o.refreshed = cmp.Or(b.Refreshed, o.refreshed)
	if b.Unseen != 0 {
		o.unseen = max(0, b.Unseen)
	}
	b.ForgetGone = o.forgettable(disabled)
	o.forgot = max(o.forgot, b.ForgetGone)
	o.enter(b)
}

// balance is what is owed after a batch.
func balance(owed, owe, paid []store.Range) []store.Range {
	for _, r := range owe {
		owed = indebted(owed, r)
	}
	for _, r := range paid {
		owed = without(owed, r)
	}
	return owed
}

// indebted adds a debt as the store does: a full one replaces a stamp debt of
// the same range, and not the other way round.
func indebted(owed []store.Range, r store.Range) []store.Range {
	for i, have := range owed {
		if same(have, r) {
			owed = slices.Clone(owed)
			if r.Kind == store.Full {
				owed[i] = r
			}
			return owed
		}
	}
	return append(owed[:len(owed):len(owed)], r)
}

// without takes out what a read has paid: a full read pays both debts of its
// range, a read of stamps only its own.
func without(owed []store.Range, paid store.Range) []store.Range {
	return slices.DeleteFunc(slices.Clone(owed), func(have store.Range) bool {
		return same(have, paid) && (paid.Kind == store.Full || have.Kind == paid.Kind)
	})
}

func same(a, b store.Range) bool { return a.From == b.From && a.To == b.To }

// commitAlone queues a batch of one object that has no rows to make, and waits
// until it is durable.
func (s *session) commitAlone(ctx context.Context, b store.ObjectBatch) error {
	o := s.objects[b.Object]
	o.mu.Lock()
	batch, err := s.enqueue(ctx, store.Batch{Objects: []store.ObjectBatch{b}})
	o.mu.Unlock()
	if err != nil {
		return err
	}
	return batch.wait(ctx)
}

// wait returns when the batch has committed.
func (b *Batch) wait(ctx context.Context) error {
	select {
	case <-b.done:
		return nil
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Canceled, "sfsync.Run", "the run was stopped")
	}
}
