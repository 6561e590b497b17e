package store

import "github.com/sfsync/sfsync-go/crypto"

// Mark says what is known of a record.
type Mark uint8

const (
	// Absent: no row is held; never stored.
	Absent Mark = iota
	// Live: the record exists. A live row without persons is a stub: a record
	// known to exist, of which nothing is held until it has been read.
	Live
	// Gone: the record was deleted; the mark stays while a read begun before
	// the deletion is open, so that it cannot bring the record back.
	Gone
	// Suppressed: the record is of a forgotten person and stays away.
	Suppressed
	// Held: the record has the e-mail address of a forgotten person. Nothing of
	// it is kept until somebody has looked. Its Persons are known.
	Held
)

// Exists reports whether a row with the mark stands for a record that the org has.
func (m Mark) Exists() bool { return m == Live || m == Suppressed || m == Held }

// Row is one record: its state and, for a write, what becomes of its cells.
type Row struct {
	ID      string          // 18 characters
	Persons []crypto.Person // one for each person rule of the table; none: a stub
	// Owners are the records that the persons were taken from, one for each
	// rule: "" where it is the record itself, or one that stays whose it is.
	// Empty where no rule of the table follows any.
	Owners  []string
	Key     crypto.KeyID // of the first person when the row was last sealed
	Base    int64        // SystemModstamp of the last full read, unix seconds; 0: none
	Evented bool         // an event came since that read
	Dirty   bool         // a read is owed
	// Explained, of a dirty row: Salesforce said what may have become of the
	// record, so that to find it gone is no unexplained loss.
	Explained bool
	Mark      Mark

	// Seq is the object's N at the last write. In a batch it is the Seq the
	// row was loaded with, 0 for one that was absent: Apply compares it and
	// writes N.
	Seq int64

	// Seen is the read of stamps under way that found the record as the row
	// says, 0 for none. Of Load only.
	Seen int64

	// Cells are in the order of the table's columns. In a batch, Patch keeps
	// the cells that are Unset, and the Owners; without it the row is replaced,
	// and a row with no Cells is emptied.
	Cells []Cell
	Patch bool

	// What happened, for consumers of changes; not stored.
	Op          Op
	Commit      int64 // unix seconds of the commit, 0 for a read
	Transaction string
	Sequence    int
}

// Stub reports whether the row is live with nothing held of it.
func (r Row) Stub() bool { return r.Mark == Live && len(r.Persons) == 0 }

// Cell is one field of a row. A personal field holds sealed bytes, any other
// its canonical text.
type Cell struct {
	State CellState
	Bytes []byte
}

// CellState tells null from not known. A driver keeps the difference: in SQL a
// cell that is not known is NULL, and null in Salesforce is the empty string,
// which Salesforce itself does not tell from null.
type CellState uint8

const (
	// Unset: nothing has been said about the field yet.
	Unset CellState = iota
	// Null: the field is empty in Salesforce.
	Null
	// Value: Bytes holds the value.
	Value
)

// Op is the operation that a row in a batch stands for.
type Op string

// The operations, in Debezium's sense: a Read is what a snapshot or a re-read
// returned, a Mark says that the record changed in a way that is not known (the
// row is dirty: a read is owed) or in nothing that is kept.
const (
	OpCreate   Op = "create"
	OpUpdate   Op = "update"
	OpDelete   Op = "delete"
	OpUndelete Op = "undelete"
	OpRead     Op = "read"
	OpMark     Op = "mark"
	OpForget   Op = "forget" // the record is of a forgotten person: keep nothing of it
	OpHold     Op = "hold"   // the record has the e-mail address of a forgotten person: keep nothing of it
)
