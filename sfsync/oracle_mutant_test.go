package sfsync_test

import (
	"sync/atomic"
	"testing"
	"time"
)

// mutants are clients that lose changes in a way that some real client does,
// and what has to happen often for it to show soon.
var mutants = []struct {
	name   string
	off    []string
	likely []string
}{
	{"resumes at LATEST", []string{"resume at position"}, []string{"cut", "stream fails", "update", "bulk"}},
	{"ignores gap events", []string{"gap owes read"}, []string{"gap"}},
	{"skips events not newer than the read", []string{"skip strictly older", "young stamp"}, []string{"gap", "update", "gap without change"}},
	{"deletes what a range does not have", []string{"absence is suspicion"}, []string{"overflow", "wildcard", "answer late", "insert"}},
	{"clears dirty on an event", []string{"read clears dirty"}, []string{"gap", "storm", "answer late", "update"}},
	{"takes a hidden field as null", []string{"hidden is not null"}, []string{"hide", "mend", "update"}},
	{"takes a 403 as an empty object", []string{"refusal is no absence"}, []string{"throttle", "used up", "mend", "gap", "gap without change"}},
	{"lets a read overwrite events", []string{"read loses to event"}, []string{"gap", "gap without change", "answer late", "update"}},
	{"drops a deletion at once", []string{"gone mark"}, []string{"gap without change", "answer late", "delete"}},
	{"ignores a delta without a row", []string{"delta without row"}, []string{"expire", "answer late", "update"}},
	{"ignores events of a dirty row", []string{"dirty applies events", "read loses to event"}, []string{"gap without change", "answer late", "update"}},
	{"keeps the person", []string{"person change"}, []string{"update", "bulk"}},
	{"pays with reads begun before", []string{"floor voids reads"}, []string{"overflow", "expire", "answer late", "update"}},
	{"reads before it has a position", []string{"position first"}, []string{"crash", "update"}},
}

// TestOracleMutants: the oracle finds each of them within a few histories.
func TestOracleMutants(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes minutes under the race detector")
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			var caught atomic.Bool
			several(t, 10, func(yield func(uint64) bool) {
				for seed := uint64(1); seed <= bound && !caught.Load() && yield(seed); seed++ {
				}
			}, func(t *testing.T, seed uint64) {
				h := newTrial(t, seed, m.off...)
				h.play(m.likely...)
				h.heal()
				err := h.settle(20 * time.Second)
				if _, ok := err.(divergence); ok {
					caught.Store(true)
				}
				t.Log(err)
			})
			if !caught.Load() {
				t.Errorf("a client that %s survives %d histories", m.name, bound)
			}
		})
	}
}

// bound is how many histories it may take to find a mutant.
const bound = 40
