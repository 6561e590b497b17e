package sfsync

import "time"

// leastWindow is the smallest window that cuts lead to.
const leastWindow = 8

// window is how many events a topic asks for ahead. The service counts events
// that it delivers again after a cut like new ones (Platform Events guide, "Event
// Allocations"), so each cut halves the window. It doubles in quiet.
type window int

// cut is the window after a stream has ended that lasted so long; the window
// doubled with each double of it, up to limit.
func (w window) cut(limit window, lasted, double time.Duration) window {
	for ; w < limit && lasted >= double; lasted -= double {
		w *= 2
	}
	return max(min(w, limit)/2, min(leastWindow, limit))
}
