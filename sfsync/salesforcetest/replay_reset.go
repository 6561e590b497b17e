package salesforcetest

import (
	"errors"

	"google.golang.org/grpc/codes"
)

// Expire puts everything published so far, and every replay id given out so
// far, outside the retention.
func (o *Org) Expire() error {
	return o.restart("Expire", func(b *eventBus) { b.floor = following(b.last) })
}

// ResetReplay starts the replay ids anew, as a migration of the org or the
// refresh of a sandbox does: those given out so far mean nothing, stored events
// are gone and open streams end. The service words it as it does an expired id
// (Pub/Sub API guide, "Event Message Durability"). A real org is on another
// instance then (SetInstance).
func (o *Org) ResetReplay() error {
	return o.restart("ResetReplay", func(b *eventBus) {
		b.last -= b.last / 4
		b.floor = following(b.last)
		b.move()
	})
}

// ReuseReplay is a ResetReplay after which the ids given out so far are taken
// for new ones: a stream that resumes behind one goes on as if nothing had
// happened, and lacks what was stored. Only the instance tells.
func (o *Org) ReuseReplay() error { return o.restart("ReuseReplay", (*eventBus).move) }

// move begins another era: readers of the old one get nothing more.
func (b *eventBus) move() {
	b.era++
	b.end(failure{"service.unavailable", codes.Internal, "The service is unavailable. Try again later."})
}

// restart drops all events and sets where replay may begin.
func (o *Org) restart(op string, set func(*eventBus)) error {
	o.mu.Lock() // no commit is between its two steps
	defer o.mu.Unlock()
	b := o.events
	b.mu.Lock()
	defer b.mu.Unlock()
	set(b)
	if !b.tick() {
		return errors.New("salesforcetest: " + op + ": the event log cannot be written")
	}
	b.log = b.log[len(b.log)-1:]
	b.log[0].Floor = b.floor
	return b.disk.write(b.log)
}
