package salesforcetest

import (
	"net/http"
	"sync"
)

// poisons are ids that make the reads they take part in fail.
type poisons struct {
	mu    sync.Mutex
	codes map[string]string // 18-character id -> error code
}

// PoisonID makes every read by id that contains this one fail as a whole, with
// an error code such as MALFORMED_ID, as the service does for an id that it
// cannot make sense of; its documentation promises a null in a collection, which
// is what an unknown id gets here. An empty code heals it.
func (o *Org) PoisonID(id, code string) {
	long, _ := longID(id)
	o.poisons.mu.Lock()
	defer o.poisons.mu.Unlock()
	if o.poisons.codes == nil {
		o.poisons.codes = map[string]string{}
	}
	o.poisons.codes[long] = code
}

// poison is the error that an id brings about, or nil.
func (o *Org) poison(id string) error {
	long, _ := longID(id)
	o.poisons.mu.Lock()
	defer o.poisons.mu.Unlock()
	if code := o.poisons.codes[long]; code != "" {
		return refuse(http.StatusBadRequest, code, "malformed id "+id, "Id")
	}
	return nil
}

// readableID refuses what is no id, and what PoisonID named.
func (o *Org) readableID(id string) error {
	if _, ok := longID(id); !ok {
		return refuse(http.StatusBadRequest, "MALFORMED_ID", "malformed id "+id, "Id")
	}
	return o.poison(id)
}
