package sfsync

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// stubborn is how often an event may win against the re-read of an id before
// its object's batches wait while one call is made.
const stubborn = 3

// dirty is what is known of a dirty row besides the store. It is lost with the
// session; the row is then read at once.
type dirty struct {
	gap    int64     // second of the newest gap event about it; 0: none, or a read is being repeated
	beaten int       // how often an event won against its re-read
	read   int64     // the object's N when the last read of it began that left it dirty
	bad    bool      // it cannot be read
	after  time.Time // it is not read again before
}

// noted returns what is known of a dirty row, to be changed. The caller holds mu.
func (o *object) noted(id string) *dirty {
	d := o.dirty[id]
	if d == nil {
		d = &dirty{}
		o.dirty[id] = d
	}
	return d
}

// clean forgets what was known of a row that is dirty no more. The caller
// holds mu.
func (o *object) clean(id string) {
	if d := o.dirty[id]; d != nil && d.bad {
		o.unreadable.Add(-1)
	}
	delete(o.dirty, id)
}

// precedes reports whether a read returned a record older than the gap event
// that made its row dirty, and schedules the repetition. It is made only once:
// many causes of a gap move no stamp. The caller holds mu.
func (m *maker) precedes(id string, stamp int64) bool {
	d := m.o.dirty[id]
	if d == nil || stamp >= d.gap || m.off(gapRepeats) {
		return false
	}
	d.gap, d.after = 0, time.Now().Add(m.pace.gapAgain)
	return true
}

// due lists the dirty rows to read now, the longest dirty first. Those that
// wait for their time do not keep the others from theirs. If an event has won
// too often against some of them, only those are listed, and contested is true.
func (s *session) due(ctx context.Context, o *object) (list []string, contested bool, err error) {
	rows, err := s.cfg.Store.Dirty(ctx, o.name, math.MaxInt64, rereadIDs+o.waiting())
	if err != nil {
		return nil, false, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if o.rest.After(now) {
		return nil, false, nil
	}
	var beaten []string
	for _, id := range rows {
		d := o.dirty[id]
		if d != nil && d.after.After(now) {
			continue
		}
		if list = append(list, id); d != nil && d.beaten >= stubborn {
			beaten = append(beaten, id)
		}
		if len(list) == rereadIDs {
			break
		}
	}
	if len(beaten) > 0 {
		return beaten, true, nil
	}
	return list, false, nil
}

// waiting counts the rows that are not to be read yet.
func (o *object) waiting() int {
	n := 0
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	for _, d := range o.dirty {
		if d.after.After(now) {
			n++
		}
	}
	return n
}

// untilDue is how long the first debt that waits for its time has to wait.
func (o *object) untilDue() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	now, least := time.Now(), time.Duration(math.MaxInt64)
	consider := func(at time.Time) {
		if at.After(now) {
			least = min(least, at.Sub(now))
		}
	}
	consider(o.rest)
	consider(o.void.until)
	for _, d := range o.dirty {
		consider(d.after)
	}
	return least
}

// readSince reports whether a row that is dirty was read after a Seq, or cannot
// be read. The caller holds mu.
func (d *dirty) readSince(seq int64) bool { return d != nil && (d.bad || d.read >= seq) }

// tally notes which rows stay dirty after a re-read that began at n0, and how
// often events won against it. The caller holds mu.
func (o *object) tally(rows []store.Row, n0 int64) {
	for _, row := range rows {
		switch {
		case !row.Dirty:
		case row.Seq > n0:
			o.noted(row.ID).beaten++
		default:
			o.noted(row.ID).read = n0
		}
	}
}

// postpone gives up on a record for a while. The caller holds mu.
func (o *object) postpone(id string, wait time.Duration) {
	d := o.noted(id)
	if !d.bad {
		o.unreadable.Add(1)
	}
	d.bad, d.after = true, time.Now().Add(wait)
}

// yielded lets the object's batches go first again after a call failed for
// which they waited.
func (o *object) yielded(list []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range list {
		if d := o.dirty[id]; d != nil {
			d.beaten = 0
		}
	}
}

// rested lets re-reads rest for longer each time that no id could be read, so
// that a cause that is in none of them does not use up the org's calls.
func (o *object) rested(useful bool, p pace) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if useful {
		o.fruitless = 0
		return
	}
	o.rest = time.Now().Add(min(p.firstRest<<o.fruitless, p.badAgain))
	o.fruitless = min(o.fruitless+1, 16)
}

// maybeOne reports whether one record alone may be why a call for many failed.
// A fault of the session, the network, a limit or a permission, or of the object
// or its fields, is not one: it would be the same for every id.
func maybeOne(err error) bool {
	switch fault.CodeOf(err) {
	case fault.RequestInvalid, fault.ResponseInvalid, fault.PayloadInvalid, fault.Truncated, fault.TooLarge:
		return true
	}
	// Codes of records (SOAP API guide, ExceptionCode), and one that asks for less.
	var e *fault.Error
	return errors.As(err, &e) && slices.Contains([]string{"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "QUERY_TIMEOUT"}, e.ServerCode())
}
