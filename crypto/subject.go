package crypto

import (
	"sync/atomic"

	"github.com/sfsync/sfsync-go/crypto/internal/gcm"
	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Subject is one person with its keys, for as long as a batch. It is a closure,
// so that printing it shows nothing.
type Subject struct{ f func() *subject }

type subject struct {
	person    Person
	keys      []gcm.Key // by generation; the last one seals
	forgotten bool
	seals     atomic.Int64 // of the last key
	taken     int          // guarded by the memory's mutex
}

func (s *subject) exhausted() bool { return s.seals.Load() >= sealBudget }

func (s Subject) get() *subject {
	if s.f == nil {
		return &subject{}
	}
	return s.f()
}

// Person is the person; zero where a link is forgotten, as nobody can tell
// any more who it was.
func (s Subject) Person() Person { return s.get().person }

// Key is the id of the key that seals, or 0 without one.
func (s Subject) Key() KeyID {
	keys := s.get().keys
	if len(keys) == 0 {
		return 0
	}
	return KeyID(keys[len(keys)-1].ID())
}

// Forgotten reports that the person was forgotten on purpose. Who is zero was.
func (s Subject) Forgotten() bool { return s.get().forgotten }

// Missing reports that the key is gone and nobody was forgotten: the keys
// database is damaged or older than the rows, which have to be read again.
func (s Subject) Missing() bool { return !s.Forgotten() && len(s.get().keys) == 0 }

// Field is the place of a value: where it was sealed it opens, nowhere else.
type Field struct {
	Object string // the policy's stable name
	Record string // the 18-character record id
	Name   string // the policy's stable name
	Type   byte   // below 128; sealed with the value, not needed to open
	Small  bool   // picklist or boolean: padded to 64 bytes; not needed to open
}

func sealable(sub *subject, f Field, sc *scratch) error {
	switch {
	case sub.forgotten:
		return fault.New(fault.Forgotten, "crypto.Seal", "the person was forgotten; keep nothing of the record").On(f.Object, f.Name)
	case len(sub.keys) == 0:
		return fault.New(fault.KeyMissing, "crypto.Seal", "the person has no key; read the record again from Salesforce").On(f.Object, f.Name)
	case sub.exhausted():
		return fault.New(fault.KeyExhausted, "crypto.Seal", "the key has sealed as often as it may; begin another batch").On(f.Object, f.Name)
	case f.Type >= nullBit:
		return fault.New(fault.Internal, "crypto.Seal", "a field's type is above 127; report this").On(f.Object, f.Name)
	case f.Object == "" || f.Name == "":
		return fault.New(fault.Internal, "crypto.Seal", "a field names no place; report this").On(f.Object, f.Name)
	case f.Record == sc.record:
	case !recordid.Valid([]byte(f.Record)):
		return fault.New(fault.Internal, "crypto.Seal", "a record id has not its 18 characters, or they do not fit; report this").On(f.Object, f.Name)
	}
	sc.record = f.Record
	return nil
}
