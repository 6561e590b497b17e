package crypto

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/sfsync/sfsync-go/internal/recordid"
)

// Person is the pseudonym of one person: a random id with the time it was made
// in front (a version 7 UUID, RFC 9562 section 5.7: 48 bits of unix
// milliseconds, 74 random bits). It is never made from a Salesforce id, so
// nobody can compute it from one; the time makes keys that were created
// together lie together, which is what makes new persons cheap to store. It
// tells when a person was first seen and nothing else.
type Person [16]byte

// String is the person as 32 hexadecimal digits.
func (p Person) String() string { return hex.EncodeToString(p[:]) }

// IsZero reports whether p is no person.
func (p Person) IsZero() bool { return p == Person{} }

// KeyID names one generation of a person's key. It is random, as a counter
// would repeat after a restore, and is the four bytes of Tink's prefix. It is
// unique within a person, not among all.
type KeyID uint32

// Link names a record that stands for a person, or that belongs to one.
type Link struct {
	Object string // the policy's stable name, such as "Contact"
	Record string // the 18-character record id
}

// IsZero reports whether l names nothing.
func (l Link) IsZero() bool { return l == Link{} }

// Want asks for the person that a record's values are sealed for.
type Want struct {
	// Record is the row's record. It is zero for a single field with a person
	// of its own: then only Owner counts, and no link is kept for the row.
	Record Link
	// Owner is the record that the first set person reference points to. It is
	// zero where none is set: the record is then its own person.
	Owner Link
	// Named says that Owner is whom the record itself is said to be about: the
	// first reference of its policy's rule. It is false for a reference that
	// counts because those before it are empty, and for one by which Salesforce
	// says that two records are one person.
	Named bool
}

// Target is the link whose person is wanted, and whether it is the record's own.
func (w Want) Target() (link Link, own bool) {
	if w.Owner.IsZero() || w.Owner.Record == w.Record.Record {
		return w.Record, true
	}
	return w.Owner, false
}

func (w Want) valid() bool {
	for _, l := range []Link{w.Record, w.Owner} {
		if !l.IsZero() && !recordid.Valid([]byte(l.Record)) {
			return false
		}
	}
	return w != Want{}
}

func newPerson(now time.Time, random *[10]byte) Person {
	var p Person
	ms := uint64(now.UnixMilli())
	binary.BigEndian.PutUint64(p[:8], ms<<16)
	copy(p[6:], random[:])
	p[6] = p[6]&0x0f | 0x70 // version 7
	p[8] = p[8]&0x3f | 0x80 // variant of RFC 9562
	return p
}

// random fills b; crypto/rand never fails (it ends the process instead).
func random(b []byte) { rand.Read(b) }
