package sfsync

import "github.com/sfsync/sfsync-go/sfsync/store"

// cursor says how far a topic's position may move. On enriched channels events
// share a replay id, and CUSTOM starts strictly after an id: the position moves
// to an id only when an event with another id, or an empty response, has
// followed it. Ids are compared for equality and never ordered.
type cursor struct {
	safe store.Position // everything up to it has been received
	last store.Position // of the last event, which may have siblings to come
}

// event notes an event in stream order.
func (c *cursor) event(id store.Position, disabled rule) {
	if c.last != "" && c.last != id {
		c.safe = c.last
	}
	c.last = id
	if disabled&positionTrails != 0 {
		c.safe = id
	}
}

// empty notes an empty response: all before its latest id has been received.
func (c *cursor) empty(latest store.Position) {
	if latest != "" {
		c.safe, c.last = latest, ""
	}
}
