package crypto

import (
	"bytes"
	"slices"
)

// A normaliser appends what a value is compared as, and names the form it has: a
// form is part of the digest, so that digits which are no number of a country
// never meet one that is. Nothing is appended where there is nothing to find.
// phones may be nil.
type normaliser func(dst, text []byte, phones PhoneParser) (form string, out []byte)

// normalisers are the rules of each type, version 1 first. A version is part of
// every digest and stays for ever, as an index may hold digests of it; a change
// of a rule is another one at the end. Values are indexed by the last of their
// type and looked up by all, and DropIndex removes the entries of all but the
// last.
//
//	email   without white space around it, ASCII letters small; dots and what
//	        follows a plus stay, as they may be other people's
//	phone   E.164 where it begins with a plus and has 7 to 15 digits, the first
//	        not 0 (ITU-T E.164, 6.2.1), or where the vault's PhoneParser knows
//	        it for such a number; otherwise its digits alone
//	exact   as it is
var normalisers = map[IndexType][]normaliser{
	EmailIndex: {email1},
	PhoneIndex: {phone1},
	ExactIndex: {exact1},
}

func email1(dst, text []byte, _ PhoneParser) (form string, out []byte) {
	return string(EmailIndex), appendLower(dst, bytes.TrimSpace(text))
}

func exact1(dst, text []byte, _ PhoneParser) (form string, out []byte) {
	return string(ExactIndex), append(dst, text...)
}

func phone1(dst, text []byte, phones PhoneParser) (form string, out []byte) {
	if form, out = appendPhone(dst, text); form == e164 || phones == nil {
		return form, out
	}
	if number, ok := phones.E164(string(text)); ok {
		if known, n := appendPhone(nil, []byte(number)); known == e164 {
			return known, append(dst, n...)
		}
	}
	return form, out
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

// The forms of a phone number.
const (
	e164   = "e164"
	digits = "digits"
)

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
	if n := dst[start:]; plus && 7 <= len(n) && len(n) <= 15 && n[0] != '0' {
		return e164, dst
	}
	return digits, dst
}

// PhoneParser knows the numbers of a region. It is safe for concurrent use.
type PhoneParser interface {
	// E164 returns a phone number as people write it in the form of ITU-T E.164,
	// a plus and digits: "+14155550100" for "(415) 555-0100" in the United States.
	// It reports false where the text is no valid number.
	E164(number string) (string, bool)
}

// An Option changes what a vault does.
type Option func(*Vault)

// WithPhoneParser has phone numbers that do not begin with a plus indexed and
// found as numbers of the parser's region; package crypto/phone has one. Without
// it, their digits compare. What was indexed before there was a parser is found
// by the digits it was written with, until it is read again; the same goes for
// another parser, save that what only the former one knew is not found until then
// (sfsync.Sync.Reindex).
func WithPhoneParser(p PhoneParser) Option { return func(v *Vault) { v.rules.phones = p } }

// rules are those by which a vault compares values.
type rules struct {
	of     map[IndexType][]normaliser
	phones PhoneParser
}

// newest is the version that values of a type are indexed by, 0 without a type.
func (r rules) newest(t IndexType) int { return len(r.of[t]) }

// normalise is that of the newest version.
func (r rules) normalise(dst []byte, t IndexType, text []byte) (form string, out []byte) {
	if r.newest(t) == 0 {
		return "", dst
	}
	return r.of[t][r.newest(t)-1](dst, text, r.phones)
}

// compared is what a value is compared as by one version.
type compared struct {
	version int
	form    string
	text    []byte
}

func (c compared) equal(to compared) bool {
	return c.version == to.version && c.form == to.form && bytes.Equal(c.text, to.text)
}

// all is everything that an entry of the value may be of: of each version, with
// the phone parser and without.
func (r rules) all(t IndexType, text []byte) (all []compared) {
	for i := range r.of[t] {
		for _, phones := range []PhoneParser{r.phones, nil} {
			c := compared{version: i + 1}
			c.form, c.text = r.of[t][i](nil, text, phones)
			if len(c.text) > 0 && !slices.ContainsFunc(all, c.equal) {
				all = append(all, c)
			}
		}
	}
	return all
}

// same reports whether two values have something in common by a version.
func (r rules) same(t IndexType, version int, a, b []byte) bool {
	other := r.all(t, b)
	return slices.ContainsFunc(r.all(t, a), func(c compared) bool {
		return c.version == version && slices.ContainsFunc(other, c.equal)
	})
}
