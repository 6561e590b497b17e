// Package phone knows the phone numbers of a region, so that people are found by
// a number however it was written: "(415) 555-0100" and "+1 415 555 0100" are one
// number to a vault that has a parser for the United States.
//
//	us, err := phone.NewParser("US")
//	vault, err := crypto.OpenVault(ctx, keys, kek, orgID, crypto.WithPhoneParser(us))
//
// The rule it keeps: a text that is no valid number of the region, and does not name
// another one with a plus, is no number. "020 7946 0958" is none in the United
// States; taken for one it would be somebody else's.
//
// It is a module of its own, because the metadata of all countries
// (github.com/nyaruka/phonenumbers, a port of Google's libphonenumber) is a few
// megabytes.
package phone

import (
	"github.com/nyaruka/phonenumbers"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Parser knows the numbers of a region. It is safe for concurrent use.
type Parser struct{ region string }

var _ crypto.PhoneParser = Parser{}

// NewParser returns a parser that takes numbers without a plus as those of a
// region, by its code of two letters in ISO 3166-1, such as "US". Another code is
// a fault.ConfigInvalid.
func NewParser(region string) (Parser, error) {
	if !phonenumbers.GetSupportedRegions()[region] {
		return Parser{}, fault.New(fault.ConfigInvalid, "phone.NewParser", "the region is none that has phone numbers; give its two letters of ISO 3166-1, such as US")
	}
	return Parser{region}, nil
}

// E164 implements crypto.PhoneParser. Digits of other scripts and letters on keys,
// as in 1-800-FLOWERS, are digits; an extension is left out. A number takes about
// 10 microseconds.
func (p Parser) E164(number string) (string, bool) {
	n, err := phonenumbers.Parse(number, p.region)
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return "", false
	}
	return phonenumbers.Format(n, phonenumbers.E164), true
}
