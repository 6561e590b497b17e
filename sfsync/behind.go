package sfsync

import (
	"context"
	"maps"
	"slices"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Rows rest on keys, links and index entries that were durable before them. Each
// batch notes how often the keys database had been written by then. One that was
// written less often was put back from a backup: it lacks some of them, and nobody
// knows which.

// apply writes the batch, and with it how far the keys are that its rows rest on.
func (s *session) apply(ctx context.Context, b *store.Batch) (err error) {
	if b.Keys, err = s.cfg.Vault.Writes(ctx); err != nil {
		return err
	}
	return s.cfg.Store.Apply(ctx, b)
}

// keysBehind owes a read of everything where the keys database was put back.
func (s *session) keysBehind(ctx context.Context, relied int64) error {
	writes, err := s.cfg.Vault.Writes(ctx)
	if err != nil || writes >= relied {
		return err
	}
	s.log.Warn("the keys database is older than the rows, as if it was put back from a backup; all records are read again")
	all := slices.Collect(maps.Values(s.objects))
	defer lockAll(all)()
	batch := store.Batch{Entries: []audit.Entry{s.entry(audit.Entry{Kind: audit.KindFault, Code: string(fault.KeyMissing), Reason: "the keys database is older than the rows"})}}
	for _, o := range all {
		batch.Objects = append(batch.Objects, store.ObjectBatch{Object: o.name, Floor: true, Owe: []store.Range{store.Whole(store.Full)}})
	}
	_, err = s.enqueue(ctx, batch)
	return err
}
