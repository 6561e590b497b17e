package sfsync_test

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// haste divides the engine's own pauses, so that they last milliseconds.
const haste = 50

// trial is one history: an org, what happens to it and on the way to the copy,
// and the copy. Everything but the timing follows from the seed.
type trial struct {
	testing.TB
	random  *rand.Rand // for what happens
	pauses  *rand.Rand // for how long it takes
	org     *salesforcetest.Org
	ahead   atomic.Int64 // the org's clock against ours, ns
	dir     string
	policy  draft
	off     []string
	logger  *slog.Logger
	worker  *worker
	journal strings.Builder

	deleted  map[string][]string // ids by object
	open     []*salesforcetest.Tx
	undos    map[string]func() // what ends each trouble
	dropped  map[string]bool   // Object.Field
	armed    int
	added    int
	slowness time.Duration
}

// newTrial makes the org as it is before anyone looks: some of its records are
// older than the time after which a stamp can be trusted.
func newTrial(t testing.TB, seed uint64, off ...string) *trial {
	tr := &trial{TB: t, random: rand.New(rand.NewPCG(seed, 1)), pauses: rand.New(rand.NewPCG(seed, 2)), dir: t.TempDir(), off: off,
		deleted: map[string][]string{}, undos: map[string]func(){}, dropped: map[string]bool{}}
	tr.ahead.Store(int64(-10 * 24 * time.Hour))
	tr.policy = newDraft(tr.random)
	tr.org = newOrg(t, salesforcetest.Config{Now: func() time.Time { return time.Now().Add(time.Duration(tr.ahead.Load())) },
		BulkPage: 1 + tr.random.IntN(6), BulkPolls: tr.random.IntN(2), PubSub: tr.luck()})
	for range tr.random.IntN(20) {
		tr.write((*trial).insert)
	}
	tr.ahead.Add(int64(time.Duration(tr.random.IntN(2)) * time.Hour))
	return tr
}

// luck is how this org's Pub/Sub API behaves where that differs.
func (t *trial) luck() salesforcetest.PubSub {
	return salesforcetest.PubSub{KeepAlive: time.Duration(50+t.random.IntN(150)) * time.Millisecond,
		FirstResponse: time.Duration(t.random.IntN(100)) * time.Millisecond, Cap: pick(t.random, 0, 1, 3),
		Unmerged: t.random.IntN(2) == 0, DiffText: t.random.IntN(2) == 0}
}

func (t *trial) must(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (t *trial) note(format string, args ...any) {
	fmt.Fprintf(&t.journal, format+"\n", args...)
}

// play lets things happen. Each seed leaves out some kinds of them, so that
// what is left meets more often.
func (t *trial) play(likely ...string) {
	happenings := t.swarm(slices.Concat(changes, changes, faults), likely)
	from := t.random.IntN(4) // the first of them may meet an org that nobody copies yet
	for i := range 30 + t.random.IntN(50) {
		if i == from {
			t.note("%s", t.start())
		}
		t.step(happenings)
		t.breathe()
	}
	t.start()
}

func (t *trial) swarm(all []step, likely []string) []step {
	var some []step
	for _, s := range all {
		if slices.Contains(likely, s.name) {
			s.weight *= 10
		} else if t.random.IntN(3) == 0 {
			continue
		}
		some = append(some, s)
	}
	return some
}

// step lets one of them happen.
func (t *trial) step(happenings []step) string {
	total := 0
	for _, s := range happenings {
		total += s.weight
	}
	n := t.random.IntN(total)
	for _, s := range happenings {
		if n -= s.weight; n < 0 {
			did := s.do(t)
			t.note("%s: %s", s.name, did)
			return s.name
		}
	}
	return ""
}

// breathe lets the copy work: not at all, until it has committed something, or
// for a moment.
func (t *trial) breathe() {
	moment := time.Duration(1+t.pauses.IntN(30)) * time.Millisecond
	var news chan struct{}
	switch t.pauses.IntN(3) {
	case 0:
		return
	case 1:
		if t.worker != nil {
			news = t.worker.store.news
		}
	}
	select {
	case <-news:
	case <-time.After(moment):
	}
}

func (t *trial) troubles() []string { return slices.Sorted(maps.Keys(t.undos)) }

// undo ends a trouble; false: there is no such.
func (t *trial) undo(name string) bool {
	end, ok := t.undos[name]
	if ok {
		delete(t.undos, name)
		end()
	}
	return ok
}
