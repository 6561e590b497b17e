package crypto_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// withoutDots is a second version of the rules for e-mail.
func withoutDots(dst, text []byte) (form string, out []byte) {
	return "email", append(dst, strings.ReplaceAll(strings.ToLower(string(text)), ".", "")...)
}

// confirmed are the records in which an e-mail is found and which hold it.
func (e *env) confirmed(holds map[string]string, asked string) string {
	e.Helper()
	o, search := e.opener(), crypto.NewSearch(crypto.EmailIndex, asked)
	found, err := o.Find(e.Context(), search)
	must(e, err)
	var records []string
	for _, f := range found {
		record := strings.TrimLeft(f.Place.Record[3:15], "0")
		s := e.seal(field(99, "Email"), holds[record])
		plain, err := o.Open(e.Context(), crypto.Use{Object: s.Field.Object, Record: s.Field.Record, Fields: []string{s.Field.Name}}, s)
		must(e, err)
		if o.Confirm(search, f, plain[0]) {
			records = append(records, record)
		}
	}
	return strings.Join(records, " ")
}

// What was indexed by older rules is found by them until it was read again.
func TestNormaliserVersions(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.ensure(crypto.EmailIndex)
	holds := map[string]string{"1": "ada.l@example.com", "2": "ben.l@example.com"}
	e.indexValue(1, crypto.EmailIndex, holds["1"])
	e.indexValue(2, crypto.EmailIndex, holds["2"])
	next := openVault(t, e.keys, e.kek, orgA)
	crypto.AddNormaliser(next, crypto.EmailIndex, withoutDots)
	e.vault = next
	check := func(why, asked, want string) {
		t.Helper()
		if got := e.confirmed(holds, asked); got != want {
			t.Errorf("%s, %s is found in %q, want %q", why, asked, got, want)
		}
	}
	check("by the rules of version 1", "Ada.L@example.com", "1")
	check("by the rules of version 1", "adal@example.com", "")
	if entry := e.indexValue(1, crypto.EmailIndex, holds["1"]); entry.Normaliser != 2 { // read again
		t.Errorf("indexed by version %d", entry.Normaliser)
	}
	check("by the rules of version 2", "Ada.L@example.com", "1")
	check("by the rules of version 2", "adal@example.com", "1")
	check("not read again", "ben.l@example.com", "2")
	check("not read again", "benl@example.com", "")
	if err := e.vault.DropIndex(t.Context(), crypto.EmailIndex); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("dropping what is still needed: %v, want %s", err, fault.Conflict)
	}
	e.indexValue(2, crypto.EmailIndex, holds["2"])
	must(t, e.vault.DropIndex(t.Context(), crypto.EmailIndex))
	check("after the drop", "ben.l@example.com", "2")
	check("after the drop", "benl@example.com", "2")
	found, err := openVault(t, e.keys, e.kek, orgA).Opener(allow{})
	must(t, err)
	if list, err := found.Find(t.Context(), crypto.NewSearch(crypto.EmailIndex, "ben.l@example.com")); err != nil || len(list) != 0 {
		t.Errorf("by the rules of version 1 there are %d, %v", len(list), err)
	}
}

// usNumbers knows two ways of writing one number, and a short code.
type usNumbers struct{}

func (usNumbers) E164(number string) (string, bool) {
	switch number {
	case "(415) 555-0100", "1-415-555-0100 x7":
		return "+14155550100", true
	case "short":
		return "+911", true
	}
	return "", false
}

func TestPhoneParser(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.ensure(crypto.PhoneIndex)
	e.indexValue(1, crypto.PhoneIndex, "(415) 555-0100") // before there was a parser
	e.indexValue(2, crypto.PhoneIndex, "+14155550100")
	var err error
	e.vault, err = crypto.OpenVault(t.Context(), e.keys, e.kek, orgA, crypto.WithPhoneParser(usNumbers{}))
	must(t, err)
	defer e.vault.Close()
	e.indexValue(3, crypto.PhoneIndex, "(415) 555-0100")
	e.indexValue(4, crypto.PhoneIndex, "020 7946 0958")
	for asked, want := range map[string]string{
		"(415) 555-0100":    "2 3 1", // as a number of the region, and by its digits
		"+1 415 555 0100":   "2 3",
		"1-415-555-0100 x7": "2 3",
		"415.555.0100":      "1", // the parser does not know it
		"02079460958":       "4",
	} {
		if got := e.find(crypto.PhoneIndex, asked); got != want {
			t.Errorf("%q is found in %q, want %q", asked, got, want)
		}
	}
	confirms(t, e, crypto.PhoneIndex, "(415) 555-0100", "+14155550100", true)
	confirms(t, e, crypto.PhoneIndex, "(415) 555-0100", "415.555.0100", true)
	confirms(t, e, crypto.PhoneIndex, "+14155550100", "415.555.0100", false)
	if _, err := e.opener().Find(context.Background(), crypto.NewSearch(crypto.PhoneIndex, "short")); fault.CodeOf(err) != fault.ConfigInvalid {
		t.Errorf("what the parser gives is no E.164 number and has no digit: %v", err)
	}
}

// FuzzNormalise: what a value is compared as is compared as itself, and the
// same on every call.
func FuzzNormalise(f *testing.F) {
	for _, text := range []string{" Ada@Example.com\t", "+1 (415) 555-0100", "415.555.0100 x7", "+0415550103", "\u00a0\u2003x\u0085", "", "A-17", "+\xff1234567"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []crypto.IndexType{crypto.EmailIndex, crypto.PhoneIndex, crypto.ExactIndex} {
			for version := 1; version <= crypto.Normalisers(kind); version++ {
				form, out := crypto.Normalise(kind, version, []byte(text))
				again := bytes.Clone(out)
				if form == "e164" {
					again = append([]byte("+"), out...)
				}
				if form2, out2 := crypto.Normalise(kind, version, again); form2 != form || !bytes.Equal(out, out2) {
					t.Errorf("%s version %d: %q is %s %q, which is %s %q", kind, version, text, form, out, form2, out2)
				}
			}
		}
	})
}
