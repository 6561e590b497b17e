package minimize

// coarsens reports whether a field of this type and category has a coarse form.
func coarsens(from Type, category string) bool {
	return from == Date || from == DateTime || from == Text && category == postalCode
}

// appendCoarse appends the coarse form of a value that has a canonical text of
// the given type: the year of a date, the first three digits of a US postal code
// (five digits, or nine). It reports whether there is one; another country's
// postal code has none, and nothing of it is kept.
func appendCoarse(dst []byte, from Type, s []byte) ([]byte, bool) {
	if from != Text {
		return append(dst, s[:4]...), true
	}
	if shaped(s, "00000") || shaped(s, "00000-0000") || shaped(s, "000000000") {
		return append(dst, s[:3]...), true
	}
	return dst, false
}
