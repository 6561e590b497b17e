package crypto

import (
	"bytes"
	"context"
)

// A forgotten person may come again under another record id: signed up anew, or
// imported from a list. Nothing tells that it is the same person but an e-mail
// address, and two people may share one. So an address suppresses nothing. A
// record that has one which only forgotten people had is held: nothing of it is
// kept until somebody lifts the address or forgets the record too. Phone numbers
// hold nothing, as households share them.

// addressRules is the version of the rules that addresses of tombstones are
// compared by: white space around it and the case of ASCII letters do not count.
// Tombstones stay as they are, so these rules never change.
const addressRules = 1

// address is the digest of an e-mail address, as a tombstone has it.
func (v *Vault) address(text []byte) Digest {
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	sc.plain = appendLower(sc.plain[:0], bytes.TrimSpace(text))
	defer clear(sc.plain)
	sc.tuple = tombstoneTuple(sc.tuple[:0], v.org, AddressTombstone, sc.plain)
	defer clear(sc.tuple)
	return v.suppress.Sum(sc.tuple)
}

// addresses are the digests of forgotten people's addresses.
func (v *Vault) addresses(ctx context.Context, epoch int) (map[Digest]bool, error) {
	if held, ok := v.memory.heldAddresses(epoch); ok {
		return held, nil
	}
	l, ok := v.keys.(Lifter)
	if !ok {
		return nil, nil
	}
	list, err := l.Addresses(ctx)
	if err != nil {
		return nil, err
	}
	held := make(map[Digest]bool, len(list))
	for _, d := range list {
		held[d] = true
	}
	v.memory.keepAddresses(epoch, held)
	return held, nil
}

// Hold reports whether the record with these entries, of one value, is to be
// held, and returns the entry that notes it: it is stored in their place.
func (b *Batch) Hold(entries []Entry) (Entry, bool) {
	if len(entries) == 0 || !b.addresses[entries[0].Address] {
		return Entry{}, false
	}
	e := entries[0]
	return Entry{Place: e.Place, Person: e.Person, Type: HeldIndex, Normaliser: addressRules, Digest: IndexDigest(e.Address[:16])}, true
}

// Held lists the records that are held, in order of their ids. [Vault.Lift] lets
// go of one and of all others with its address; forgetting it makes it stay away.
func (v *Vault) Held(ctx context.Context) ([]Link, error) {
	l, ok := v.keys.(Lifter)
	if !ok {
		return nil, errNoLifter()
	}
	return l.Held(ctx)
}
