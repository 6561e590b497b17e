// Package store is the contract between the engine and the database that keeps
// the copy: rows, positions, debts and the ledger, written together or not at
// all.
//
// The rule it keeps: one [Batch] is one transaction. Rows never commit without
// the position that passes their events, a position never without the debts
// (dirty rows, owed ranges) of what could not be applied, and nothing without
// its ledger entries. A writer that lost its epoch commits nothing.
//
// The contract is split by who needs it: the engine needs [Store], the read
// side [Reader], forgetting a person [Eraser] and, where backups are put back,
// [ForgetLog]. A driver passes storetest.
//
// # Security
//
// A store never sees a personal field in the clear: the engine hands it sealed
// bytes. Plain fields, record ids, persons (random ids) and times are readable
// to whoever holds the database file.
package store

import (
	"context"
	"iter"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/audit"
)

// Store is what the engine needs of a database. Its methods are safe for
// concurrent use; the transactions of Prepare and Apply are serial.
type Store interface {
	// Plan reports what Prepare would do with the schema and changes nothing.
	Plan(ctx context.Context, schema Schema) (Plan, error)

	// Prepare makes the database fit the schema in one transaction: it creates
	// what is missing, drops the bytes of what the policy no longer names,
	// owes the ranges of what it newly names, claims a new epoch and returns
	// the state to resume from. It refuses another org (fault.WrongOrg), a
	// policy older than the last one (fault.PolicyOlder), a changed policy
	// under an unchanged version (fault.PolicyInvalid) and a second writer
	// (fault.StoreBusy).
	Prepare(ctx context.Context, schema Schema) (State, error)

	// Load returns the state of the rows with these ids, in their order and
	// without cells, but with the read that has Seen them. A row that is not held has the Mark Absent.
	Load(ctx context.Context, object string, ids []string) ([]Row, error)

	// Dirty returns up to limit ids of the rows that are dirty since a Seq of at
	// most upTo, the longest dirty first.
	Dirty(ctx context.Context, object string, upTo int64, limit int) ([]string, error)

	// Apply commits the batch. It fails with fault.Fenced if the epoch is no
	// longer current, and with fault.Conflict if the policy, the position, an
	// object's N or a row's Seq is not what the batch was made from; with
	// fault.LossRefused if more rows are absent than the Share of an Absence
	// allows. Nothing of the batch is kept then.
	Apply(ctx context.Context, batch *Batch) error
}

// Reader is what the read side needs. It may be used beside a running engine,
// also from another process.
type Reader interface {
	// Table returns how an object is kept: fault.NotFound without one.
	Table(ctx context.Context, object string) (Table, error)

	// Row returns one row with its cells. A row that is not held has the Mark
	// Absent and is no error.
	Row(ctx context.Context, object, id string) (Row, error)

	// Rows yields the rows of an object with their cells in order of id. The
	// cells are valid until the next step. Leaving the loop ends the read.
	Rows(ctx context.Context, object string) iter.Seq2[Row, error]
}

// Eraser is what forgetting a person needs. It works beside a running engine and
// without Prepare. Every method may be repeated.
type Eraser interface {
	// Bury leaves tombstones: from its commit on, Apply refuses every live row
	// of these persons with fault.Forgotten. The entry goes into the ledger.
	Bury(ctx context.Context, persons []crypto.Person, entry audit.Entry) error

	// Buried lists the persons that were buried, and which of them are not
	// erased yet.
	Buried(ctx context.Context) (all, unerased []crypto.Person, err error)

	// Erase suppresses the rows of buried persons, owes a read of each and
	// says how many they were. Of objects in plain, by stable name, it keeps
	// the plain columns that are no Link, where a kept column shows that
	// the row is not the person itself, else nothing. A field with a
	// person of its own is emptied where that person is one of these. No row's
	// Seq changes. The persons are erased only when the bytes are out of the
	// files; while a reader holds them back it fails with fault.StoreBusy.
	Erase(ctx context.Context, persons []crypto.Person, plain []string) (rows int64, err error)

	// Lift removes the tombstones of these persons, owes a read of every
	// row that is suppressed, held, or has a field whose person was forgotten,
	// as rows do not say whose they were, and says how many those are. The
	// entry goes into the ledger. It raises the N of every object and writes it
	// into those rows as their Seq: a batch made before is a Conflict, and a
	// read begun before does not pay.
	Lift(ctx context.Context, persons []crypto.Person, entry audit.Entry) (rows int64, err error)

	// Owe owes a read of each live row that is about one of the persons, or has
	// a field that is, and says how many they were. The entry goes into the
	// ledger. N and Seq are as after Lift.
	Owe(ctx context.Context, persons []crypto.Person, entry audit.Entry) (rows int64, err error)
}

// ForgetLog is an Eraser's copy of the forget log: what was forgotten and lifted
// here too. With it a database that was put back from a backup is brought to
// where the other one is.
type ForgetLog interface {
	crypto.ForgetLog

	// Enter appends entries once what they say is done. Those that it has
	// already it skips; fault.Conflict where the first of the others does not
	// follow its last.
	Enter(ctx context.Context, entries []crypto.ForgetEntry) error
}

// Position is a place in a topic: an opaque replay id of Salesforce. Positions
// are compared for equality only and never ordered
// (salesforce.com, Pub/Sub API guide, Event Message Durability).
type Position string

// State is what a writer resumes from.
type State struct {
	Epoch   int64 // the writer's number; a later one fences it
	Topics  map[string]Topic
	Objects map[string]Object
	Keys    int64 // see Batch.Keys
}

// Topic is how far a topic has been applied.
type Topic struct {
	Position Position
	AsOf     int64  // unix seconds at which the position was last moved, or seen to be the latest
	Instance string // the org's instance when the position was taken
}

// Object is the bookkeeping of one object.
type Object struct {
	N      int64 // numbers batches and reads in the order they commit
	Floor  int64 // a read begun before it pays nothing
	Caught int64 // unix seconds up to which CatchUp has read, or 0
	Unseen int64 // unix seconds up to which changes may have gone unseen, Lost, or 0
	Heard  int64 // unix seconds of the newest event, or of a later new position, or 0
	Rows   int64 // rows held when the state was read, without gone marks

	// Reconciled is when the last read of all records began that compared or
	// replaced every row, Refreshed when the last began that replaced every
	// row: unix seconds of this machine's clock, or 0.
	Reconciled, Refreshed int64

	// Lost is how many rows reads by id have found gone, with nothing to say
	// why, since LostSince in unix seconds.
	Lost, LostSince int64

	Owed  []Range // debts that only a read of the range pays
	Reads []Read  // reads begun and not yet ended
}
