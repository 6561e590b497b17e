// Package exchange is what the two releases of Tink hand each other: all that is
// stored of one sealed value, from the key-encryption key on.
package exchange

import "encoding/binary"

// Copy is the whole way to one value.
type Copy struct {
	Org         string
	KEK         []byte // Tink keyset in JSON, not encrypted, as package filekek keeps it
	Branch      Keyset
	Suppression Keyset
	Index       Keyset            // of e-mail addresses
	Email       string            // a value that is found, normalised
	Digest      []byte            // its entry in the index, 16 bytes
	Forms       map[string][]byte // the branch keyset in each of Forms
	Key         Key
	Value       Value
}

// The forms of a keyset.
const (
	Binary          = "binary"
	JSON            = "JSON"
	EncryptedBinary = "encrypted binary"
	EncryptedJSON   = "encrypted JSON"
)

// Keyset is a crypto.Keyset of version 1.
type Keyset struct{ Sealed, Proof []byte }

// Key is a crypto.PersonKey of generation 1.
type Key struct {
	Person  [16]byte
	ID      uint32
	Wrapped []byte
}

// Value is a crypto.Sealed and its text.
type Value struct {
	Object, Record, Name string
	Bytes                []byte
	Text                 string
}

// Tuple writes associated data as the documentation of package crypto says, in
// code of its own.
func Tuple(parts ...any) []byte {
	var out []byte
	for _, p := range parts {
		var b []byte
		switch p := p.(type) {
		case string:
			b = []byte(p)
		case [16]byte:
			b = p[:]
		case uint32:
			b = binary.BigEndian.AppendUint32(nil, p)
		}
		out = append(binary.AppendUvarint(out, uint64(len(b))), b...)
	}
	return out
}

// BranchPlace is the associated data of the branch keyset.
func (c Copy) BranchPlace() []byte { return Tuple("sfsync/keyset/1", c.Org, "branch", uint32(1)) }

// SuppressionPlace is the associated data of the suppression keyset.
func (c Copy) SuppressionPlace() []byte {
	return Tuple("sfsync/keyset/1", c.Org, "suppression", uint32(1))
}

// IndexPlace is the associated data of the index keyset.
func (c Copy) IndexPlace() []byte { return Tuple("sfsync/keyset/1", c.Org, "index:email", uint32(1)) }

// Indexed is what the digest of the e-mail address covers.
func (c Copy) Indexed() []byte {
	return Tuple("sfsync/index/1", c.Org, "email", uint32(1), uint32(1), c.Email)
}

// Proven is what the proof of a keyset covers.
func (c Copy) Proven(use string) []byte { return Tuple("sfsync/proof/1", c.Org, use, uint32(1)) }

// KeyPlace is the associated data of the wrapped person's key.
func (c Copy) KeyPlace() []byte {
	return Tuple("sfsync/person-key/1", c.Org, uint32(1), c.Key.Person, uint32(1), c.Key.ID)
}

// ValuePlace is the associated data of the value.
func (c Copy) ValuePlace() []byte {
	v := c.Value
	return Tuple("sfsync/field/1", c.Org, v.Object, v.Record, v.Name, c.Key.Person, c.Key.ID)
}
