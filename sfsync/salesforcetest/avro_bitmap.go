package salesforcetest

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
)

// bitmaps writes positions as changedFields, nulledFields and diffFields carry
// them (Change Data Capture Developer Guide, "Change Event Header Fields"; form
// and gaps of the text from captures): one element "0x…" for fields, in which
// bit i is the field at Avro position i, and one "<field>-0x…" for the parts of
// each compound field. An element without bits is absent, and the bit of a
// compound field is not set by its parts.
func bitmaps(positions []position) []string {
	top := new(big.Int)
	parts := make(map[int]*big.Int)
	for _, p := range positions {
		set, bit := top, p.Field+1 // the header has position 0
		if p.Part >= 0 {
			if parts[p.Field] == nil {
				parts[p.Field] = new(big.Int)
			}
			set, bit = parts[p.Field], p.Part
		}
		set.SetBit(set, bit, 1)
	}
	var list []string
	if top.Sign() > 0 {
		list = append(list, hexBytes(top))
	}
	fields := make([]int, 0, len(parts))
	for field := range parts {
		fields = append(fields, field)
	}
	slices.Sort(fields)
	for _, field := range fields {
		list = append(list, strconv.Itoa(field+1)+"-"+hexBytes(parts[field]))
	}
	return list
}

// hexBytes is big-endian in whole bytes and as few of them as hold the number:
// official clients read the digits in pairs.
func hexBytes(n *big.Int) string { return fmt.Sprintf("0x%X", n.Bytes()) }
