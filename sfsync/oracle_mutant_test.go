package sfsync_test

import (
	"sync"
	"sync/atomic"
	"testing"
)

// mutants are clients that lose changes in a way that some real client does,
// and what has to happen often for it to show soon.
var mutants = []struct {
	name string
	profile
}{
	{"resumes at LATEST", profile{off: []string{"resume at position"}, likely: []string{"cut", "stream fails", "update", "bulk"}}},
	{"ignores gap events", profile{off: []string{"gap owes read"}, likely: []string{"gap"}}},
	{"skips events not newer than the read", profile{off: []string{"skip strictly older", "young stamp"}, likely: []string{"gap", "update", "gap without change"}}},
	{"deletes what a range does not have", profile{off: []string{"absence is suspicion"}, likely: []string{"overflow", "wildcard", "answer late", "insert"}, last: []string{"insert meets read"}}},
	{"clears dirty on an event", profile{off: []string{"read clears dirty"}, likely: []string{"gap", "storm"}, last: []string{"update after gap"}}},
	{"takes a hidden field as null", profile{off: []string{"hidden is not null"}, likely: []string{"glimpse"}, last: []string{"glimpse"},
		without: []string{"insert", "undelete", "bulk", "gap", "gap without change", "two events", "begin", "merge", "convert"}}},
	{"takes a 403 as an empty object", profile{off: []string{"refusal is no absence"}, likely: []string{"throttle", "used up", "mend", "gap"}, last: []string{"refused re-read"}}},
	{"lets a read overwrite events", profile{off: []string{"read loses to event"}, likely: []string{"gap", "gap without change", "answer late", "update"}, last: []string{"update meets re-read"}}},
	{"drops a deletion at once", profile{off: []string{"gone mark"}, likely: []string{"gap without change", "answer late", "delete"}, last: []string{"delete meets re-read"}}},
	{"ignores a delta without a row", profile{off: []string{"delta without row"}, likely: []string{"expire", "answer late", "update"}, last: []string{"update of unknown"}}},
	{"ignores events of a dirty row", profile{off: []string{"dirty applies events", "read loses to event"}, likely: []string{"gap without change", "answer late", "update"}, last: []string{"update meets re-read"}}},
	{"keeps the person", profile{off: []string{"person change"}, likely: []string{"update", "bulk"}, last: []string{"change of person"}}},
	{"keeps the name of a person account", profile{off: []string{"rename accounts"}, likely: []string{"rename person"}, last: []string{"person renamed"}, persons: true}},
	{"pays with reads begun before", profile{off: []string{"floor voids reads"}, likely: []string{"overflow", "expire", "answer late", "update"}, last: []string{"overflow meets read"}}},
	{"moves the position before the last event of an id", profile{off: []string{"position trails"}, likely: []string{"crash amid"}, last: []string{"crash amid"},
		without: []string{"gap", "gap without change"}, channel: true}},
	{"reads before it has a position", profile{off: []string{"position first"}, likely: []string{"crash", "update"}}},
}

// TestOracleMutants: the oracle finds each of them within a few histories.
func TestOracleMutants(t *testing.T) {
	t.Parallel()
	if !long() {
		t.Skip("it takes minutes; SFSYNC_LONG=1 plays it")
	}
	var all sync.WaitGroup
	for _, m := range mutants { // at once, as histories mostly wait
		all.Go(func() { t.Run(m.name, func(t *testing.T) { hunt(t, m.profile) }) })
	}
	all.Wait()
}

// hunt plays histories until the oracle has found the mutant, and each of them
// without it too: what is wrong there as well does not show it.
func hunt(t *testing.T, p profile) {
	p.hunting = true
	sane := p
	sane.off = nil
	var caught atomic.Int64
	several(t, 3, func(yield func(uint64) bool) {
		for seed := uint64(1); seed <= bound && caught.Load() == 0 && yield(seed); seed++ {
		}
	}, func(t *testing.T, seed uint64) {
		t.Run("mutant", func(t *testing.T) {
			if d, ok := newTrial(t, seed, p).outcome().(divergence); ok {
				t.Log(d)
				caught.Add(1)
			}
		})
		t.Run("sane", func(t *testing.T) {
			if err := newTrial(t, seed, sane).outcome(); err != nil {
				t.Errorf("the oracle finds fault where there is no mutant: %v", err)
			}
		})
	})
	if caught.Load() == 0 {
		t.Errorf("it survives %d histories", bound)
	}
}

// bound is how many histories it may take to find a mutant.
const bound = 40
