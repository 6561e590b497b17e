package crypto

import (
	"context"
	"sync"
)

// sealBudget is how often one key may seal. Nonces are random: after 2^31
// messages the chance that two are equal is 2^62/2^97 = 2^-35, below the 2^-32
// that NIST SP 800-38D section 8.3 allows.
const sealBudget = 1 << 31

// Sealer seals. Nothing in it opens; but who can read its memory has the keys.
type Sealer struct {
	vault *Vault

	mu      sync.Mutex
	pending map[counted]int64 // seals sampled and not yet stored
}

type counted struct {
	person Person
	key    KeyID
}

// Sealer returns the vault's sealer.
func (v *Vault) Sealer() *Sealer { return v.sealer }

// Begin starts a batch: it reads the forget counter, and drops what is in
// memory if somebody was forgotten since. A batch should not outlive its
// transaction. Errors are KeyUnavailable, and those of the store.
func (s *Sealer) Begin(ctx context.Context) (*Batch, error) {
	session, err := s.vault.begin(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.flush(ctx); err != nil {
		return nil, err
	}
	indexes, err := session.indexes(ctx)
	if err != nil {
		return nil, err
	}
	addresses, err := s.vault.addresses(ctx, session.epoch)
	if err != nil {
		return nil, err
	}
	return &Batch{session: session, sealer: s, indexes: indexes, addresses: addresses}, nil
}

// flush stores the sampled counts: when a batch begins and when the vault is
// closed. A process that is killed loses those of its last batch.
func (s *Sealer) flush(ctx context.Context) error {
	s.mu.Lock()
	pending := s.pending
	if len(pending) == 0 {
		s.mu.Unlock()
		return nil
	}
	s.pending = map[counted]int64{}
	s.mu.Unlock()

	var a Addition
	for c, n := range pending {
		a.Seals = append(a.Seals, SealCount{c.person, c.key, n})
	}
	err := s.vault.keys.Add(ctx, a)
	if err != nil {
		s.count(a.Seals...)
	}
	return err
}

func (s *Sealer) count(seals ...SealCount) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range seals {
		s.pending[counted{c.Person, c.Key}] += c.Count
	}
}

// unsaved is how many sampled seals of a key are not stored yet.
func (s *Sealer) unsaved(k PersonKey) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending[counted{k.Person, k.ID}]
}
