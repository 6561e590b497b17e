package phone_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/crypto/phone"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

func TestE164(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ region, number, want string }{
		{"US", "(415) 555-0100", "+14155550100"},
		{"US", "415.555.0100", "+14155550100"},
		{"US", "1 415 555 0100", "+14155550100"},
		{"US", "+1 415 555 0100 x7", "+14155550100"},
		{"US", "415-555-0100 ext. 12", "+14155550100"},
		{"US", "٤١٥٥٥٥٠١٠٠", "+14155550100"},
		{"US", "1-800-FLOWERS", "+18003569377"},
		{"US", "+44 20 7946 0958", "+442079460958"},
		{"GB", "020 7946 0958", "+442079460958"},
		{"US", "020 7946 0958", ""}, // +102079460958 to a parser that does not look
		{"US", "555-0100", ""},
		{"US", "911", ""},
		{"US", "+999 123 456 789", ""},
		{"US", "unknown", ""},
		{"US", "", ""},
		{"US", strings.Repeat("1", 1000), ""},
	} {
		p, err := phone.NewParser(c.region)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := p.E164(c.number); got != c.want || ok != (c.want != "") {
			t.Errorf("in %s, %.30q is %q, %v, want %q", c.region, c.number, got, ok, c.want)
		}
	}
	for _, region := range []string{"", "us", "XX", "USA", "001"} {
		if _, err := phone.NewParser(region); fault.CodeOf(err) != fault.ConfigInvalid {
			t.Errorf("the region %q: %v", region, err)
		}
	}
}

// TestFind looks numbers up in a vault with the parser: valid ones however they
// are written, others by their digits.
func TestFind(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	keys, err := sqlite.OpenKeys(ctx, filepath.Join(dir, "keys", "keys.db"))
	must(t, err)
	defer keys.Close()
	kek, err := filekek.Open(filepath.Join(dir, "kek", "kek.json"))
	must(t, err)
	us, err := phone.NewParser("US")
	must(t, err)
	vault, err := crypto.OpenVault(ctx, keys, kek, "00D000000000001EAA", crypto.WithPhoneParser(us))
	must(t, err)
	defer vault.Close()
	must(t, vault.EnsureIndex(ctx, crypto.PhoneIndex))
	batch, err := vault.Sealer().Begin(ctx)
	must(t, err)
	for record, number := range map[string]string{"003000000000001AAA": "+14155550100", "003000000000002AAA": "020 7946 0958"} {
		subjects, err := batch.Subjects(ctx, []crypto.Want{{Record: crypto.Link{Object: "Contact", Record: record}}})
		must(t, err)
		_, err = vault.Index(ctx, batch.Entries(nil, subjects[0], crypto.Field{Object: "Contact", Record: record, Name: "Phone"}, crypto.PhoneIndex, []byte(number)))
		must(t, err)
	}
	opener, err := vault.Opener(nobody{})
	must(t, err)
	for number, want := range map[string]string{"(415) 555-0100": "003000000000001AAA", "02079460958": "003000000000002AAA", "+44 20 7946 0958": ""} {
		found, err := opener.Find(ctx, crypto.NewSearch(crypto.PhoneIndex, number))
		must(t, err)
		if len(found) > 1 || (want != "") != (len(found) == 1) || len(found) == 1 && found[0].Place.Record != want {
			t.Errorf("%q is found in %d places, want %q", number, len(found), want)
		}
	}
}

// FuzzE164: what is a number is one of E.164, and stays the same.
func FuzzE164(f *testing.F) {
	for _, number := range []string{"(415) 555-0100", "٤١٥٥٥٥٠١٠٠", "1-800-FLOWERS", "+44 20 7946 0958", "tel:020;phone-context=+44", "+", "\xff"} {
		f.Add(number)
	}
	us, err := phone.NewParser("US")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, number string) {
		got, ok := us.E164(number)
		if !ok {
			return
		}
		if digits := strings.TrimLeft(got, "0123456789+"); digits != "" || got[0] != '+' || len(got) < 5 || len(got) > 18 {
			t.Errorf("%q is %q", number, got)
		}
		if again, ok := us.E164(got); !ok || again != got {
			t.Errorf("%q is %q, and that %q, %v", number, got, again, ok)
		}
	})
}

func BenchmarkE164(b *testing.B) {
	us, err := phone.NewParser("US")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		us.E164("(415) 555-0100")
	}
}
