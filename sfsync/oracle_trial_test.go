package sfsync_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// haste divides the engine's own pauses, so that a minute of them is 60 ms.
const haste = 1000

// trial is one history: an org, what happens to it and on the way to the copy,
// and the copy. Everything but the timing follows from the seed.
type trial struct {
	*testing.T
	random *rand.Rand // for what happens
	pauses *rand.Rand // for how long it takes
	org    *salesforcetest.Org
	ahead  atomic.Int64 // the org's clock against ours, ns
	dir    string
	policy draft
	profile
	killing *killing // while processes keep the copy
	worker  *worker
	journal journal

	deleted  map[string][]string // ids by object
	open     []*salesforcetest.Tx
	undos    map[string]func() // what ends each trouble
	dropped  map[string]bool   // Object.Field
	hidden   map[string]bool   // objects of which a field was hidden
	created  map[string]bool   // objects of which records came
	drops    bool              // the org does not say that a hidden field changed
	unheard  bool              // of some change no event may have told
	retyped  int
	armed    int
	added    int
	slowness time.Duration
}

// profile is what histories are played for: nothing in particular if zero.
type profile struct {
	off     []string // rules switched off
	likely  []string // steps
	last    []string // steps after which nothing mends what they lost
	without []string // steps
	channel bool     // events come by an enriched channel, one at a time
	persons bool     // some accounts are persons, which is left to chance otherwise
	hunting bool     // what no client can notice stays away, and what mends what was lost
}

// newTrial makes the org as it is before anyone looks: some of its records are
// older than the time after which a stamp can be trusted.
func newTrial(t *testing.T, seed uint64, p profile) *trial {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("again: %s=%d go test ./sfsync -run '^%s$'", againEnv, seed, strings.ReplaceAll(t.Name(), "/", "$/^"))
		}
	})
	tr := &trial{T: t, random: rand.New(rand.NewPCG(seed, 1)), pauses: rand.New(rand.NewPCG(seed, 2)), dir: t.TempDir(), profile: p,
		deleted: map[string][]string{}, undos: map[string]func(){}, dropped: map[string]bool{}, hidden: map[string]bool{}, created: map[string]bool{}}
	tr.ahead.Store(int64(-10 * 24 * time.Hour))
	tr.policy, tr.persons = newDraft(tr.random), tr.random.IntN(3) == 0 || p.persons
	tr.org = newOrg(t, salesforcetest.Config{Now: func() time.Time { return time.Now().Add(time.Duration(tr.ahead.Load())) },
		BulkPage: 1 + tr.random.IntN(6), BulkPolls: tr.random.IntN(2), PersonAccounts: tr.persons, PubSub: tr.luck()})
	for range 3 {
		tr.org.Insert("Individual", map[string]any{"LastName": words(tr)})
	}
	if tr.policy.channel = tr.policy.channel || p.channel; tr.policy.channel {
		tr.org.Channel("Oracle__chn", tr.policy.members(tr.random)...)
	}
	for range tr.random.IntN(20) {
		tr.write((*trial).insert)
	}
	clear(tr.created) // their events were before anyone looked
	tr.ahead.Add(int64(time.Duration(tr.random.IntN(2)) * time.Hour))
	return tr
}

// luck is how this org's Pub/Sub API behaves where that differs.
func (t *trial) luck() salesforcetest.PubSub {
	p := salesforcetest.PubSub{KeepAlive: time.Duration(50+t.random.IntN(150)) * time.Millisecond,
		FirstResponse: time.Duration(t.random.IntN(100)) * time.Millisecond, Cap: pick(t.random, 0, 1, 3),
		Unmerged: t.random.IntN(3) == 0, DiffText: t.random.IntN(2) == 0, ChannelSchema: t.random.IntN(2) == 0, ContactNames: t.random.IntN(2) == 0,
		DropHiddenBits: t.random.IntN(4) == 0 && !t.hunting, MaxEvent: pick(t.random, 0, 0, 0, 1500)}
	if !t.hunting && t.random.IntN(4) == 0 {
		p.OverflowAfter = 20
	}
	if t.channel {
		p.Cap, p.Unmerged = 1, false
	}
	t.drops = p.DropHiddenBits
	return p
}

func (t *trial) must(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (t *trial) note(format string, args ...any) { t.journal.add(format, args...) }

// play lets things happen.
func (t *trial) play() {
	happenings := t.swarm()
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

// swarm draws what may happen in this history: most changes and a few faults,
// so that those meet more often. Half of the histories have little that makes
// the engine read or compare all records, because that mends what was lost
// before, and most have no change that only a comparison finds.
func (t *trial) swarm() (some []step) {
	resync, silence := 1, 0 // of ten
	if !t.hunting {
		resync, silence = pick(t.random, 1, 7), pick(t.random, 0, 0, 0, 7)
	}
	for _, list := range []struct {
		steps []step
		often int
	}{{changes, 7}, {resyncs, resync}, {silences, silence}, {faults, 3}, {meetings, 2}} {
		for _, s := range list.steps {
			if s.weight *= 1 + list.often/4; slices.Contains(t.likely, s.name) {
				s.weight *= 5
			} else if t.random.IntN(10) >= list.often || slices.Contains(t.without, s.name) {
				continue
			}
			some = append(some, s)
		}
	}
	return some
}

// end lets something happen last, when all other trouble is over.
func (t *trial) end() {
	var some []step
	for _, s := range slices.Concat(meetings, faults) {
		if slices.Contains(t.last, s.name) {
			some = append(some, s)
		}
	}
	if !t.hunting {
		some = meetings
	}
	for range 3 {
		if len(some) > 0 {
			t.step(some)
		}
	}
	for _, name := range t.troubles() {
		t.undo(name)
	}
	t.start()
}

// allowed are the steps that the profile is not without.
func (t *trial) allowed(steps []step) []step {
	return slices.DeleteFunc(slices.Clone(steps), func(s step) bool { return slices.Contains(t.without, s.name) })
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
			t.note("%s", s.name)
			did := s.do(t)
			t.note("%s: %s", s.name, did)
			return s.name
		}
	}
	return ""
}

// breathe lets the copy work: not at all, until it has committed something, for
// a moment, or until it commits nothing for a while.
func (t *trial) breathe() {
	switch n := t.pauses.IntN(20); {
	case n < 8:
	case n < 13:
		t.commits(100 * time.Millisecond)
	case n < 17:
		<-time.After(time.Duration(1+t.pauses.IntN(30)) * time.Millisecond)
	default:
		for deadline := time.Now().Add(time.Second); t.commits(60*time.Millisecond) && time.Now().Before(deadline); {
		}
	}
}

// ready waits until the copy has no debts, or a while.
func (t *trial) ready() {
	t.until(func() bool { return t.debt() == "" })
}

// hears lets something happen to a record and waits until the copy has applied
// an event of it, or a while.
func (t *trial) hears(id string, happen func()) {
	if t.worker != nil && t.worker.store != nil {
		t.worker.store.hear(id, false)
	}
	happen()
	t.until(func() bool { return t.worker.store.streamed(id) })
}

func (t *trial) until(done func() bool) {
	if t.worker == nil || t.worker.store == nil {
		return
	}
	for deadline := time.Now().Add(time.Second); !done() && time.Now().Before(deadline); {
		t.commits(20 * time.Millisecond)
	}
}

// commits waits until the copy has committed something, for that long at most.
func (t *trial) commits(most time.Duration) bool {
	var news chan struct{}
	switch {
	case t.worker == nil:
	case t.worker.process != nil: // which does not tell, and has to start
		most *= 4
	default:
		news = t.worker.store.news
	}
	select {
	case <-news:
		return true
	case <-time.After(most):
		return false
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
