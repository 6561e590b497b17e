package minimize

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/sfsync/sfsync-go/internal/recordid"
)

// appendText appends the canonical form of a value that a Bulk row or a REST
// record has as text. It reports whether the text is of the type; a text that is
// not may have been appended in part.
func appendText(dst []byte, t Type, s []byte) ([]byte, bool) {
	switch t {
	case Text, Picklist:
		return append(dst, s...), utf8.Valid(s)
	case Boolean:
		return append(dst, s...), string(s) == "true" || string(s) == "false"
	case Integer:
		return appendInteger(dst, s)
	case Decimal:
		return appendDecimal(dst, s)
	case ID:
		return appendID(dst, s)
	}
	m, ok := parseMoment(t, s)
	if !ok {
		return dst, false
	}
	return appendMoment(dst, t, m)
}

// appendID appends a record id of 18 characters, given 15 or 18.
func appendID(dst, s []byte) ([]byte, bool) {
	if recordid.Valid(s) {
		return append(dst, s...), true
	}
	id, ok := recordid.Normalize(string(s))
	return append(dst, id...), ok
}

// appendInteger appends a whole number that fits 64 bits. REST may write it with a
// point and a zero.
func appendInteger(dst, s []byte) ([]byte, bool) {
	from := len(dst)
	dst, ok := appendDecimal(dst, s)
	if !ok || len(dst)-from > len("-9223372036854775808") {
		return dst, false
	}
	_, err := strconv.ParseInt(string(dst[from:]), 10, 64)
	return dst, err == nil
}

// maxExponent bounds the exponent of a number, and so the zeros that it may stand
// for. Salesforce's numbers have at most 18 digits.
const maxExponent = 400

// appendDecimal appends a number in JSON's or Java's form (3233, 3233.0, 1.0E7)
// as the shortest plain decimal of exactly the same value.
func appendDecimal(dst, s []byte) ([]byte, bool) {
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		s = s[1:]
	}
	mantissa, point := s, 0
	if i := bytes.IndexAny(s, "eE"); i >= 0 {
		e, ok := exponent(s[i+1:])
		if !ok {
			return dst, false
		}
		mantissa, point = s[:i], e
	}
	whole, fraction, dotted := bytes.Cut(mantissa, []byte("."))
	if len(whole) == 0 || dotted && len(fraction) == 0 || !digits(whole) || !digits(fraction) {
		return dst, false
	}
	return appendPlain(dst, negative, whole, fraction, len(whole)+point), true
}

// appendPlain appends the digits of whole and fraction, taken together, with a
// point before the digit of the given index.
func appendPlain(dst []byte, negative bool, whole, fraction []byte, point int) []byte {
	n := len(whole) + len(fraction)
	digit := func(i int) byte {
		switch {
		case i < 0 || i >= n:
			return '0'
		case i < len(whole):
			return whole[i]
		}
		return fraction[i-len(whole)]
	}
	first, last := 0, n-1
	for first < n && digit(first) == '0' {
		first++
	}
	if first == n {
		return append(dst, '0')
	}
	for digit(last) == '0' {
		last--
	}
	if negative {
		dst = append(dst, '-')
	}
	for i := min(first, point-1); i <= max(last, point-1); i++ {
		if i == point {
			dst = append(dst, '.')
		}
		dst = append(dst, digit(i))
	}
	return dst
}

func exponent(s []byte) (e int, ok bool) {
	negative := len(s) > 0 && s[0] == '-'
	if negative || len(s) > 0 && s[0] == '+' {
		s = s[1:]
	}
	if len(s) == 0 || len(s) > 5 || !digits(s) {
		return 0, false
	}
	e = number(s)
	if negative {
		e = -e
	}
	return e, -maxExponent <= e && e <= maxExponent
}

// digits reports whether a text has nothing but digits.
func digits(s []byte) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// number is the value of a few digits.
func number(s []byte) (n int) {
	for _, c := range s {
		n = 10*n + int(c-'0')
	}
	return n
}

// appendDouble appends an event's number. It is Known if every decimal number of
// the field's precision that is rounded to this double is the same; otherwise
// Imprecise, and nothing is appended.
func appendDouble(dst []byte, x, limit float64) ([]byte, State) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return dst, Hidden
	}
	size := math.Abs(x)
	if limit > 0 && size >= limit || size >= 1e18 {
		return dst, Imprecise
	}
	if x == math.Trunc(x) && size < 1e15 {
		return strconv.AppendInt(dst, int64(x), 10), Known
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, x, 'f', -1, 64)
	if significant(dst[from:]) > doubleDigits {
		return dst[:from], Imprecise
	}
	return dst, Known
}

// significant counts the digits of a plain decimal without the zeros around it.
func significant(s []byte) int {
	s = bytes.TrimLeft(s, "-0.")
	point := bytes.IndexByte(s, '.')
	if point < 0 {
		return len(bytes.TrimRight(s, "0"))
	}
	return len(s) - 1 // the shortest form ends in no zero
}
