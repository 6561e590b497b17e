package avro

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Why a value does not end: what is returned in place of an offset.
const (
	tooShort = -1 - iota
	tooLarge
	tooDeep
	badNumber
	badIndex
	badCount
	badBool
	badText
)

// failure is the error for a payload that ended badly, or before its last byte.
func failure(end int) *fault.Error {
	const op, code = "avro.Scan", fault.PayloadInvalid
	switch end {
	case tooShort:
		return fault.New(code, op, "the payload ends inside a value; read the changed records again and check the schema id")
	case tooLarge:
		return fault.New(code, op, "the payload is larger than any event; read the changed records again")
	case tooDeep:
		return fault.New(code, op, "the payload nests deeper than any event; read the changed records again")
	case badNumber:
		return fault.New(code, op, "a number in the payload is longer than its type; read the changed records again and check the schema id")
	case badIndex:
		return fault.New(code, op, "the payload takes a union branch or symbol that the schema lacks; read the changed records again and check the schema id")
	case badCount:
		return fault.New(code, op, "an array or map in the payload is not as long as it says; read the changed records again and check the schema id")
	case badBool, badText:
		return fault.New(code, op, "a boolean or text in the payload is malformed; read the changed records again and check the schema id")
	}
	return fault.New(code, op, "the payload goes on after its last field; read the changed records again and check the schema id")
}

// advance steps over n bytes, n not being negative.
func advance(b []byte, pos, n int) int {
	if pos < 0 {
		return pos
	}
	if n > len(b)-pos {
		return tooShort
	}
	return pos + n
}

// advanceBy steps over n items of the given width.
func advanceBy(b []byte, pos int, n int64, width int) int {
	if width == 0 {
		return pos
	}
	if n > int64((len(b)-pos)/width) {
		return badCount
	}
	return pos + int(n)*width
}

// zeros counts the zero bytes at the start of b, at most limit of them. It looks
// at eight at a time: in an update nearly every field is null, which is one zero.
func zeros(b []byte, limit int) int {
	n := 0
	b = b[:min(limit, len(b))]
	for ; len(b)-n >= 8; n += 8 {
		if word := binary.LittleEndian.Uint64(b[n:]); word != 0 {
			return n + bits.TrailingZeros64(word)/8
		}
	}
	for n < len(b) && b[n] == 0 {
		n++
	}
	return n
}

// varint reads an unsigned number of at most ten bytes, seven bits each, the
// lowest first (Avro specification, Primitive Types).
func varint(b []byte, pos int) (uint64, int) {
	if pos < 0 {
		return 0, pos
	}
	u, n := binary.Uvarint(b[pos:])
	switch {
	case n == 0:
		return 0, tooShort
	case n < 0:
		return 0, badNumber
	}
	return u, pos + n
}

// zigzag undoes the coding that gives small negative numbers few bytes.
func zigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

func int64At(b []byte, pos int) (int64, int) {
	u, pos := varint(b, pos)
	return zigzag(u), pos
}

func int32At(b []byte, pos int) (int64, int) {
	u, end := varint(b, pos)
	if u > math.MaxUint32 || end-pos > 5 {
		return 0, badNumber
	}
	return zigzag(u), end
}

// choice reads an index below n: of a union's branch or an enum's symbol. One
// byte is the rule, and worth not calling anything for.
func choice(b []byte, pos, n int) (int, int) {
	if uint(pos) < uint(len(b)) && b[pos]&0x81 == 0 && int(b[pos]/2) < n {
		return int(b[pos] / 2), pos + 1
	}
	i, pos := int32At(b, pos)
	if pos >= 0 && (i < 0 || i >= int64(n)) {
		return 0, badIndex
	}
	return int(i), pos
}

// length reads the length of a run of bytes that follows and is all there.
func length(b []byte, pos int) (int, int) {
	if uint(pos) < uint(len(b)) && b[pos]&0x81 == 0 && int(b[pos]/2) < len(b)-pos {
		return int(b[pos] / 2), pos + 1
	}
	n, pos := int64At(b, pos)
	if pos >= 0 && (n < 0 || n > int64(len(b)-pos)) {
		return 0, tooShort
	}
	return int(n), pos
}

// block reads the head of a block of an array or map: the count of its items, 0
// after the last block, and where it ends if it says so, or -1. A negative count
// is followed by the block's length in bytes (Avro specification, Arrays).
func block(b []byte, pos int) (n int64, end, next int) {
	n, pos = int64At(b, pos)
	if n >= 0 {
		return n, -1, pos
	}
	if n == math.MinInt64 {
		return 0, -1, badCount
	}
	size, pos := length(b, pos)
	return -n, pos + size, pos
}

// closed checks that a block ends where its head said.
func closed(pos, end int) int {
	if pos >= 0 && end >= 0 && pos != end {
		return badCount
	}
	return pos
}

// little reads up to eight bytes, the lowest first.
func little(b []byte) (n int64) {
	for i, c := range b {
		n |= int64(c) << (8 * i)
	}
	return n
}
