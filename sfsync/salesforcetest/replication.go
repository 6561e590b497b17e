package salesforcetest

import (
	"fmt"
	"net/http"
	"time"
)

// replicationLayout is how getUpdated and getDeleted write times.
const replicationLayout = "2006-01-02T15:04:05.000+0000"

// window reads start and end of getUpdated and getDeleted. Their seconds are
// ignored, and start has to precede end by more than a minute (REST API
// Developer Guide, "sObject Get Updated").
func (o *Org) window(c *call, days int) (start, end time.Time, err error) {
	var found [2]time.Time
	for i, name := range []string{"start", "end"} {
		t, ok := parseTime(c.URL.Query().Get(name))
		if !ok {
			return start, end, refuse(http.StatusBadRequest, "INVALID_REPLICATION_DATE", name+" is not a valid date")
		}
		found[i] = t.UTC().Truncate(time.Minute)
	}
	start, end = found[0], found[1]
	switch {
	case end.Sub(start) < time.Minute:
		err = refuse(http.StatusBadRequest, "INVALID_REPLICATION_DATE", "startDate must be at least one minute greater than endDate")
	case o.now().Sub(start) > time.Duration(days)*24*time.Hour:
		err = refuse(http.StatusBadRequest, "INVALID_REPLICATION_DATE", fmt.Sprintf("startDate cannot be more than %d days ago", days))
	}
	return start, end, err
}

// PurgeDeleteLog forgets the deletes so far, as the service does when their log
// has outgrown its size: getDeleted from before now is INVALID_REPLICATION_DATE,
// and its earliestDateAvailable is now.
func (o *Org) PurgeDeleteLog() { o.deletesFrom.Store(o.now().Unix()) }

// SetIDLimit sets how many ids getUpdated and getDeleted answer before they
// refuse with EXCEEDED_ID_LIMIT; 0 is 600,000.
func (o *Org) SetIDLimit(n int) { o.idLimit.Store(int64(n)) }

func (o *Org) exceeded(n int) error {
	limit := int(o.idLimit.Load())
	if limit == 0 {
		limit = maxReplicated
	}
	if n <= limit {
		return nil
	}
	return refuse(http.StatusBadRequest, "EXCEEDED_ID_LIMIT", "exceeded maximum number of ids")
}

// earliestDelete is earliestDateAvailable: since when deletes are logged.
func (o *Org) earliestDelete() time.Time {
	earliest := o.now().AddDate(0, 0, -15)
	if purged := time.Unix(o.deletesFrom.Load(), 0); purged.After(earliest) {
		earliest = purged
	}
	return earliest.UTC().Truncate(time.Minute)
}

// covered is latestDateCovered: no later than the oldest open transaction, as
// that may still commit records stamped before now. The caller holds o.mu.
func (o *Org) covered(end time.Time) time.Time {
	latest := o.now()
	if stamp := o.stampTime(); stamp.Before(latest) {
		latest = stamp
	}
	for tx := range o.open {
		if tx.begun.Before(latest) {
			latest = tx.begun
		}
	}
	if end.Before(latest) {
		latest = end
	}
	return latest.UTC().Truncate(time.Minute)
}

// maxReplicated is how many ids an answer may have.
const maxReplicated = 600_000

// serveUpdated lists the ids of records whose SystemModstamp is in a window.
func (o *Org) serveUpdated(c *call, obj *object) (*answer, error) {
	start, end, err := o.window(c, 30)
	if err != nil {
		return nil, err
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	covered := o.covered(end)
	ids := []string{}
	v := &view{shared: o.perm.sharing()}
	for _, r := range o.rows(obj) {
		if r != nil && r.deleted == 0 && v.sees(obj, r) && r.stamp >= start.Unix() && r.stamp < end.Unix() {
			ids = append(ids, recordID(obj.KeyPrefix, r.serial))
		}
	}
	if err := o.exceeded(len(ids)); err != nil {
		return nil, err
	}
	return okValue(map[string]any{"ids": ids, "latestDateCovered": covered.Format(replicationLayout)})
}

// serveDeleted lists records deleted in a window, purged ones included.
func (o *Org) serveDeleted(c *call, obj *object) (*answer, error) {
	start, end, err := o.window(c, 15)
	if err != nil {
		return nil, err
	}
	if start.Before(o.earliestDelete()) {
		return nil, refuse(http.StatusBadRequest, "INVALID_REPLICATION_DATE", "startDate before org replication enabled date")
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	deleted := []map[string]string{}
	v := &view{shared: o.perm.sharing()}
	add := func(serial, at int64) {
		if at >= start.Unix() && at < end.Unix() && v.sees(obj, &row{serial: serial}) {
			deleted = append(deleted, map[string]string{"id": recordID(obj.KeyPrefix, serial),
				"deletedDate": time.Unix(at, 0).UTC().Format(replicationLayout)})
		}
	}
	for _, r := range o.rows(obj) {
		if r != nil && r.deleted != 0 {
			add(r.serial, r.deleted)
		}
	}
	for _, p := range o.purges(obj) {
		add(p.serial, p.deleted)
	}
	if err := o.exceeded(len(deleted)); err != nil {
		return nil, err
	}
	return okValue(map[string]any{"deletedRecords": deleted, "latestDateCovered": o.covered(end).Format(replicationLayout),
		"earliestDateAvailable": o.earliestDelete().Format(replicationLayout)})
}

func (o *Org) rows(obj *object) []*row {
	if t := o.tables[obj.Name]; t != nil {
		return t.rows
	}
	return nil
}

func (o *Org) purges(obj *object) []purge {
	if t := o.tables[obj.Name]; t != nil {
		return t.purges
	}
	return nil
}
