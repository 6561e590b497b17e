package crypto

import (
	"encoding/binary"
)

// Every key has its own label, so that nothing sealed for one purpose opens
// for another. The number is the version of the tuple: a change of its parts
// is another label.
const (
	fieldLabel     = "sfsync/field/1"
	wrapLabel      = "sfsync/person-key/1"
	keysetLabel    = "sfsync/keyset/1"
	proofLabel     = "sfsync/proof/1"
	tombstoneLabel = "sfsync/tombstone/1"
	forgetLabel    = "sfsync/forget/1"
	indexLabel     = "sfsync/index/1"
)

// appendPart adds one part of a tuple: its length as uvarint, then its bytes.
// With lengths in front no two tuples have the same bytes, which separators
// could not promise.
func appendPart[T string | []byte](dst []byte, part T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(part)))
	return append(dst, part...)
}

// appendNumber adds a number as a part of four bytes, big endian.
func appendNumber(dst []byte, n uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 4), n)
}

// fieldTuple is the associated data of a field: label, org, object, record,
// field, person, key id.
func fieldTuple(dst []byte, org string, p Person, f Field, id KeyID) []byte {
	dst = appendPart(dst, fieldLabel)
	dst = appendPart(dst, org)
	dst = appendPart(dst, f.Object)
	dst = appendPart(dst, f.Record)
	dst = appendPart(dst, f.Name)
	dst = appendPart(dst, p[:])
	return appendNumber(dst, uint32(id))
}

// wrapTuple is the associated data of a wrapped person key.
func wrapTuple(dst []byte, org string, k PersonKey) []byte {
	dst = appendPart(dst, wrapLabel)
	dst = appendPart(dst, org)
	dst = appendNumber(dst, uint32(k.Branch))
	dst = appendPart(dst, k.Person[:])
	dst = appendNumber(dst, uint32(k.Generation))
	return appendNumber(dst, uint32(k.ID))
}

// keysetTuple is the associated data of a keyset under the key-encryption key
// (keysetLabel), and what its proof covers (proofLabel). A KMS may write the
// former into its log in the clear: it names the org and nobody in it.
func keysetTuple(label, org string, k Keyset) []byte {
	dst := appendPart(nil, label)
	dst = appendPart(dst, org)
	dst = appendPart(dst, k.Use)
	return appendNumber(dst, uint32(k.Version))
}

func tombstoneTuple(dst []byte, org string, kind TombstoneKind, value []byte) []byte {
	dst = appendPart(dst, tombstoneLabel)
	dst = appendPart(dst, org)
	dst = append(dst, 1, byte(kind))
	return appendPart(dst, value)
}

// forgetTuple is what an entry of the forget log is authenticated by: label,
// org, the authenticator of the entry before, body.
func forgetTuple(org string, previous Digest, body []byte) []byte {
	dst := appendPart(nil, forgetLabel)
	dst = appendPart(dst, org)
	dst = appendPart(dst, previous[:])
	return appendPart(dst, body)
}

// indexTuple is what the digest of an indexed value covers: label, org, form of
// the value, version of the keyset, version of the normaliser, value.
func indexTuple(dst []byte, org, form string, version, normaliser int, value []byte) []byte {
	dst = appendPart(dst, indexLabel)
	dst = appendPart(dst, org)
	dst = appendPart(dst, form)
	dst = appendNumber(dst, uint32(version))
	dst = appendNumber(dst, uint32(normaliser))
	return appendPart(dst, value)
}
