package sfsync

import (
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// errVoid says that everything was owed again since the read began.
var errVoid = fault.New(fault.Conflict, "sfsync.Run", "the read began before everything was owed again; another one begins")

// void counts the reads of an object's ranges that paid nothing, because
// everything was owed again while they ran. The first is given up at once. If
// its successor is void too, the cause may stay, such as events in a schema that
// cannot be used: from then on a void read goes on to its end, as what it
// returns is newer than what is held, and the next begins later each time.
type void struct {
	reads int // in a row
	until time.Time
}

// ended notes how a read of a range ended.
func (o *object) ended(err error, p pace) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil:
		o.void = void{}
	case err == errVoid:
		if o.void.reads++; o.void.reads > 1 {
			o.void.until = time.Now().Add(min(p.firstRest<<min(o.void.reads-2, 16), p.badAgain))
		}
	}
}
