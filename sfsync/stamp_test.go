package sfsync_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// After a position that Salesforce no longer knows, records are compared by
// their stamps, and only rows that may differ are written.
func TestExpiredReadsOnlyWhatDiffers(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 40})
	r := open(t, org, t.TempDir(), contactPolicy)
	r.copied()
	ids := slices.Sorted(maps.Keys(maps.Collect(org.Records("Contact"))))
	before := map[string]int64{}
	for _, id := range ids {
		before[id] = r.row("Contact", id).Seq
	}
	changed, deleted := ids[3], ids[7]
	org.Update("Contact", changed, map[string]any{"LastName": "changed in the outage"})
	org.Delete("Contact", deleted)
	added := org.Insert("Contact", map[string]any{"LastName": "added in the outage"})
	r.must(org.Expire())

	stop := r.start()
	defer stop()
	r.await("the comparison", r.equal)
	r.must(stop())
	for _, id := range ids {
		touched := r.row("Contact", id).Seq != before[id]
		if want := id == changed || id == deleted; touched != want {
			t.Errorf("%s was written: %v, want %v", id, touched, want)
		}
	}
	if r.row("Contact", added).Stub() {
		t.Error("the record added in the outage is a stub")
	}
}

// copied runs the Sync until the copy is complete and nothing is owed.
func (r *rig) copied() {
	r.Helper()
	stop := r.start()
	r.await("the first copy", func() bool { return r.sync.Status().Ready(time.Hour) && r.equal() })
	r.must(stop())
}

// A full read that is owed when the position expires stays owed in full.
func TestExpiredDuringFirstCopy(t *testing.T) {
	t.Parallel()
	h := newHistory(t, salesforcetest.Config{Records: 20}, contactPolicy)
	ids := slices.Sorted(maps.Keys(maps.Collect(h.org.Records("Contact"))))
	asked, release := h.holdAnswer(http.MethodGet, "/results")
	h.stop = h.start()
	h.Cleanup(func() { h.stop() })
	<-asked
	h.must(h.org.Expire())
	h.org.CutStreams()
	h.await("the new position", func() bool { return !h.sync.Status().Topics["/data/ContactChangeEvent"].AsOf.IsZero() })
	release()
	h.settle()
	if d := h.difference(); d != "" {
		t.Error(d)
	}
	for _, id := range ids {
		if h.row("Contact", id).Evented && id != h.id {
			t.Errorf("%s was read alone, not with all", id)
			break
		}
	}
}
