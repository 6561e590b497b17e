package salesforcetest

import (
	"slices"
	"sort"
	"sync"
)

// eventBus is the org's published events, in the order of their replay ids.
//
// A lock of the bus may be taken under the lock of the org and never the other
// way round.
type eventBus struct {
	org *Org

	mu      sync.Mutex
	options PubSub
	log     []*event
	last    uint64        // the newest replay counter given out
	era     int           // how often the counter started anew
	floor   uint64        // the oldest that a subscription may start after
	wake    chan struct{} // closed, and replaced, when something is there to look at
	cut     chan struct{} // closed, and replaced, to end every stream
	holds   int
	held    []*event
	planned []*event // written, their transaction not yet visible
	mishap  func([]*event) []*event
	failure *failure // what the next Subscribe answers
	ending  failure  // what open streams answer when they are cut
	schemas map[string]*eventSchema
	minted  map[*object]*eventSchema
	symbols []string // of the enum ChangeType
	scripts map[string]*script
	floods  map[string]*flood
	disk    *eventLog

	channels   channels
	managed    managedSet
	deliveries deliveries

	server *pubSubServer
}

// newEventBus opens the bus of an org and, if the org has a directory, its
// event log. Org.number is already that of the record log.
func newEventBus(o *Org, dir string, options PubSub) (*eventBus, error) {
	b := &eventBus{org: o, options: options, last: firstReplay, floor: firstReplay,
		wake: make(chan struct{}), cut: make(chan struct{}), schemas: map[string]*eventSchema{},
		minted: map[*object]*eventSchema{}, symbols: changeTypes, scripts: map[string]*script{}, floods: map[string]*flood{}}
	if dir != "" {
		disk, err := openEventLog(dir)
		if err != nil {
			return nil, err
		}
		b.disk = disk
		if err := b.load(); err != nil {
			disk.close()
			return nil, err
		}
	}
	b.server = newPubSubServer(b)
	o.perm.changed = b.wakeAll
	return b, nil
}

// Close ends the server and every stream, then closes the log.
func (b *eventBus) Close() error {
	b.server.stop()
	return b.disk.close()
}

// schemaOf is the schema of an object's events as the object stands now.
func (b *eventBus) schemaOf(o *object) *eventSchema {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.minted[o]
	if s == nil {
		s = mintSchema(o, b.symbols)
		if known := b.schemas[s.id]; known != nil {
			s = known
		}
		b.minted[o], b.schemas[s.id] = s, s
	}
	return s
}

// onCommit writes the events of a transaction to the log and returns what
// publishes them once its rows are visible. The caller holds the org's lock,
// which keeps transactions apart; between the two calls the counter stands
// still, so that no reader is told of a position behind which events appear.
func (o *Org) onCommit(c Commit) (publish func(), err error) {
	b := o.events
	events := b.eventsOf(c, b.settings())
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mishap != nil && len(events) > 0 {
		events, b.mishap = b.mishap(events), nil
	}
	if err := b.plan(events); err != nil {
		return nil, err
	}
	return b.publishPlanned, nil
}

// plan gives out counters and writes the log. While publishing is held events
// have no counter yet: that of an event tells when it was published.
func (b *eventBus) plan(events []*event) error {
	if b.planned != nil { // the transaction before this one failed
		if err := b.disk.undo(); err != nil {
			return err
		}
	}
	last := b.last
	for _, e := range events {
		e.At = b.org.now().UnixMilli()
		if b.holds == 0 {
			last = following(last)
			e.Replay = last
		}
	}
	b.planned = events
	return b.disk.write(events)
}

func (b *eventBus) publishPlanned() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.planned {
		if e.Replay == 0 {
			b.held = append(b.held, e)
			continue
		}
		b.last = e.Replay
		b.log = append(b.log, e.seal())
	}
	b.planned = nil
	b.expire()
	b.signal()
}

// seal makes the bytes of an event for readers from whom nothing is hidden.
func (e *event) seal() *event {
	e.frame = e.appendFrame(nil, e.payload())
	return e
}

// publish publishes events outside of any transaction.
func (b *eventBus) publish(events ...*event) error {
	b.org.mu.Lock()
	defer b.org.mu.Unlock()
	b.mu.Lock()
	err := b.plan(events)
	b.mu.Unlock()
	if err == nil {
		b.publishPlanned()
	}
	return err
}

// tick moves the counter without an event, as the traffic of others does on
// the real bus. It returns false while a transaction is about to be published.
func (b *eventBus) tick() bool {
	if b.planned != nil {
		return false
	}
	e := &event{Replay: following(b.last), At: b.org.now().UnixMilli()}
	if b.disk.write([]*event{e}) != nil {
		return false
	}
	b.last = e.Replay
	b.log = append(b.log, e)
	b.expire()
	return true
}

// expire drops what is older than the retention: a reader's position inside it
// is then as good as corrupted.
func (b *eventBus) expire() {
	oldest := b.org.now().Add(-b.options.retention()).UnixMilli()
	n := 0
	for n < len(b.log) && b.log[n].At < oldest {
		b.floor = b.log[n].Replay + 1
		n++
	}
	b.log = slices.Delete(b.log, 0, n)
}

// after returns up to limit events of the objects that has reports behind a
// position, as many as fit into one response, and the position up to which it
// looked; none to a reader from before a reset, whom its stream's end awaits.
func (b *eventBus) after(era int, position uint64, has func(object string) bool, limit int) ([]*event, uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if era != b.era {
		return nil, position
	}
	i := sort.Search(len(b.log), func(i int) bool { return b.log[i].Replay > position })
	var found []*event
	size := 0
	for ; i < len(b.log) && len(found) < limit; i++ {
		e := b.log[i]
		if has(e.Header.Entity) {
			if size += len(e.frame); size > maxResponse && len(found) > 0 {
				break
			}
			found = append(found, e)
		}
		position = e.Replay
	}
	return found, position
}

// advance looks once more behind a position and, if nothing is there, moves
// the counter unless it is to stand still, and returns it: the latest_replay_id
// of an empty response.
func (b *eventBus) advance(era int, position uint64, has func(object string) bool) (uint64, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if era != b.era {
		return position, false
	}
	for i := len(b.log) - 1; i >= 0 && b.log[i].Replay > position; i-- {
		if has(b.log[i].Header.Entity) {
			return position, false
		}
	}
	if b.options.StillKeepAlive {
		return b.last, b.planned == nil
	}
	ok := b.tick()
	return b.last, ok
}

func (b *eventBus) signal() {
	close(b.wake)
	b.wake = make(chan struct{})
}

// wakeAll has every stream look at the world anew.
func (b *eventBus) wakeAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.signal()
}

// waits returns the channels that close when there may be more to deliver and
// when streams are to end.
func (b *eventBus) waits() (wake, cut <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wake, b.cut
}

func (b *eventBus) settings() PubSub {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.options
}
