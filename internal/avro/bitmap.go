package avro

import (
	"bytes"
	"encoding/hex"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// maxPosition bounds the index of a compound field; an object has some 900.
const maxPosition = 1<<16 - 1

// Bitmap says which fields a change event's changedFields, nulledFields or
// diffFields names. The zero Bitmap names none; it can be filled again and again.
//
// Each string of such a list is either "0x" and hexadecimal digits, whose bits
// are the top-level fields, or a field's position, "-0x" and digits, whose bits
// are the children of that field. The digits are one number, the lowest bit last
// and standing for position 0, and of any length. Each string stands for itself:
// events occur with a child's string alone (Change Data Capture guide,
// "Deserialize changedFields"; captured events).
type Bitmap struct {
	bits   []byte
	groups []group
}

// group is one string of the list: its digits decoded in bits[from:to].
type group struct {
	parent   int // position of the compound field, or -1 for the top level
	from, to int
}

// Reset makes the bitmap name no field.
func (b *Bitmap) Reset() { b.bits, b.groups = b.bits[:0], b.groups[:0] }

// Parse replaces the bitmap by the list in a value of kind Strings. After an
// error, fault.PayloadInvalid, it names no field, and nothing may be concluded
// from it: the changed records have to be read again.
func (b *Bitmap) Parse(list Value) error {
	b.Reset()
	if list.Kind() != Strings {
		return fault.New(fault.PayloadInvalid, "avro.Bitmap", "the event has no such list of fields; read the changed records again")
	}
	for i := range list.Len() {
		if err := b.Add(list.At(i)); err != nil {
			b.Reset()
			return err
		}
	}
	return nil
}

// Add adds one string of a list. The error is fault.PayloadInvalid; the bitmap
// is then as before.
func (b *Bitmap) Add(item []byte) error {
	parent, digits, ok := cut(item)
	from := len(b.bits)
	if ok {
		var err error
		b.bits, err = hex.AppendDecode(b.bits, digits)
		ok = err == nil
	}
	if !ok {
		return fault.New(fault.PayloadInvalid, "avro.Bitmap", "a list of changed fields is malformed; read the changed records again")
	}
	b.groups = append(b.groups, group{parent, from, len(b.bits)})
	return nil
}

// cut splits a string of a list into the position of the parent and the digits,
// of which there must be some.
func cut(item []byte) (parent int, digits []byte, ok bool) {
	before, digits, _ := bytes.Cut(item, []byte("0x"))
	if len(before) == 0 {
		return -1, digits, len(digits) > 0
	}
	position, dashed := bytes.CutSuffix(before, []byte("-"))
	for _, c := range position {
		if c < '0' || c > '9' || parent > maxPosition {
			return 0, nil, false
		}
		parent = parent*10 + int(c-'0')
	}
	return parent, digits, dashed && len(position) > 0 && len(digits) > 0 && parent <= maxPosition
}

// Has reports whether the field at a position of [Program.Position] is named. A
// child counts as named if its whole parent is. A top-level field, child -1, does
// not count as named if only children of it are; see [Bitmap.Any].
func (b *Bitmap) Has(top, child int) bool {
	for _, g := range b.groups {
		if g.parent < 0 && b.bit(g, top) || child >= 0 && g.parent == top && b.bit(g, child) {
			return true
		}
	}
	return false
}

// Any reports whether the top-level field or any child of it is named.
func (b *Bitmap) Any(top int) bool {
	for _, g := range b.groups {
		if g.parent < 0 && b.bit(g, top) {
			return true
		}
		if g.parent == top && len(bytes.Trim(b.bits[g.from:g.to], "\x00")) > 0 {
			return true
		}
	}
	return false
}

func (b *Bitmap) bit(g group, i int) bool {
	at := g.to - 1 - i/8
	return i >= 0 && at >= g.from && b.bits[at]>>(i%8)&1 == 1
}
