package crypto

import (
	"context"
	"slices"

	"github.com/sfsync/sfsync-go/crypto/internal/gcm"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Use says who opens what, and what for. It is recorded before anything opens.
type Use struct {
	Actor   string
	Purpose string
	Reason  string
	Person  Person // of the row
	Object  string
	Record  string
	Fields  []string
}

// Recorder writes a use down before it happens, durably, or refuses it.
type Recorder interface {
	// Record is called before every opening. With an error nothing opens.
	Record(ctx context.Context, use Use) error
}

// Opener is the way back from sealed bytes to text. There is none without a
// Recorder.
type Opener struct {
	vault    *Vault
	recorder Recorder
}

// Opener returns an opener that records with r.
func (v *Vault) Opener(r Recorder) (*Opener, error) {
	if r == nil {
		return nil, fault.New(fault.ConfigInvalid, "crypto.Opener", "nothing opens unrecorded; give a recorder")
	}
	return &Opener{v, r}, nil
}

// Sealed is a value as it lies in the store, and the place where it lies.
type Sealed struct {
	Person Person
	Field  Field
	Bytes  []byte
}

// Key is the id of the person's key that sealed it. Errors are FormatUnknown and
// Tampered.
func (s Sealed) Key() (KeyID, error) {
	id, err := gcm.ID(s.Bytes)
	return KeyID(id), err
}

// Open opens values of one record. Each of them must be named by the use: the
// same object and record, and a field among its fields. Either all open or
// none. Errors are Refused, Forgotten (the person's key was destroyed on
// purpose), KeyMissing (it is gone, and nobody destroyed it: read the record
// again), Tampered, FormatUnknown, KeyUnavailable, and those of the store.
func (o *Opener) Open(ctx context.Context, use Use, sealed ...Sealed) ([]Plaintext, error) {
	for _, s := range sealed {
		if s.Field.Object != use.Object || s.Field.Record != use.Record || !slices.Contains(use.Fields, s.Field.Name) {
			return nil, fault.New(fault.Refused, "crypto.Open", "a value is not named by the use that would be recorded; name its object, record and field").On(s.Field.Object, s.Field.Name)
		}
	}
	if err := o.recorder.Record(ctx, use); err != nil {
		return nil, fault.Wrap(err, fault.Refused, "crypto.Open", "the use could not be recorded, so nothing was opened; see to the recorder")
	}
	s, err := o.vault.begin(ctx)
	if err != nil {
		return nil, err
	}
	persons, size := make([]Person, len(sealed)), 0
	for i, v := range sealed {
		persons[i] = v.Person
		size += len(v.Bytes) // more than its text has
	}
	subjects, err := s.known(persons, func(missing []Person) ([]Subject, error) {
		holders, err := o.vault.keys.Keys(ctx, missing, &mint{vault: o.vault})
		if err != nil {
			return nil, err
		}
		return s.subjects(ctx, holders)
	})
	if err != nil {
		return nil, err
	}
	values := opened{types: make([]byte, 0, len(sealed)), ends: make([]int, 0, len(sealed))}
	values.texts.Grow(size)
	for i, v := range sealed {
		if err := values.add(o.vault.org, subjects[i].get(), v); err != nil {
			return nil, err
		}
	}
	return values.plaintexts(), nil
}
