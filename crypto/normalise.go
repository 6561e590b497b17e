package crypto

import "bytes"

// normaliser is the version of the rules below. It is part of every digest. A
// change of a rule is another version, and the rules of this one stay as long
// as an index may hold digests of it.
const normaliser = 1

// normalise appends what a value is compared as, and names the form it has: a
// form is part of the digest, so that digits which are no number of a country
// never meet one that is. Nothing is appended where there is nothing to find.
//
//	email   without white space around it, ASCII letters small; dots and what
//	        follows a plus stay, as they may be other people's
//	phone   E.164 where it begins with a plus and has 7 to 15 digits, the first
//	        not 0 (ITU-T E.164, 6.2.1); otherwise its digits alone
//	exact   as it is
func normalise(dst []byte, t IndexType, text []byte) (form string, out []byte) {
	switch t {
	case EmailIndex:
		return string(t), appendLower(dst, bytes.TrimSpace(text))
	case PhoneIndex:
		return appendPhone(dst, text)
	}
	return string(t), append(dst, text...)
}

func appendLower(dst, text []byte) []byte {
	for _, c := range text {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

func appendPhone(dst, text []byte) (form string, out []byte) {
	text = bytes.TrimSpace(text)
	plus, start := len(text) > 0 && text[0] == '+', len(dst)
	for i, c := range text {
		switch {
		case '0' <= c && c <= '9':
			dst = append(dst, c)
		case i > 0 && bytes.IndexByte([]byte(" ()-./"), c) < 0: // an extension, letters
			plus = false
		}
	}
	if digits := dst[start:]; plus && 7 <= len(digits) && len(digits) <= 15 && digits[0] != '0' {
		return "e164", dst
	}
	return "digits", dst
}
