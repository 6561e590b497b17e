package sfsync

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// hear returns the second of the newest of the object's events, and ends the
// alarm if it is newer than what raised it. The caller holds the object.
func (s *session) hear(o *object, arrivals []arrival) (newest int64) {
	for _, a := range arrivals {
		if !a.lost {
			newest = max(newest, a.change.Commit())
		}
	}
	if o.silent && newest >= o.heard {
		o.silent = false
		s.status.silent(o.name, false)
	}
	o.heard = max(o.heard, newest)
	return newest
}

// heed compares the newest stamp of the object with its newest event. A stamp
// that the stream has passed by an hour, and no event, means that change events
// are lost, or that something changes records in silence: it raises an alarm,
// and owes a comparison of all records, once for each such stamp and run.
func (s *session) heed(ctx context.Context, o *object) error {
	stamp, serverTime, err := s.newestStamp(ctx, o)
	if mendable(err) {
		s.log.Info("the newest change is not known; it is asked for again", "object", o.name, "fault", err)
		return nil
	}
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	passed := o.topic.reach.at(serverTime) - int64(s.pace.silence.Seconds())
	if o.held != nil || stamp <= o.heard+settled || stamp >= passed {
		return nil
	}
	o.silent = true
	s.status.silent(o.name, true)
	s.log.Warn("changes of an hour ago have had no event; all records are compared, and the object's selection for Change Data Capture should be checked", "object", o.name)
	if len(o.owed) > 0 {
		return nil // and looked at again when that is paid
	}
	o.heard = stamp
	_, err = s.enqueue(ctx, store.Batch{Objects: []store.ObjectBatch{{Object: o.name, Owe: []store.Range{store.Whole(store.Stamp)}}},
		Entries: []audit.Entry{s.entry(audit.Entry{Kind: audit.KindFault, Object: o.name, Reason: "changes had no event"})}})
	return err
}

// newestStamp returns the newest SystemModstamp of the object's records, 0
// without any, and the org's time.
func (s *session) newestStamp(ctx context.Context, o *object) (int64, time.Time, error) {
	for page, err := range s.rest.Pages(ctx, "SELECT SystemModstamp FROM "+o.api+" ORDER BY SystemModstamp DESC LIMIT 1") {
		if err != nil || len(page.Records) == 0 {
			return 0, page.ServerTime, err
		}
		var record struct{ SystemModstamp string }
		err = json.Unmarshal(page.Records[0], &record)
		at, wrong := time.Parse("2006-01-02T15:04:05.000-0700", record.SystemModstamp)
		if err == nil && wrong == nil && !page.ServerTime.IsZero() {
			return at.Unix(), page.ServerTime, nil
		}
	}
	return 0, time.Time{}, fault.New(fault.ResponseInvalid, "sfsync.Run", "the answer has no SystemModstamp or no Date; check what answers at the My Domain URL").On(o.api)
}
