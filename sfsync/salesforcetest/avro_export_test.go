package salesforcetest

// Bitmaps is bitmaps over pairs of Avro position and part; a part below 0 is
// the field itself.
func Bitmaps(pairs ...[2]int) []string {
	var positions []position
	for _, p := range pairs {
		positions = append(positions, position{p[0] - 1, p[1]})
	}
	return bitmaps(positions)
}
