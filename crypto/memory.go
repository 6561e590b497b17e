package crypto

import (
	"maps"
	"sync"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// What the memory keeps, and for how long. The age counts from the first thing
// loaded and not from the last use, so that a key destroyed behind the vault's
// back, or a key-encryption key taken away, is gone everywhere a minute later;
// while several branch keysets are in use, a minute for each of them, so that
// the key-encryption key is called once a minute then too. A call that failed is
// not repeated for five seconds, and after each further one for twice as long,
// up to a minute.
const (
	maxAge     = 60 * time.Second
	firstPause = 5 * time.Second
	maxPersons = 16_384  // about 1.4 KB each
	maxTaken   = 1 << 20 // uses of one person's key before it is read again
)

// memory holds unwrapped keys. All of it is dropped at once when it is old,
// and persons and links when somebody was forgotten.
type memory struct {
	mu      sync.Mutex
	closed  bool
	timer   *time.Timer
	forgets int64 // the counter that the persons are as new as
	epoch   int   // rises with every drop of the persons
	moves   int   // rises whenever a link was found to point elsewhere

	keysets  map[keysetID]prover // opened: branch keysets, and index keysets for good, as these open nothing
	since    time.Time           // when the oldest of the branch keysets was opened
	failures map[keysetID]failure

	held      map[Digest]bool // addresses of forgotten people
	heldEpoch int             // that held is of
	// Two shelves bound the size: when the young one is full it becomes the
	// old one, and what nobody asked for since goes.
	young, old shelf
}

type keysetID struct {
	use     string
	version int
}

// failure is why a keyset did not open, and for how long nobody tries again.
type failure struct {
	err   error
	at    time.Time
	pause time.Duration
}

type shelf struct {
	persons map[Person]Subject
	links   map[recordKey]place
}

// recordKey is a record id that does not hold on to a larger string.
type recordKey [18]byte

// place is where a link points, and whether the person is the record's own.
type place struct {
	person Person
	own    bool
}

func newShelf() shelf {
	return shelf{map[Person]Subject{}, map[recordKey]place{}}
}

func newMemory() *memory {
	return &memory{keysets: map[keysetID]prover{}, failures: map[keysetID]failure{}, young: newShelf(), old: newShelf()}
}

// enter tells the forget counter as it is now, and returns the epoch.
func (m *memory) enter(forgets int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return 0, errClosed()
	}
	if m.forgets != forgets {
		m.forgets = forgets
		m.dropPersons()
	}
	return m.epoch, nil
}

func errClosed() error {
	return fault.New(fault.ConfigInvalid, "crypto.Vault", "the vault is closed; open another")
}

func (m *memory) dropPersons() {
	m.epoch++
	m.young, m.old = newShelf(), newShelf()
}

func (m *memory) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropPersons()
}

// expire is called by the timer, and by close.
func (m *memory) expire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropPersons()
	maps.DeleteFunc(m.keysets, func(id keysetID, _ prover) bool { return id.use == BranchUse })
	if m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
}

func (m *memory) close() {
	m.expire()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	clear(m.keysets)
}

func (m *memory) heldAddresses(epoch int) (map[Digest]bool, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held, m.held != nil && m.heldEpoch == epoch
}

func (m *memory) keepAddresses(epoch int, held map[Digest]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held, m.heldEpoch = held, epoch
}

func (m *memory) keyset(id keysetID) (prover, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.keysets[id]
	return p, ok
}

// putKeyset keeps an opened keyset. The first branch keyset starts the minute;
// nothing is kept that was not unwrapped by one.
func (m *memory) putKeyset(id keysetID, p prover) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errClosed()
	}
	delete(m.failures, id)
	m.keysets[id] = p
	if id.use != BranchUse {
		return nil
	}
	if m.timer == nil {
		m.since, m.timer = time.Now(), time.AfterFunc(maxAge, m.expire)
		return nil
	}
	age := time.Duration(0)
	for id := range m.keysets {
		if id.use == BranchUse {
			age += maxAge
		}
	}
	m.timer.Reset(time.Until(m.since.Add(age)))
	return nil
}

// failed remembers that a keyset did not open.
func (m *memory) failed(id keysetID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	pause := max(firstPause, min(maxAge, 2*m.failures[id].pause))
	m.failures[id] = failure{err, time.Now(), pause}
}

// failure is why a keyset did not open a moment ago.
func (m *memory) failure(id keysetID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.failures[id]; time.Since(f.at) < f.pause {
		return f.err
	}
	return nil
}

// person finds a subject that may still be used.
func (m *memory) person(p Person) (Subject, bool) {
	s, ok := m.young.persons[p]
	if !ok {
		if s, ok = m.old.persons[p]; !ok {
			return Subject{}, false
		}
		m.putPerson(s)
	}
	sub := s.f()
	if sub.taken++; sub.taken > maxTaken || sub.exhausted() {
		delete(m.young.persons, p)
		delete(m.old.persons, p)
		return Subject{}, false
	}
	return s, true
}

func (m *memory) putPerson(s Subject) {
	if m.turn(len(m.young.persons)); len(s.f().keys) > 0 {
		m.young.persons[s.Person()] = s
	}
}

func (m *memory) link(record string) (place, bool) {
	k := recordKey([]byte(record))
	at, ok := m.young.links[k]
	if !ok {
		if at, ok = m.old.links[k]; ok {
			m.putLink(record, at)
		}
	}
	return at, ok
}

func (m *memory) putLink(record string, at place) {
	m.turn(len(m.young.links) / 2) // a person has a few links
	m.young.links[recordKey([]byte(record))] = at
}

func (m *memory) turn(n int) {
	if n >= maxPersons/2 {
		m.old, m.young = m.young, newShelf()
	}
}

// known fills in the subjects that are held and returns the positions of the others.
func (m *memory) known(persons []Person, out []Subject) (missing []int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, p := range persons {
		var ok bool
		if out[i], ok = m.person(p); !ok {
			missing = append(missing, i)
		}
	}
	return missing
}

// wanted is known for wants: one counts as held only where the link of its
// record is known to be as the want has it, and no want before it may move that.
// What is then loaded is kept under the moves returned.
func (m *memory) wanted(wants []Want, out []Subject) (missing []int, moves int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	moves = m.moves
	moving := map[string]bool{}
	for i, w := range wants {
		target, own := w.Target()
		at, ok := m.link(target.Record)
		ok = ok && !moving[target.Record]
		if own {
			ok = ok && at.own
		} else if ok && !w.Record.IsZero() {
			var row place
			row, ok = m.link(w.Record.Record)
			ok = ok && row == place{at.person, false}
		}
		if ok {
			out[i], ok = m.person(at.person)
		}
		if !ok {
			missing = append(missing, i)
			moving[w.Record.Record] = true
		}
	}
	return missing, moves
}

// keep remembers subjects of an epoch, and the links of their wants if given. If
// a link has moved since they were asked for, it may be newer than the answer: then
// the answer only tells what is not to be believed any more.
func (m *memory) keep(epoch, moves int, wants []Want, subjects []Subject) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if epoch != m.epoch || m.timer == nil {
		return
	}
	fresh := moves == m.moves
	for i, s := range subjects {
		if len(s.f().keys) == 0 {
			continue
		}
		m.putPerson(s)
		if wants == nil {
			continue
		}
		target, own := wants[i].Target()
		m.learn(target.Record, place{s.Person(), own}, own, fresh)
		if r := wants[i].Record; !own && !r.IsZero() {
			m.learn(r.Record, place{s.Person(), false}, true, fresh)
		}
	}
}

// learn puts a link that is fresh. One that is known to point elsewhere is dropped
// instead: nobody can tell here which of the two came first. exact says that the
// want tells whether the person is the record's own.
func (m *memory) learn(record string, at place, exact, fresh bool) {
	was, ok := m.link(record)
	switch {
	case ok && was.person != at.person:
		m.moves++
		delete(m.young.links, recordKey([]byte(record)))
		delete(m.old.links, recordKey([]byte(record)))
	case fresh && (!ok || exact):
		m.putLink(record, at)
	}
}
