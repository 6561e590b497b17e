package store

import (
	"math"

	"github.com/sfsync/sfsync-go/sfsync/audit"
)

// Batch is one transaction.
type Batch struct {
	Epoch  int64
	Policy int

	// Topic moves from From to Next; with no Topic no position moves. From is
	// empty for the first position of a topic.
	Topic      string
	From, Next Position
	AsOf       int64  // unix seconds
	Instance   string // of the org

	Objects []ObjectBatch
	Entries []audit.Entry

	// Keys is how often the keys database had been written when the batch was
	// applied (crypto.Root.Writes), if not 0. It is kept as State.Keys: a keys
	// database with fewer lacks something that the rows rest on.
	Keys int64
}

// ObjectBatch is what a batch does to one object. The effects happen in the
// order of the fields.
type ObjectBatch struct {
	Object string
	N      int64 // the object's N before; it becomes N+1, the Seq of all rows written

	Rows []Row

	// Moved makes each row dirty that has one of these records among its
	// Owners and is not gone: they may be another person's now.
	Moved []string

	// Seen are records that a read of stamps returned and whose rows it need
	// not write. They are forgotten when the read ends.
	Seen Seen

	// Absent makes each row dirty that is in the range, not gone, not written
	// since N0 and not among the Seen of the read: a read of the whole range
	// did not return it.
	Absent *Absence

	Floor  bool    // reads begun before this batch pay nothing
	Owe    []Range // a Full debt replaces a Stamp debt of the same range
	Paid   []Range
	Begin  []Read  // reads that start; their N0 is N+1
	Update []Read  // job and locator of reads that go on
	End    []int64 // ids of reads that are done or given up
	Unseen int64   // new value of Object.Unseen, if not 0; Found ends it

	// New values of the same fields of Object, if not 0.
	Caught, Reconciled, Refreshed int64

	Lost, LostSince int64 // the same, if LostSince is not 0

	Heard int64 // new value of Object.Heard, if it is later

	// ForgetGone drops gone marks with a Seq up to it, unless they are dirty:
	// no open read is older.
	ForgetGone int64
}

// Values of ObjectBatch.Unseen that are no time.
const (
	Lost  int64 = math.MaxInt64 // the org does not show all of the object
	Found int64 = -1            // it does, and everything was owed since
)

// Seen names rows by id that a read of stamps found as they should be.
type Seen struct {
	Read int64
	IDs  []string
}

// Absence names the rows that a finished read should have returned.
type Absence struct {
	Range Range
	N0    int64
	Read  int64 // its id

	// Share of the rows of the range, above 0 and up to 1, that may be absent
	// at once; 0: any. Rows that are Explained do not count, and up to LossFloor
	// may be absent whatever their share.
	Share float64
}

// LossFloor is how many rows may be found absent at once whatever the share.
const LossFloor = 20

// Refused reports whether so many absent of all rows of a range are more than
// the share allows.
func (a Absence) Refused(absent, rows int64) bool {
	return a.Share > 0 && absent > LossFloor && float64(absent) > a.Share*float64(rows)
}

// ReadKind says how much a read returns.
type ReadKind string

const (
	// Full reads every allowed field and SystemModstamp.
	Full ReadKind = "full"
	// Stamp reads Id and SystemModstamp only.
	Stamp ReadKind = "stamp"
)

// Range is a span of record ids: from From (exclusive) to To (inclusive), in
// the byte order of their first 15 characters as Salesforce sorts them. An
// empty end is open.
type Range struct {
	From, To string
	Kind     ReadKind
}

// Contains reports whether the range holds a record, by its id of 18 characters.
func (r Range) Contains(id string) bool {
	return id[:15] > first15(r.From) && (r.To == "" || id[:15] <= first15(r.To))
}

func first15(id string) string { return id[:min(15, len(id))] }

// Whole is the range of every record.
func Whole(kind ReadKind) Range { return Range{Kind: kind} }

// Read is a read of a range that has begun. It is as durable as its Bulk job,
// so that one resumed after a restart still knows what came before it.
type Read struct {
	ID    int64 // random
	Range Range
	N0    int64  // the object's N when it began
	Job   string // id of the Bulk job, once there is one
	Pages []Page // of the job's results, as far as begun
	Done  int64  // rows of all pages committed
}

// Page is how far one page of a read has been committed.
type Page struct {
	Locator string `json:"locator"`
	Rows    int64  `json:"rows"`
	Whole   bool   `json:"whole,omitempty"`
}
