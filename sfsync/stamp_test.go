package sfsync_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
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

// position is that of the first topic, as the database has it.
func (r *rig) position() string {
	r.Helper()
	return strings.Join(r.column(r.rows.Path(), `SELECT position FROM topic ORDER BY name LIMIT 1`), "")
}

// A full read that is owed when the position expires stays owed in full.
func TestExpiredDuringFirstCopy(t *testing.T) {
	t.Parallel()
	h := newHistory(t, salesforcetest.Config{Records: 20}, contactPolicy)
	var comparisons atomic.Int32
	h.org.Intercept(salesforcetest.Fault{Path: "/jobs/query", Match: func(r *http.Request) bool {
		if names("SELECT Id, SystemModstamp FROM")(r) {
			comparisons.Add(1)
		}
		return false
	}})
	asked, release := h.holdAnswer(http.MethodGet, "/results")
	h.stop = h.start()
	h.Cleanup(func() { h.stop() })
	<-asked
	h.must(h.stop())
	release()
	h.must(h.org.Expire())
	before := h.position()
	asked, release = h.holdAnswer(http.MethodGet, "/results")
	h.stop = h.start()
	<-asked
	h.await("a new position", func() bool { return h.position() != before })
	release()
	h.settle()
	if d := h.difference(); d != "" {
		t.Error(d)
	}
	if n := comparisons.Load(); n > 0 {
		t.Errorf("%d comparisons were made of what is owed in full", n)
	}
}

// What the engine believes to be owed is what the store says (storetest has the
// same cases).
func TestOwed(t *testing.T) {
	t.Parallel()
	full, stamp := store.Whole(store.Full), store.Whole(store.Stamp)
	half := store.Range{To: "003Dp00000JJkkHIAT", Kind: store.Stamp}
	for _, c := range []struct {
		name            string
		owed, owe, paid []store.Range
		want            []store.Range
	}{
		{"stamp after full", []store.Range{full}, []store.Range{stamp}, nil, []store.Range{full}},
		{"full after stamp", []store.Range{stamp}, []store.Range{full}, nil, []store.Range{full}},
		{"twice", []store.Range{stamp}, []store.Range{stamp}, nil, []store.Range{stamp}},
		{"another range", []store.Range{full}, []store.Range{half}, nil, []store.Range{full, half}},
		{"full paid by stamp", []store.Range{full}, nil, []store.Range{stamp}, []store.Range{full}},
		{"stamp paid by full", []store.Range{stamp}, nil, []store.Range{full}, nil},
		{"owed and paid", nil, []store.Range{full, half}, []store.Range{full}, []store.Range{half}},
	} {
		if got := sfsync.Owed(c.owed, c.owe, c.paid); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
