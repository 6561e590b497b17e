package crypto

import (
	"context"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Destroyer is a KeyStore in which the key of a person can be destroyed although
// the person stays.
type Destroyer interface {
	// Retired returns the keys that were retired before a moment, in unix
	// seconds, and are not destroyed.
	Retired(ctx context.Context, before int64) ([]PersonKey, error)

	// Destroy deletes what is wrapped of retired keys, keeps the rest with the
	// date, and raises the forget counter. When it returns, none of the deleted
	// bytes are in the files of the database. It may be repeated.
	Destroy(ctx context.Context, keys []PersonKey) error
}

// RotatePerson gives a person, which has not been forgotten, another key. What
// is sealed from now on is sealed by it; values under the ones before open until
// their records were read again ([sfsync.Sync.Renew]).
func (v *Vault) RotatePerson(ctx context.Context, p Person) error {
	s, err := v.begin(ctx)
	if err != nil {
		return err
	}
	mint, err := s.mint(ctx)
	if err != nil {
		return err
	}
	holders, err := v.keys.Keys(ctx, []Person{p}, mint)
	if err != nil {
		return err
	}
	if len(holders[0].Keys) == 0 {
		return fault.New(fault.NotFound, "crypto.RotatePerson", "the person has no key; it was forgotten, or is not of this org")
	}
	return v.keys.Add(ctx, Addition{Keys: []PersonKey{mint.next(holders[0])}})
}

// Retired are the keys of persons that another generation took over from before
// a moment, and that still open.
func (v *Vault) Retired(ctx context.Context, before time.Time) ([]PersonKey, error) {
	d, err := v.destroyer()
	if err != nil {
		return nil, err
	}
	return d.Retired(ctx, before.Unix())
}

// DestroyKeys destroys retired keys of persons. What is sealed by one opens
// nowhere any more, with fault.KeyMissing: see that nothing is
// ([sfsync.Sync.DestroyRetired] does). Backups of the keys database keep theirs.
// Without keys it finishes what a call before could not.
func (v *Vault) DestroyKeys(ctx context.Context, keys []PersonKey) error {
	d, err := v.destroyer()
	if err != nil {
		return err
	}
	return d.Destroy(ctx, keys)
}

func (v *Vault) destroyer() (Destroyer, error) {
	d, ok := v.keys.(Destroyer)
	if !ok {
		return nil, fault.New(fault.ConfigInvalid, "crypto.Destroy", "the key store cannot destroy keys; use one that is a crypto.Destroyer")
	}
	return d, nil
}
