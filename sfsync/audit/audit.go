// Package audit is the record of who used what, and why, that shows when
// somebody has changed it afterwards.
//
// The rule it keeps: an entry names a use and never a value. It has an actor, a
// purpose, an object, field names and counts, at most a person's pseudonym; no
// field value, no record id, no query, no token. What is written cannot be
// deleted later, so nothing may be in it that a person could ask to be deleted.
//
// Entries form a chain: the hash of each covers the one before ([Chain]), so
// that [Verify] names the first entry that was changed, removed or moved. A
// store writes the entries of a batch in the batch's own transaction.
//
// # Format
//
// An entry's canonical bytes are JSON as RFC 8785 writes it, with the members
// of version 1:
//
//	{"actor":"billing","fields":["Email"],"kind":"reveal","time":"2026-01-02T15:04:05.000Z","v":1}
//
// Members that are empty are left out. The hash of entry n is
//
//	SHA-256("sfsync/audit/chain/v1" 0x00 || hash n-1 (32 bytes, zero before the first) ||
//	        n (8 bytes, big-endian, from 1) || canonical bytes)
//
// # Security
//
// The chain shows a flipped byte and an entry that was removed, inserted or
// moved. By itself it cannot show that entries were cut off at the end, nor
// that who can write the file computed all later hashes anew: for both, note a
// [Head] somewhere else now and then and give it to Verify. Actor, purpose and
// reason are kept as the caller gives them; a reason such as "case 4711" is
// fine, a customer's name is not.
package audit

import (
	"context"
	"iter"
	"time"
)

// Kind says what happened. Programs that read a ledger skip kinds they do not
// know.
type Kind string

// The kinds this release writes.
const (
	KindStart     Kind = "start"     // a writer started
	KindStop      Kind = "stop"      // a writer stopped
	KindSignIn    Kind = "sign_in"   // a token was obtained or refused (Code)
	KindBatch     Kind = "batch"     // Count rows were written
	KindPolicy    Kind = "policy"    // another policy version took effect
	KindException Kind = "exception" // a rule was waived, and why
	KindFault     Kind = "fault"     // an operation failed (Code)
	KindReveal    Kind = "reveal"    // fields were opened, or were about to be
	KindDenied    Kind = "denied"    // an opening was refused (Code)
	KindReconcile Kind = "reconcile" // an object was compared; Count rows differed, as Reason says
	KindBackfill  Kind = "backfill"  // a read of up to Count records was asked for by hand; Reason says why
	KindForget    Kind = "forget"    // a person was forgotten; with an Object: Count records of it came and are kept away, as theirs was
	KindHold      Kind = "hold"      // Count records came with the address of somebody forgotten, and nothing of them is kept
	KindFind      Kind = "find"      // persons were searched for; Fields is the type, such as email
	KindLift      Kind = "lift"      // a forgetting was taken back
	KindRenew     Kind = "renew"     // a person got another key
	KindReindex   Kind = "reindex"   // a type of the index got another key; Fields is the type, such as email
	KindDestroy   Kind = "destroy"   // keys from before, Count, were looked through, to destroy what sealed nothing any more
)

// Entry is one use. Only Time and Kind are needed; the others are empty where
// they do not apply.
type Entry struct {
	Time    time.Time // kept in UTC, to the millisecond
	Kind    Kind
	Actor   string   // who: a service or a user of it, as the grant names it
	Purpose string   // a purpose of the policy
	Reason  string   // free text of the caller, without personal data
	Object  string   // API name
	Fields  []string // names
	Person  string   // pseudonym in hex: a random id of the vault
	Host    string   // the server spoken to
	Count   int      // rows or fields concerned
	Code    string   // a fault.Code, where it failed
	Policy  int      // the policy's version
}

// Appender takes entries. Append returns after they are durable; with an error
// none of them is.
type Appender interface {
	Append(ctx context.Context, entries ...Entry) error
}

// Log is a ledger that can be read.
type Log interface {
	// Entries yields the entries with a Seq above after, in order. Leaving the
	// loop ends the read; an error ends it too.
	Entries(ctx context.Context, after int64) iter.Seq2[Stored, error]
}
