package sfsync

import (
	"context"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Plan reports what the policy would change in the store: objects and columns
// to be created, removed or read again, and the rows held now. It signs in and
// describes the objects, and writes nothing.
func (s *Sync) Plan(ctx context.Context) (store.Plan, error) {
	if _, err := s.cfg.Org.SignIn(ctx); err != nil {
		return store.Plan{}, err
	}
	_, schema, err := s.compile(ctx, func(string, error) *minimize.Table { return nil })
	if err != nil {
		return store.Plan{}, err
	}
	return s.cfg.Store.Plan(ctx, schema)
}
