package sfsync_test

import (
	"fmt"
	"iter"
	"os"
	"strconv"
	"sync"
	"testing"
)

// long reports whether the tests that take minutes are to run too, as in CI.
func long() bool { return os.Getenv("SFSYNC_LONG") != "" }

// How many histories TestOracle plays, and which single one it plays again.
const (
	seedsEnv = "SFSYNC_ORACLE_SEEDS"
	againEnv = "SFSYNC_ORACLE_SEED"
)

// TestOracle plays random histories of an org against random faults, lets all
// trouble end, waits until the copy is quiet, and compares: each field of each
// record, the deletions, whether each sealed value opens, whose it is, and the
// ledger. The same seed makes the same changes and faults in the same order;
// the timing of sockets and disks is their own.
func TestOracle(t *testing.T) {
	t.Parallel()
	first, count := asked()
	several(t, 64, func(yield func(uint64) bool) {
		for seed := first; seed < first+count && yield(seed); seed++ {
		}
	}, judge)
}

// several plays histories side by side, because they mostly wait.
func several(t *testing.T, players int, seeds iter.Seq[uint64], play func(*testing.T, uint64)) {
	next := make(chan uint64)
	var all sync.WaitGroup
	for range players {
		all.Go(func() {
			for seed := range next {
				t.Run(fmt.Sprint(seed), func(t *testing.T) { play(t, seed) })
			}
		})
	}
	for seed := range seeds {
		next <- seed
	}
	close(next)
	all.Wait()
}

func asked() (first, count uint64) {
	if seed, err := strconv.ParseUint(os.Getenv(againEnv), 10, 64); err == nil {
		return seed, 1
	}
	if n, err := strconv.ParseUint(os.Getenv(seedsEnv), 10, 64); err == nil {
		return 1, n
	}
	if testing.Short() {
		return 1, 20
	}
	return 1, 30
}

func judge(t *testing.T, seed uint64) {
	var p profile
	if seed%10 == 0 {
		p.likely = []string{"crash"}
	}
	h := newTrial(t, seed, p)
	if p.likely != nil {
		h.killing = &killing{T: t, org: h.org, dir: h.dir}
	}
	if err := h.outcome(); err != nil {
		t.Errorf("%v\n%s\n%s", err, h.policy.text(), h.journal.about(err.Error()))
	}
}
