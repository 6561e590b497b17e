package salesforcetest

import "sync/atomic"

// streams counts streaming calls of the Pub/Sub API.
type streams struct{ open, ever atomic.Int64 }

// opened counts a call, and its end when the returned function is called.
func (s *streams) opened() (closed func()) {
	s.open.Add(1)
	s.ever.Add(1)
	return func() { s.open.Add(-1) }
}

// Streams is how many streaming calls of the Pub/Sub API are open, and how many
// there ever were.
func (o *Org) Streams() (open, ever int) {
	s := &o.events.server.streams
	return int(s.open.Load()), int(s.ever.Load())
}
