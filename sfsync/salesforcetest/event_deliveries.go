package salesforcetest

import (
	"sync"

	"google.golang.org/grpc/codes"
)

// deliveries counts events as the service does: each once for each subscriber
// that it is delivered to (Platform Events Developer Guide, "Platform Event
// Allocations").
type deliveries struct {
	mu   sync.Mutex
	used int
	max  int // 0 is no limit
}

// usualDeliveries is what /limits reports where no limit is set: the
// allocation of Performance and Unlimited Edition.
const usualDeliveries = 50_000

// SetDeliveries sets how many events were delivered in the last 24 hours, and
// how many may be; without a limit, which is 0, they are counted only. At the
// limit open streams end, new ones are refused, and neither time nor anything
// but SetDeliveries makes room again.
func (o *Org) SetDeliveries(used, limit int) {
	d := &o.events.deliveries
	d.mu.Lock()
	d.used, d.max = used, limit
	d.mu.Unlock()
	o.events.wakeAll()
}

// Deliveries is how many events were delivered.
func (o *Org) Deliveries() int {
	d := &o.events.deliveries
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used
}

// limits is what /limits says of deliveries.
func (d *deliveries) limits() (limit, left int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	limit = d.max
	if limit == 0 {
		limit = usualDeliveries
	}
	return limit, max(0, limit-d.used)
}

// left is how many of n events may be delivered.
func (d *deliveries) left(n int32) int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.max == 0 {
		return n
	}
	return int32(max(0, min(int(n), d.max-d.used)))
}

// add counts; true when that reached the limit, which ends the streams of others too.
func (d *deliveries) add(n int32) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.used += int(n)
	return n > 0 && d.max > 0 && d.used >= d.max
}

// affordable refuses a stream when the deliveries of the day are used up. The
// status is not documented.
func (s *subscription) affordable() error {
	if s.bus.deliveries.left(1) > 0 {
		return nil
	}
	return refuseCall(s.ctx, codes.ResourceExhausted, "subscription.limit.exceeded", "You have exceeded the event delivery limit for your org.")
}
