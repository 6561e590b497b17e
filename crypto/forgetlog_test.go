package crypto_test

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

var someEntry = crypto.ForgetEntry{Seq: 300, Time: 1700000000, Kind: crypto.ForgotToo, Of: -2, Persons: []crypto.Person{{1}, {2}},
	Stones: []crypto.Tombstone{{Kind: crypto.AboutTombstone, Digest: crypto.Digest{3}}, {Kind: crypto.AddressTombstone}}}

// FuzzParseForgetEntry: what is read is what would be written, byte for byte.
func FuzzParseForgetEntry(f *testing.F) {
	f.Add(someEntry.Body())
	f.Add(crypto.ForgetEntry{Seq: 1, Kind: crypto.Lifted, Of: 1}.Body())
	f.Add([]byte{1, 'f', 2, 0, 2, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := crypto.ParseForgetEntry(body)
		if err == nil && !bytes.Equal(e.Body(), body) {
			t.Errorf("%x was read as %x", body, e.Body())
		}
		if err != nil && (fault.CodeOf(err) != fault.Tampered || !reflect.DeepEqual(e, crypto.ForgetEntry{})) {
			t.Errorf("%x: %v", body, err)
		}
	})
}

func TestParseForgetEntry(t *testing.T) {
	t.Parallel()
	body := someEntry.Body()
	if e, err := crypto.ParseForgetEntry(body); err != nil || !reflect.DeepEqual(e, someEntry) {
		t.Errorf("%+v, %v", e, err)
	}
	for i := range body {
		if _, err := crypto.ParseForgetEntry(body[:i]); fault.CodeOf(err) != fault.Tampered {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
	if _, err := crypto.ParseForgetEntry(append(slices.Clone(body), 0)); fault.CodeOf(err) != fault.Tampered {
		t.Errorf("with a byte more: %v", err)
	}
}

// FuzzParseForgetHead: a head has one form.
func FuzzParseForgetHead(f *testing.F) {
	f.Add(crypto.ForgetHead{Seq: 7, Mac: crypto.Digest{1}}.String())
	f.Add(crypto.ForgetHead{}.String())
	f.Fuzz(func(t *testing.T, line string) {
		h, err := crypto.ParseForgetHead(line)
		if err == nil && h.String() != line || err != nil && fault.CodeOf(err) != fault.FormatUnknown {
			t.Errorf("%q was read as %q, %v", line, h, err)
		}
	})
}

// TestCheckForgets: any change of any entry shows, and so do another order, a gap
// and another vault.
func TestCheckForgets(t *testing.T) {
	t.Parallel()
	e, other := newEnv(t), newEnv(t)
	for n := range 3 {
		_, err := e.vault.Forget(t.Context(), e.seal(field(n+1, "LastName"), "Lovelace").Person)
		must(t, err)
	}
	entries, err := e.keys.ForgetEntries(t.Context())
	must(t, err)
	must(t, e.vault.CheckForgets(entries))
	must(t, e.vault.CheckForgets(entries[:2]))
	changed := func(change func(*crypto.ForgetEntry)) []crypto.ForgetEntry {
		list := slices.Clone(entries)
		list[1].Persons, list[1].Stones = slices.Clone(list[1].Persons), slices.Clone(list[1].Stones)
		change(&list[1])
		return list
	}
	for what, list := range map[string][]crypto.ForgetEntry{
		"the first removed": entries[1:],
		"one removed":       {entries[0], entries[2]},
		"two exchanged":     {entries[0], entries[2], entries[1]},
		"one twice":         {entries[0], entries[0]},
		"a number":          changed(func(e *crypto.ForgetEntry) { e.Seq = 1 }),
		"a time":            changed(func(e *crypto.ForgetEntry) { e.Time++ }),
		"a kind":            changed(func(e *crypto.ForgetEntry) { e.Kind = crypto.Lifted }),
		"a forgetting":      changed(func(e *crypto.ForgetEntry) { e.Of++ }),
		"a person":          changed(func(e *crypto.ForgetEntry) { e.Persons[0][0]++ }),
		"no person":         changed(func(e *crypto.ForgetEntry) { e.Persons = nil }),
		"a tombstone":       changed(func(e *crypto.ForgetEntry) { e.Stones[0].Digest[31]++ }),
		"what it is of":     changed(func(e *crypto.ForgetEntry) { e.Stones[0].Kind++ }),
		"a mac":             changed(func(e *crypto.ForgetEntry) { e.Mac[0]++ }),
	} {
		if err := e.vault.CheckForgets(list); fault.CodeOf(err) != fault.Tampered {
			t.Errorf("%s: %v, want %s", what, err, fault.Tampered)
		}
	}
	if err := other.vault.CheckForgets(entries); fault.CodeOf(err) != fault.Tampered {
		t.Errorf("another vault: %v, want %s", err, fault.Tampered)
	}
}
