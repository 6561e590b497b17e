package store

import (
	"strings"

	"github.com/sfsync/sfsync-go/crypto"
)

// Schema is what a policy keeps, as the store needs to know it.
type Schema struct {
	Org    string // 18-character org id
	Policy int    // the policy's version
	Hash   string // of the policy's canonical content
	Tables []Table
}

// Table is how one object is kept. Its name in SQL is "sf_" and the object in
// lower case; columns bear the field's stable name.
type Table struct {
	Object  string
	Topic   string   // "" for an object that is polled
	Rules   []string // the person rules as text; the first is the record's
	Columns []Column
}

// Followed ends the name of a reference, in the text of a rule, to an object
// whose records may come to be another person's: their ids are kept as Owners.
const Followed = ">"

// Follows reports whether the rule has such a reference.
func (t Table) Follows(rule int) bool { return strings.Contains(t.Rules[rule], Followed) }

// Owners are the names of the references that a person rule takes the person
// from, in the order it tries them.
func (t Table) Owners(rule int) []string {
	names := strings.Fields(t.Rules[rule])
	for i := range names {
		names[i] = strings.TrimSuffix(names[i], Followed)
	}
	return names
}

// Column is one field that is kept.
type Column struct {
	Name   string
	Sealed bool
	Rule   int // index into the table's Rules
	Small  bool
	Link   bool             // holds ids of records that are or may be a person's
	Type   byte             // minimize.Type, part of what is sealed
	Find   crypto.IndexType // how its values are found, "" where they are not
}

// Plan is what Prepare would do.
type Plan struct {
	Policy, Version int // the stored and the new policy version; 0: none stored
	Objects         []ObjectPlan
}

// ObjectPlan is what Prepare would do to one object.
type ObjectPlan struct {
	Object  string
	Create  bool     // a new object: all of it will be read
	Drop    bool     // the policy no longer names it: its rows are removed
	Rebuild bool     // its persons change: its rows are removed and read again
	Add     []string // columns that will be read for every row
	Remove  []string // columns whose bytes are removed
	Find    []string // columns that will be read for every row to be found, or found in another way
	Rows    int64    // rows held now
}

// Empty reports whether the plan changes nothing.
func (p Plan) Empty() bool { return len(p.Objects) == 0 }
