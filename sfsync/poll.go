package sfsync

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/rest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// An object without change events has a position too: the moment up to which
// it has been read by SystemModstamp. It never passes latestDateCovered, up to
// which Salesforce says that no transaction is open any more, as that of one
// which is open may still commit older stamps (REST API guide, "sObject Get
// Deleted"). Like that of a topic it is durable before the first read begins.

// deletesKept bounds how far back deletes are asked for: Salesforce keeps the
// list for 15 days (REST API guide, "sObject Get Deleted").
const deletesKept = 14 * 24 * time.Hour

// shortest is the shortest window that may be asked for, with room for the
// seconds, which Salesforce ignores (REST API guide, "sObject Get Deleted").
const shortest = 3 * time.Minute

// poll follows an object without change events.
func (s *session) poll(ctx context.Context, o *object) error {
	return s.keepTrying(ctx, o.name, func(ctx context.Context) error {
		for {
			if _, err := s.sighted(ctx, o, s.pollOnce); err != nil {
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

func (s *session) pollOnce(ctx context.Context, o *object) (bool, error) {
	if err := s.positioned(ctx, o); err != nil {
		return false, err
	}
	o.arm()
	return false, s.window(ctx, o)
}

// positioned takes a first position for an object that has none.
func (s *session) positioned(ctx context.Context, o *object) error {
	o.mu.Lock()
	caught := o.caught
	o.mu.Unlock()
	if caught != 0 {
		return nil
	}
	return s.reposition(ctx, o)
}

// reposition takes a position where the object stands now, and owes a
// comparison of what came before it. Reads that began before pay nothing.
func (s *session) reposition(ctx context.Context, o *object) error {
	now := time.Now()
	list, err := s.rest.Deleted(ctx, o.api, now.Add(-shortest), now)
	if err != nil {
		return err
	}
	return s.commitAlone(ctx, store.ObjectBatch{Object: o.name, Floor: true, Owe: []store.Range{store.Whole(store.Stamp)},
		Caught: list.LatestCovered.Unix() - settled})
}

// window reads what changed since the object was last caught up with. Deletes
// come first, as their answer says up to when a later query sees all changes;
// then it begins ten minutes early, because a stamp precedes its commit.
func (s *session) window(ctx context.Context, o *object) error {
	o.mu.Lock()
	from, n0, token := time.Unix(o.caught, 0).UTC(), o.n, rand.Int64()
	o.open[token] = n0
	o.mu.Unlock()
	defer func() { o.mu.Lock(); delete(o.open, token); o.mu.Unlock() }()

	covered, err := s.deleted(ctx, o, from)
	if err == errNotListed {
		s.log.Warn("Salesforce does not list the deletes since the last pass any more; all records are compared", "object", o.name)
		return s.reposition(ctx, o)
	}
	if err != nil {
		return err
	}
	return s.changed(ctx, o, scroll{stamp: from.Unix(), covered: covered.Unix(), n0: n0})
}

// errNotListed says that the list of deletes does not reach back far enough.
var errNotListed = fault.New(fault.NotFound, "sfsync.Run", "the list of deletes does not reach back to the last pass; the records are compared")

// deleted owes a read for each row held whose record is in the list of
// deletes; only the read decides. It returns up to when the list is complete.
func (s *session) deleted(ctx context.Context, o *object, from time.Time) (time.Time, error) {
	until := time.Now()
	if until.Sub(from) > deletesKept {
		return time.Time{}, errNotListed
	}
	if until.Sub(from) < shortest { // this machine's clock is late
		until = from.Add(shortest)
	}
	list, err := s.rest.Deleted(ctx, o.api, from, until)
	if unlisted(err) || err == nil && list.Earliest.After(from) {
		return time.Time{}, errNotListed
	}
	if err != nil {
		return time.Time{}, err
	}
	slices.Sort(list.IDs)
	for ids := range slices.Chunk(slices.Compact(list.IDs), batchRows) { // some are deleted, taken back and deleted again
		if err := s.suspect(ctx, o, ids); err != nil {
			return time.Time{}, err
		}
	}
	return list.LatestCovered, nil
}

// unlisted reports whether the org refuses to list so many deletes, or any so
// old (REST API guide, "sObject Get Deleted").
func unlisted(err error) bool {
	var e *fault.Error
	return errors.As(err, &e) && (e.ServerCode() == "INVALID_REPLICATION_DATE" || e.ServerCode() == "EXCEEDED_ID_LIMIT")
}

// suspect makes rows dirty whose records are said to be deleted. One without a
// row gets a stub while another read than this pass is open that may still bring
// the record.
func (s *session) suspect(ctx context.Context, o *object, list []string) error {
	o.mu.Lock()
	m := &maker{sealing: s.sealing(o, nil), o: o, order: list}
	var err error
	if m.records, err = o.load(ctx, s.cfg.Store, list); err != nil {
		o.mu.Unlock()
		return err
	}
	for _, r := range m.records {
		switch {
		case r.row.Mark.Exists():
			r.mark()
			r.row.Explained = true
		case r.row.Mark == store.Absent && len(o.open) > 1:
			r.stub()
			r.row.Op = store.OpMark
		}
	}
	batch, err := s.enqueue(ctx, store.Batch{Objects: []store.ObjectBatch{m.result()}})
	o.mu.Unlock()
	if err != nil {
		return err
	}
	return batch.wait(ctx)
}

// scroll is a read of rows by SystemModstamp and Id, the oldest first.
type scroll struct {
	stamp   int64  // of the last row, or where it begins
	id      string // of the last row, or ""
	covered int64  // up to which all stamps have been committed
	n0      int64  // the object's N when it began
	limit   int    // rows of a query at most, 0 for all
}

// The rows of a query at most, once the org was too long over all of them:
// half as many each time, and not less than the fewest that are worth a call.
const (
	firstLimit  = 2000
	lowestLimit = 200
)

// less asks for fewer rows at once; false: there is no sense in fewer.
func (p *scroll) less() bool {
	if p.limit > 0 {
		p.limit /= 2
	} else {
		p.limit = firstLimit
	}
	return p.limit >= lowestLimit
}

func (p scroll) soql(t *minimize.Table) string {
	at := time.Unix(p.stamp, 0).UTC().Format("2006-01-02T15:04:05Z")
	where := "SystemModstamp >= " + at
	if p.id != "" {
		where = fmt.Sprintf("SystemModstamp > %s OR (SystemModstamp = %s AND Id > '%s')", at, at, p.id)
	}
	soql := t.SOQL() + " WHERE " + where + " ORDER BY SystemModstamp, Id"
	if p.limit > 0 {
		soql += fmt.Sprint(" LIMIT ", p.limit)
	}
	return soql
}

// changed reads what is left of a scroll and moves the position to its end. A
// cursor that the org drops on the way is replaced by a new query, and a query
// that takes the org too long by one for fewer rows.
func (s *session) changed(ctx context.Context, o *object, p scroll) error {
	for {
		begun := p
		rows, err := s.pages(ctx, o, &p)
		switch {
		case err == nil && (p.limit == 0 || rows < p.limit):
			return s.commitAlone(ctx, store.ObjectBatch{Object: o.name, Caught: p.covered - settled})
		case err == nil, fault.CodeOf(err) == fault.TooLarge && p.less():
		case fault.CodeOf(err) != fault.Truncated || p == begun:
			return err
		}
	}
}

// pages reads one query of a scroll and returns how many rows it had.
func (s *session) pages(ctx context.Context, o *object, p *scroll) (rows int, err error) {
	for page, err := range s.rest.Pages(ctx, p.soql(o.table)) {
		if err == nil {
			err = s.changedPage(ctx, o, page, p)
		}
		if err != nil {
			return rows, err
		}
		rows += len(page.Records)
	}
	return rows, nil
}

// changedPage queues what becomes of a page's rows, and moves the position up
// to them, so that a pass which dies later goes on from there.
func (s *session) changedPage(ctx context.Context, o *object, page rest.Page, p *scroll) error {
	if len(page.Records) == 0 {
		return nil
	}
	records, changes := o.table.Records(), make([]minimize.Change, len(page.Records))
	for i, raw := range page.Records {
		changes[i] = minimize.NewChange()
		if err := records.Decode(changes[i], raw); err != nil {
			return err
		}
	}
	sealing, answers, err := s.answers(ctx, o, changes)
	if err != nil {
		return err
	}
	defer lockAll(o.family)()
	if p.n0 < o.floor {
		return errVoid
	}
	parts, err := s.settled(ctx, o, sealing, answers, p.n0, page.ServerTime.Unix())
	if err != nil {
		return err
	}
	last := answers[len(answers)-1]
	p.stamp, p.id = last.stamp, last.id
	parts[0].Caught = max(o.caught, min(p.stamp, p.covered)-settled)
	_, err = s.enqueue(ctx, store.Batch{Objects: parts})
	return err
}
