package crypto

import "context"

// KeyStore is where persons, their wrapped keys and their links live: a
// database of its own, apart from the rows. It holds nothing that opens a
// value without the key-encryption key. Package cryptotest has the suite that
// every implementation passes; sqlite.OpenKeys is one.
//
// Every method is one transaction, durable when it returns, and safe for
// concurrent use by several goroutines and several processes. Methods take
// whole batches, and a result has the order and length of what was asked.
type KeyStore interface {
	// Root returns what the vault stands on, and the forget counter. It is
	// called for every batch and every reveal, so it has to be cheap. The
	// keysets come ordered by use and version; they are not changed by who gets them.
	Root(ctx context.Context) (Root, error)

	// Add stores what is absent and replaces nothing. Its error is WrongOrg
	// where the database belongs to another org.
	Add(ctx context.Context, a Addition) error

	// Link returns the person of each want, and makes what is missing with
	// mint: for each want in order, as if alone,
	//
	//  1. A record whose digest has a RecordTombstone is forgotten, whatever
	//     its owner: nothing is stored, Holder.Forgotten is set. So is one with
	//     an AboutTombstone, unless the want is Named with another record.
	//  2. The target is the owner's link or, without an owner, the record's
	//     own. A target that is absent and whose digest has a tombstone is
	//     forgotten too, and the record with it: it gets an AboutTombstone of
	//     the same forgetting and loses its link. If it had a person of its
	//     own, that person is forgotten as by Forget, in the same forgetting.
	//  3. A target that is absent otherwise gets a new person from mint, as its
	//     own. A record that belonged to an owner and has none now counts as
	//     absent. A person that is linked but has lost its key gets another,
	//     as its first one.
	//  4. A record with an owner is linked to the owner's person. If it had a
	//     person of its own, made before its owner was known, that person
	//     becomes an alias of the owner's: all its links and aliases go over
	//     to the owner's person, and forgetting takes both.
	//
	// Its error is Conflict where mint wraps by a branch keyset that was retired
	// meanwhile, and KeyExhausted where that would wrap more than WrapBudget. Links are found by the record id alone. mint is called inside the
	// transaction and does no I/O.
	Link(ctx context.Context, wants []Want, mint Mint) ([]Holder, error)

	// Keys returns the keys of persons that are already known, each as itself
	// and not as what it is an alias of. Without a key, the person's digest
	// tells whether it was forgotten.
	Keys(ctx context.Context, persons []Person, mint Mint) ([]Holder, error)

	// Persons lists whom Forget would take: the person, all its aliases, and
	// what it is an alias of; with a record, of the person it is linked to.
	// It is empty where the record is linked to nobody, and where none of them
	// has a key, a link or an alias.
	Persons(ctx context.Context, p Person, record string) ([]Person, error)

	// Forget deletes, of the persons, of all their aliases and of what they are
	// aliases of: keys, links, aliases and index entries. It leaves tombstones,
	// one forgetting, with the digests of these persons, of every linked record
	// and of every Address in their index entries that is in nobody else's, and
	// raises the forget counter. It returns whom it took: who became one with
	// the persons since the caller looked is among them. When it returns, none
	// of the deleted bytes are in the files of the database. Forgetting twice,
	// or somebody unknown, is no error.
	Forget(ctx context.Context, persons []Person, mint Mint) (taken []Person, err error)
}

// Lifter is a KeyStore whose forgettings can be asked for and taken back, and
// that keeps the addresses of forgotten people and the records held for them.
type Lifter interface {
	// Buried reports whether the record has a tombstone.
	Buried(ctx context.Context, record string, mint Mint) (bool, error)

	// Lift removes the tombstones that one forgetting left, found by any record
	// that it took, and raises the forget counter. Of several forgettings that
	// took the record it is the last. It brings no key back. For a record that
	// is held it removes the tombstones of the address instead. It reports false
	// where the record has no tombstone and is not held.
	Lift(ctx context.Context, record string, mint Mint) (bool, error)

	// Addresses returns the AddressTombstones. They are few, and asked for
	// whenever the forget counter has moved.
	Addresses(ctx context.Context) ([]Digest, error)

	// Held lists the records that have a HeldIndex entry, in order of their ids.
	Held(ctx context.Context) ([]Link, error)
}

// Mover is a KeyStore that remembers which links have come to point to another
// person, until it is told that the rows have followed. What moved a link may not
// have come to write the row, or have been out of date, and others may have taken
// the person from the link meanwhile.
type Mover interface {
	// Moved returns up to n of them whose records are of an object, by its stable
	// name, in order of record. That a person became an alias moves nothing.
	Moved(ctx context.Context, object string, n int) ([]Move, error)
	// Followed forgets those that have not moved again since.
	Followed(ctx context.Context, moves []Move) error
}

// Move is a link that points to another person than it did.
type Move struct {
	Record string
	Person Person // to which it points now
	Times  int64  // how often it moved
}

// Root is what the vault stands on.
type Root struct {
	Org     string // 18-character org id; "" in a database that is new
	Forgets int64  // rises whenever somebody is forgotten or gets another key
	Writes  int64  // rises with every transaction that stores a key, a link or an index entry, on which rows may rest
	Keysets []Keyset
}

// The uses of a keyset.
const (
	// BranchUse: the key that wraps the keys of all persons of one org.
	BranchUse = "branch"
	// SuppressionUse: the key behind the digests in tombstones; never rotated.
	SuppressionUse = "suppression"
)

// Keyset is one version of a Tink keyset, encrypted by the key-encryption key.
type Keyset struct {
	Use     string
	Version int         // from 1, for each use
	State   KeysetState // only an Active one seals
	Sealed  []byte      // Tink EncryptedKeyset, binary
	Proof   []byte      // made with the keyset: binds it to org, use and version
	URI     string      // of the key-encryption key that it is under, "" without [WithURI]
	Created int64       // unix seconds, as the two below
	// Retired and Destroyed are when it went into that state; 0 before.
	Retired, Destroyed int64
	// Wraps is how many keys of persons it has wrapped; of branch keysets only,
	// and of stored keys. Replace and Add leave it as it is.
	Wraps int64
}

// WrapBudget is how many keys of persons one branch keyset may wrap. What was
// wrapped in a transaction that failed is not counted, so it is half of the 2^32
// that NIST SP 800-38D section 8.3 allows with random nonces.
const WrapBudget = 1 << 31

// KeysetState is the life of a keyset: it only goes forward.
type KeysetState string

const (
	// Active: seals and opens.
	Active KeysetState = "active"
	// Retired: opens what it sealed before, seals nothing more.
	Retired KeysetState = "retired"
	// Destroyed: its bytes are gone, the row stays as a record of that.
	Destroyed KeysetState = "destroyed"
)

// PersonKey is one generation of a person's key, wrapped by a branch keyset.
type PersonKey struct {
	Person     Person
	Generation int // from 1; the highest one seals
	ID         KeyID
	Branch     int    // version of the branch keyset that wrapped it
	Wrapped    []byte // version-1 format, 65 bytes
	Seals      int64  // how often it sealed, counted by sampling
	Created    int64  // unix seconds, as the two below
	// Retired is when another generation took over: it opens and seals nothing
	// more. Destroyed is when Wrapped was deleted; Branch is then 0. 0 before.
	Retired, Destroyed int64
}

// Holder is what a key store knows of one person.
type Holder struct {
	Person    Person      // zero where a link is forgotten: nobody can tell who it was
	Keys      []PersonKey // by generation; empty where forgotten or missing
	Forgotten bool
	Moved     bool // by Link: the record's link pointed to another person before
}

// Addition is what Add stores, each part if it is not empty.
type Addition struct {
	// Org and Keysets: the org is set where the database has none; a keyset is
	// stored unless its use and version are there.
	Org     string
	Keysets []Keyset
	// Keys are new generations. One is stored unless its person has that
	// generation already, or has no key at all: then it was forgotten
	// meanwhile. It retires the generations before as of its Created, and raises the forget counter, so that nobody goes on with the
	// generation before; Conflict and KeyExhausted are as for Link.
	Keys []PersonKey
	// Seals are added to the counts.
	Seals []SealCount
}

// SealCount says that a key sealed Count more times.
type SealCount struct {
	Person Person
	Key    KeyID
	Count  int64
}

// Mint makes, inside a store's transaction, what only the vault can make.
type Mint interface {
	// Key makes the first key of a person, and the person too where p is zero.
	Key(p Person) (PersonKey, error)
	// Digest is the keyed hash under which a tombstone is found. The value is
	// a record id, or the 16 bytes of a person.
	Digest(kind TombstoneKind, value []byte) Digest
	// Authenticate makes the Mac of an entry of the forget log: of its Body and
	// of the Mac before, which is zero for the first.
	Authenticate(previous Digest, body []byte) Digest
}

// Digest is an HMAC-SHA-256, never cut short.
type Digest [32]byte

// TombstoneKind says what a tombstone stands for. The values are stored.
type TombstoneKind byte

const (
	// RecordTombstone: the own record of a forgotten person.
	RecordTombstone TombstoneKind = 'r'
	// AboutTombstone: another record that was about one. Its digest is that of a
	// RecordTombstone, so that one look finds either.
	AboutTombstone TombstoneKind = 'a'
	// PersonTombstone: a forgotten person, or one of its aliases.
	PersonTombstone TombstoneKind = 'p'
	// AddressTombstone: an e-mail address that was found in the records of a
	// forgotten person and of nobody else. It suppresses nothing: a record that
	// comes with it is held until somebody looks.
	AddressTombstone TombstoneKind = 'e'
)
