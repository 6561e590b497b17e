package crypto

import "context"

// Moved lists up to n records of an object whose links have come to point to
// another person and were not followed yet. It is empty where the key store is no
// [Mover].
func (v *Vault) Moved(ctx context.Context, object string, n int) ([]Move, error) {
	m, ok := v.keys.(Mover)
	if !ok {
		return nil, nil
	}
	return m.Moved(ctx, object, n)
}

// Followed says that the rows of these records, and those that take a person from
// them, are as the links are or owed a read.
func (v *Vault) Followed(ctx context.Context, moves []Move) error {
	m, ok := v.keys.(Mover)
	if !ok || len(moves) == 0 {
		return nil
	}
	return m.Followed(ctx, moves)
}
