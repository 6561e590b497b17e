package crypto

import (
	"encoding/binary"
	"math/bits"
)

// A plaintext is
//
//	type, 1 byte | length of the value, uvarint | value | zero bytes
//
// padded, because the length of a ciphertext is in plain sight: without, it
// tells true from false and most picklist values apart. The length classes are
// multiples of 16 bytes, above 256 those of Padmé (Nikitin et al., PETS 2019,
// section 4: at most 12% longer, O(log log n) bits leaked), and for small
// fields multiples of 64.
const (
	nullBit     = 0x80 // set in the type of a sealed null; its value is empty
	block       = 16
	smallBlock  = 64
	padmeAbove  = 256
	lengthLimit = 1 << 24 // no Salesforce field holds 16 MiB
)

// paddedLen is the length class of n bytes.
func paddedLen(n int, small bool) int {
	if n > padmeAbove {
		e := bits.Len(uint(n)) - 1
		mask := 1<<(e-bits.Len(uint(e))) - 1
		n = (n + mask) &^ mask
	}
	if small {
		return (n + smallBlock - 1) &^ (smallBlock - 1)
	}
	return (n + block - 1) &^ (block - 1)
}

// appendPadded appends the plaintext of a value.
func appendPadded(dst []byte, typ byte, text []byte, small bool) []byte {
	start := len(dst)
	dst = append(dst, typ)
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	dst = append(dst, text...)
	n := len(dst) - start
	for range paddedLen(n, small) - n {
		dst = append(dst, 0)
	}
	return dst
}

// unpad is the reverse. It takes only what appendPadded writes, byte for byte,
// so that no two plaintexts mean the same; small need not be known for that.
func unpad(padded []byte) (typ byte, text []byte, ok bool) {
	if len(padded) < block {
		return 0, nil, false
	}
	typ = padded[0]
	n, used := binary.Uvarint(padded[1:])
	if used <= 0 || n > lengthLimit || n > uint64(len(padded)-1-used) || used != uvarintLen(n) {
		return 0, nil, false
	}
	end := 1 + used + int(n)
	if len(padded) != paddedLen(end, false) && len(padded) != paddedLen(end, true) {
		return 0, nil, false
	}
	for _, b := range padded[end:] {
		if b != 0 {
			return 0, nil, false
		}
	}
	if typ&nullBit != 0 && n > 0 {
		return 0, nil, false
	}
	return typ, padded[1+used : end], true
}

func uvarintLen(n uint64) int { return max(1, (bits.Len64(n)+6)/7) }
