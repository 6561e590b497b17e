package main

import (
	"context"

	"github.com/sfsync/sfsync-go/crypto"
)

// remembered is a key store that costs next to nothing: it knows the keys of its
// customers, and that nobody changes any.
type remembered struct {
	*keyStore
	root    crypto.Root
	holders map[crypto.Person]crypto.Holder
	persons map[string]crypto.Person // by record
}

func (r *remembered) Root(context.Context) (crypto.Root, error) { return r.root, nil }

func (r *remembered) Keys(_ context.Context, persons []crypto.Person, _ crypto.Mint) ([]crypto.Holder, error) {
	holders := make([]crypto.Holder, len(persons))
	for i, p := range persons {
		holders[i] = r.holders[p]
	}
	return holders, nil
}

func (r *remembered) Link(_ context.Context, wants []crypto.Want, _ crypto.Mint) ([]crypto.Holder, error) {
	holders := make([]crypto.Holder, len(wants))
	for i, w := range wants {
		holders[i] = r.holders[r.persons[w.Record.Record]]
	}
	return holders, nil
}

// remembered are the same customers, their keys in such a store.
func (c *customers) remembered(ctx context.Context) (*customers, error) {
	r := &remembered{keyStore: c.keys, holders: map[crypto.Person]crypto.Holder{}, persons: map[string]crypto.Person{}}
	var err error
	if r.root, err = c.keys.Root(ctx); err != nil {
		return nil, err
	}
	var persons []crypto.Person
	for _, record := range c.records {
		persons = append(persons, record[0].Person)
		r.persons[record[0].Field.Record] = record[0].Person
	}
	holders, err := c.keys.Keys(ctx, persons, nil)
	if err != nil {
		return nil, err
	}
	for _, h := range holders {
		r.holders[h.Person] = h
	}
	vault, err := crypto.OpenVault(ctx, r, c.kek, benchOrg)
	if err != nil {
		return nil, err
	}
	m := *c
	m.keyring, m.next = &keyring{keys: c.keys, kek: c.kek, vault: vault}, 0
	m.opener, err = vault.Opener(unrecorded{})
	return &m, err
}
