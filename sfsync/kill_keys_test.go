package sfsync_test

import (
	"context"

	"github.com/sfsync/sfsync-go/crypto"
)

type doomedKeys struct {
	indexedKeys
	*doomed
}

type indexedKeys interface {
	crypto.Lifter
	crypto.Replayer
	crypto.KeyStore
	crypto.IndexStore
	crypto.Rotator // makes index keysets
	crypto.Mover
	crypto.Destroyer
}

func (k doomedKeys) Put(ctx context.Context, entries []crypto.Entry) (int64, error) {
	defer k.call("Put")()
	return k.indexedKeys.Put(ctx, entries)
}

func (k doomedKeys) Prune(ctx context.Context, mark int64, places []crypto.Place) error {
	defer k.call("Prune")()
	return k.indexedKeys.Prune(ctx, mark, places)
}

func (k doomedKeys) Root(ctx context.Context) (crypto.Root, error) {
	defer k.call("Root")()
	return k.indexedKeys.Root(ctx)
}

func (k doomedKeys) Add(ctx context.Context, a crypto.Addition) error {
	defer k.call("Add")()
	return k.indexedKeys.Add(ctx, a)
}

func (k doomedKeys) Link(ctx context.Context, wants []crypto.Want, mint crypto.Mint) ([]crypto.Holder, error) {
	defer k.call("Link")()
	return k.indexedKeys.Link(ctx, wants, mint)
}

func (k doomedKeys) Keys(ctx context.Context, persons []crypto.Person, mint crypto.Mint) ([]crypto.Holder, error) {
	defer k.call("Keys")()
	return k.indexedKeys.Keys(ctx, persons, mint)
}

func (k doomedKeys) Forget(ctx context.Context, persons []crypto.Person, mint crypto.Mint) ([]crypto.Person, error) {
	defer k.call("Forget")()
	return k.indexedKeys.Forget(ctx, persons, mint)
}

func (k doomedKeys) Lift(ctx context.Context, record string, mint crypto.Mint) (bool, error) {
	defer k.call("Lift")()
	return k.indexedKeys.Lift(ctx, record, mint)
}

func (k doomedKeys) Replace(ctx context.Context, all, now []crypto.Keyset) error {
	defer k.call("Replace")()
	return k.indexedKeys.Replace(ctx, all, now)
}

// Wrapped returns so few keys that few persons fill several pages.
func (k doomedKeys) Wrapped(ctx context.Context, after crypto.PersonKey, n int) ([]crypto.PersonKey, error) {
	return k.indexedKeys.Wrapped(ctx, after, min(n, 2))
}

func (k doomedKeys) Rewrap(ctx context.Context, keys []crypto.PersonKey) error {
	defer k.call("Rewrap")()
	return k.indexedKeys.Rewrap(ctx, keys)
}

func (k doomedKeys) Destroy(ctx context.Context, keys []crypto.PersonKey) error {
	defer k.call("Destroy")()
	return k.indexedKeys.Destroy(ctx, keys)
}
