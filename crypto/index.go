package crypto

import (
	"context"
	"slices"
	"strings"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// IndexType is a kind of value by which a person can be found. Values of one
// type meet whatever object and field they are in.
type IndexType string

// The types; the texts are stored.
const (
	EmailIndex IndexType = "email" // ASCII letters compare as small ones
	PhoneIndex IndexType = "phone" // "+1 (415) 555-0100" is "+14155550100"; without a plus, digits compare
	ExactIndex IndexType = "exact" // byte by byte

	// HeldIndex is no type of value: an entry of it says that the record is held,
	// because the address in the place is that of somebody forgotten.
	HeldIndex IndexType = "held"
)

// use is that of the type's keysets.
func (t IndexType) use() string { return indexUse + string(t) }

const indexUse = "index:"

// Place is where a value stands in the copy.
type Place struct {
	Object string // the policy's stable name
	Record string // the 18-character record id
	Field  string // the policy's stable name
}

// Entry says that somebody's value in a place has a digest.
type Entry struct {
	Place      Place
	Person     Person
	Type       IndexType
	Version    int // of the index keyset
	Normaliser int // version of the type's rules by which it was normalised
	Digest     IndexDigest

	// Address is what becomes a tombstone when the person is forgotten: of an
	// e-mail address, else zero. Its key is never renewed, as a tombstone's is not.
	Address Digest
}

// Findable is a field whose values are indexed.
type Findable struct {
	Object, Field string // the policy's stable names
	Type          IndexType
}

// IndexDigest is the first half of an HMAC-SHA-256 (RFC 2104, section 5): by
// chance, two of 10,000,000 values share one with a probability of 2^-82.
type IndexDigest [16]byte

// IndexStore is a KeyStore that keeps a blind index too. What holds for the
// methods of KeyStore holds for these. KeyStore.Forget deletes the entries of
// everybody whom it forgets.
type IndexStore interface {
	// Put stores entries and returns their mark, a number above that of every
	// Put before, also without entries. An entry that is there gets the mark
	// and the person. Entries of persons without a key are left out: they were
	// forgotten meanwhile. Its error is Conflict where the keyset of an entry is
	// Destroyed, and Forgotten where an Address has a tombstone that is younger
	// than the batch.
	Put(ctx context.Context, entries []Entry) (mark int64, err error)

	// Prune removes what has a lower mark from each place.
	Prune(ctx context.Context, mark int64, places []Place) error

	// Places returns places of an object that have entries, a page at a time: a
	// page begins behind the number that the one before gave as next, and the
	// last one gives 0. What is put while pages are read may be left out.
	Places(ctx context.Context, object string, after int64) (places []Place, next int64, err error)

	// Lookup returns the entries with the type, version, normaliser and
	// digest of one of these, in the order of these.
	Lookup(ctx context.Context, like []Entry) ([]Entry, error)

	// Keep removes the entries of all fields and types but these.
	Keep(ctx context.Context, fields []Findable) error

	// Drop removes the entries of a type that are of a lower version of its
	// keyset or a lower normaliser, and leaves these keysets destroyed, without
	// their bytes. Its error is Conflict, and nothing happens, where a place has
	// such an entry and none that stays.
	Drop(ctx context.Context, t IndexType, version, normaliser int) error
}

// indexStore is the key store as one that keeps an index.
func (v *Vault) indexStore() (IndexStore, error) {
	store, ok := v.keys.(IndexStore)
	if !ok {
		return nil, fault.New(fault.ConfigInvalid, "crypto.Index", "the key store keeps no index; use one that is a crypto.IndexStore, or take find out of the policy")
	}
	return store, nil
}

// EnsureIndex makes the index keyset of each type that has none, encrypted by
// the key-encryption key. Batches that begin later index values of these types.
func (v *Vault) EnsureIndex(ctx context.Context, types ...IndexType) error {
	for _, t := range types {
		if err := v.addIndex(ctx, t, false); err != nil {
			return err
		}
	}
	return nil
}

// KeepIndex removes the entries of fields that are not findable any more, or in
// another way: all but these. Records that are held for an address stay so while
// the field is found by e-mail.
func (v *Vault) KeepIndex(ctx context.Context, fields []Findable) error {
	store, ok := v.keys.(IndexStore)
	if !ok {
		return nil
	}
	kept := slices.Clone(fields)
	for _, f := range fields {
		if f.Type == EmailIndex {
			f.Type = HeldIndex
			kept = append(kept, f)
		}
	}
	return store.Keep(ctx, kept)
}

// RenewIndex gives a type another index keyset. Values are indexed under this
// one and those before, and found under each, until everything was read again
// (sfsync.Sync.Reindex) and DropIndex removes what is old.
func (v *Vault) RenewIndex(ctx context.Context, t IndexType) error { return v.addIndex(ctx, t, true) }

// DropIndex destroys all but the newest index keyset of a type, and removes the
// entries under them and under older rules than this release has. Its error is
// Conflict as long as a value could be found by none but these: it was not read
// again yet.
func (v *Vault) DropIndex(ctx context.Context, t IndexType) error {
	store, err := v.indexStore()
	if err != nil {
		return err
	}
	root, err := v.keys.Root(ctx)
	if err != nil {
		return err
	}
	return store.Drop(ctx, t, newest(root, t), v.rules.newest(t))
}

// newest is the highest version of a type's keyset, 0 where there is none.
func newest(root Root, t IndexType) (version int) {
	for _, k := range root.Keysets {
		if k.Use == t.use() {
			version = max(version, k.Version)
		}
	}
	return version
}

func (v *Vault) addIndex(ctx context.Context, t IndexType, again bool) error {
	if !slices.Contains([]IndexType{EmailIndex, PhoneIndex, ExactIndex}, t) {
		return fault.New(fault.ConfigInvalid, "crypto.Index", "the type of index is unknown; use email, phone or exact")
	}
	if _, err := v.indexStore(); err != nil {
		return err
	}
	for {
		root, err := v.keys.Root(ctx)
		if err != nil {
			return err
		}
		version := newest(root, t)
		if version > 0 && !again {
			return nil
		}
		err = v.add(ctx, root, t.use(), version+1)
		if again || fault.CodeOf(err) != fault.Conflict { // else another process was first, and its own is as good
			return err
		}
	}
}

// index is an opened keyset that values of a type are indexed under.
type index struct {
	kind    IndexType
	version int
	key     suppression
}

// indexes opens what the root has of index keysets.
func (s session) indexes(ctx context.Context) (all []index, err error) {
	for _, k := range s.root.Keysets {
		t, ok := strings.CutPrefix(k.Use, indexUse)
		if !ok || k.State == Destroyed {
			continue
		}
		p, err := s.keyset(ctx, k.Use, k.Version)
		if err != nil {
			return nil, err
		}
		all = append(all, index{IndexType(t), k.Version, p.(suppression)})
	}
	return all, nil
}

// digest is that of a value under the keyset.
func (x index) digest(tuple []byte, org, form string, normaliser int, text []byte) (IndexDigest, []byte) {
	tuple = indexTuple(tuple[:0], org, form, x.version, normaliser, text)
	sum := x.key.Sum(tuple)
	clear(tuple)
	return IndexDigest(sum[:16]), tuple
}

// Entries appends the entries by which a value that was sealed can be found, one
// for each keyset of its type: none where EnsureIndex was not called before the
// batch began, or where there is nothing to find in the value.
func (b *Batch) Entries(dst []Entry, s Subject, f Field, t IndexType, text []byte) []Entry {
	v, sc := b.session.vault, scratches.Get().(*scratch)
	defer scratches.Put(sc)
	e := Entry{Place: Place{f.Object, f.Record, f.Name}, Person: s.Person(), Type: t, Normaliser: v.rules.newest(t)}
	form, plain := v.rules.normalise(sc.plain[:0], t, text)
	sc.plain = plain
	defer clear(plain)
	if len(plain) == 0 {
		return dst
	}
	if t == EmailIndex {
		e.Address = v.address(text)
	}
	for _, x := range b.indexes {
		if x.kind == t {
			e.Version = x.version
			e.Digest, sc.tuple = x.digest(sc.tuple, v.org, form, e.Normaliser, plain)
			dst = append(dst, e)
		}
	}
	return dst
}

// Index stores entries before the rows that they lead to, and returns the mark
// for Prune. An entry without its row harms nothing: what it leads to does not
// confirm.
func (v *Vault) Index(ctx context.Context, entries []Entry) (mark int64, err error) {
	store, err := v.indexStore()
	if err != nil {
		return 0, err
	}
	return store.Put(ctx, entries)
}

// Indexed lists the places of an object that have entries: see IndexStore.Places.
func (v *Vault) Indexed(ctx context.Context, object string, after int64) (places []Place, next int64, err error) {
	store, err := v.indexStore()
	if err != nil {
		return nil, 0, err
	}
	return store.Places(ctx, object, after)
}

// Prune removes from places what was indexed before the mark, after the rows
// that no longer say so.
func (v *Vault) Prune(ctx context.Context, mark int64, places []Place) error {
	store, err := v.indexStore()
	if err != nil {
		return err
	}
	return store.Prune(ctx, mark, places)
}
