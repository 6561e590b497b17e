// Package recordid turns Salesforce record ids into their one 18-character form.
//
// The rule it keeps: an id that leaves this package has 18 characters and a
// suffix that fits its first 15, so that the same record has the same id
// wherever it is a key, a link or part of a seal's associated data.
package recordid

// The 18-character form adds three characters, each of which encodes which of
// five characters are upper case
// (https://help.salesforce.com/s/articleView?id=000385008).
const suffixAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

// Normalize returns the 18-character form of a 15- or 18-character id. It
// reports false for anything else: another length, a character outside
// [0-9A-Za-z], a wrong suffix, the wildcard "001*" and the empty key
// "000000000000000AAA" that change events use in place of ids.
func Normalize(id string) (string, bool) {
	if len(id) != 15 && len(id) != 18 {
		return "", false
	}
	if id[:15] == "000000000000000" {
		return "", false
	}
	var suffix [3]byte
	for block := range suffix {
		bits := 0
		for i := range 5 {
			c := id[block*5+i]
			switch {
			case c >= 'A' && c <= 'Z':
				bits |= 1 << i
			case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			default:
				return "", false
			}
		}
		suffix[block] = suffixAlphabet[bits]
	}
	if len(id) == 15 {
		return id + string(suffix[:]), true
	}
	if id[15:] != string(suffix[:]) {
		return "", false
	}
	return id, true
}

// Valid reports whether the bytes are an 18-character id with a fitting
// suffix. It allocates nothing.
func Valid(id []byte) bool {
	if len(id) != 18 {
		return false
	}
	_, ok := Normalize(string(id))
	return ok
}
