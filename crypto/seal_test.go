package crypto_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/internal/gcm"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.begin()
	s := e.subject(b, contact(1))
	for name, test := range map[string]struct {
		text  string
		null  bool
		small bool
	}{
		"text":         {text: "Ada Lovelace"},
		"empty":        {text: ""},
		"null":         {null: true},
		"small":        {text: "true", small: true},
		"small null":   {null: true, small: true},
		"not ASCII":    {text: "Zoë 北京 \x00\xff"},
		"ends in zero": {text: "a\x00\x00"},
		"128 bytes":    {text: strings.Repeat("x", 128)},
		"long":         {text: strings.Repeat("long text ", 13_107)},
		"long, small":  {text: strings.Repeat("A;", 300), small: true},
	} {
		f := field(1, "Description")
		f.Small = test.small
		sealed, err := b.Seal([]byte("before"), s, f, test.null, []byte(test.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.HasPrefix(sealed, []byte("before")) {
			t.Errorf("%s: what was in dst is gone", name)
		}
		f.Type, f.Small = 0, false // not needed to open
		want := test.text
		if test.null {
			want = "(null)"
		}
		got, err := e.open(crypto.Sealed{Person: s.Person(), Field: f, Bytes: sealed[6:]})
		if err != nil || got != want {
			t.Errorf("%s: opened %.40q, %v", name, got, err)
		}
	}
}

func TestTypeIsKept(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	f := field(1, "Birthdate")
	f.Type = 127
	v := e.seal(f, "1815-12-10")
	plain, err := e.opener().Open(t.Context(), crypto.Use{Object: "Contact", Record: f.Record, Fields: []string{f.Name}}, v)
	if err != nil || plain[0].Type() != 127 {
		t.Errorf("type %d, %v; want 127", plain[0].Type(), err)
	}
	f.Type = 128
	b := e.begin()
	if _, err := b.Seal(nil, e.subject(b, contact(1)), f, false, nil); fault.CodeOf(err) != fault.Internal {
		t.Errorf("a type above 127: %v, want %s", err, fault.Internal)
	}
}

// TestSwap opens every value at every place: it must open at its own only.
func TestSwap(t *testing.T) {
	t.Parallel()
	a := newEnv(t)
	b := newEnv(t)
	b.vault = openVault(t, openKeys(t, t.TempDir()), b.kek, orgB)
	type place struct {
		e *env
		s crypto.Sealed
	}
	var places []place
	for _, e := range []*env{a, b} {
		batch := e.begin()
		subjects, err := batch.Subjects(t.Context(), []crypto.Want{{Record: contact(1)}, {Record: contact(2)}})
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range []string{"Contact", "Lead"} {
			for _, record := range []crypto.Link{contact(1), contact(2)} {
				for _, name := range []string{"FirstName", "LastName"} {
					for _, s := range subjects {
						f := crypto.Field{Object: object, Record: record.Record, Name: name, Type: 1}
						sealed, err := batch.Seal(nil, s, f, false, []byte("same text"))
						if err != nil {
							t.Fatal(err)
						}
						places = append(places, place{e, crypto.Sealed{Person: s.Person(), Field: f, Bytes: sealed}})
					}
				}
			}
		}
	}
	for i, from := range places {
		for j, to := range places {
			moved := to.s
			moved.Bytes = from.s.Bytes
			if got, err := to.e.open(moved); (err == nil) != (i == j) {
				t.Errorf("sealed for %v in org %s, opened for %v in org %s: %q, %v",
					from.s.Field, from.e.vault.OrgID(), to.s.Field, to.e.vault.OrgID(), got, err)
			}
		}
	}
}

// TestSwapUnderOneKey is TestSwap where nothing but the associated data could
// tell the places apart: 531,441 pairs under one key.
func TestSwapUnderOneKey(t *testing.T) {
	t.Parallel()
	key, err := gcm.New(7, bytes.Repeat([]byte{7}, gcm.KeyLen))
	if err != nil {
		t.Fatal(err)
	}
	var tuples [][]byte
	for n := range 3 * 3 * 3 * 3 * 3 * 3 {
		at := func() int { d := n % 3; n /= 3; return d }
		tuples = append(tuples, crypto.FieldTuple(nil,
			[]string{orgA, orgB, ""}[at()],
			crypto.Person{byte(at())},
			crypto.Field{
				Object: []string{"A", "AB", ""}[at()],
				Record: []string{contact(1).Record, contact(2).Record, "B"}[at()],
				Name:   []string{"BC", "C", ""}[at()],
			},
			crypto.KeyID(at())))
	}
	for i, from := range tuples {
		sealed := key.Seal(nil, []byte("text"), from)
		for j, to := range tuples {
			if _, err := key.Open(nil, sealed, to); (err == nil) != (i == j) {
				t.Fatalf("sealed under %q, opened under %q: %v", from, to, err)
			}
		}
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	v := e.seal(field(1, "LastName"), "Lovelace")
	fails := func(what string, bent []byte, codes ...fault.Code) {
		t.Helper()
		s := v
		s.Bytes = bent
		got, err := e.open(s)
		for _, c := range codes {
			if fault.CodeOf(err) == c {
				return
			}
		}
		t.Errorf("%s: opened %q, %v; want %v", what, got, err, codes)
	}
	for i := range len(v.Bytes) * 8 {
		bent := bytes.Clone(v.Bytes)
		bent[i/8] ^= 1 << (i % 8)
		want := fault.Tampered
		switch {
		case i < 8:
			want = fault.FormatUnknown
		case i < 40: // another key id
			want = fault.KeyMissing
		}
		fails(fmt.Sprintf("bit %d", i), bent, want)
	}
	for i := range len(v.Bytes) {
		fails(fmt.Sprintf("cut to %d", i), v.Bytes[:i], fault.Tampered)
	}
	fails("one byte more", append(bytes.Clone(v.Bytes), 0), fault.Tampered)
	for version := range 256 {
		if version != 1 {
			bent := bytes.Clone(v.Bytes)
			bent[0] = byte(version)
			fails(fmt.Sprintf("version %d", version), bent, fault.FormatUnknown)
		}
	}
}

// TestLengths: the length of what lies in the store must not tell values apart.
func TestLengths(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.begin()
	s := e.subject(b, contact(1))
	size := func(text string, null, small bool) int {
		f := field(1, "Status__c")
		f.Small = small
		sealed, err := b.Seal(nil, s, f, null, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return len(sealed)
	}
	base := size("true", false, true)
	for _, text := range []string{"false", "", "New", "In progress, waiting for the customer to reply", strings.Repeat("x", 62)} {
		if got := size(text, false, true); got != base {
			t.Errorf("small %q has %d bytes, another %d", text, got, base)
		}
	}
	if got := size("", true, true); got != base {
		t.Errorf("a small null has %d bytes, a value %d", got, base)
	}
	if got, want := size("", true, false), size("Ada", false, false); got != want {
		t.Errorf("a null has %d bytes, a short text %d", got, want)
	}
	lengths := map[int]bool{}
	for n := range 4000 {
		got := size(strings.Repeat("x", n), false, false)
		lengths[got] = true
		if over := got - gcm.Overhead - n; over < 2 || over > 18+n/8 {
			t.Fatalf("%d bytes of text became %d", n, got)
		}
	}
	if len(lengths) > 80 {
		t.Errorf("4,000 lengths of text have %d lengths sealed", len(lengths))
	}
}

func TestSealRefuses(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	b := e.begin()
	s := e.subject(b, contact(1))
	for name, test := range map[string]struct {
		s    crypto.Subject
		f    crypto.Field
		want fault.Code
	}{
		"zero subject":     {crypto.Subject{}, field(1, "LastName"), fault.KeyMissing},
		"no object":        {s, crypto.Field{Record: contact(1).Record, Name: "LastName"}, fault.Internal},
		"no name":          {s, crypto.Field{Record: contact(1).Record, Object: "Contact"}, fault.Internal},
		"15 characters":    {s, crypto.Field{Record: contact(1).Record[:15], Object: "Contact", Name: "LastName"}, fault.Internal},
		"suffix unfitting": {s, crypto.Field{Record: contact(1).Record[:17] + "B", Object: "Contact", Name: "LastName"}, fault.Internal},
	} {
		if got, err := b.Seal(nil, test.s, test.f, false, []byte("x")); fault.CodeOf(err) != test.want {
			t.Errorf("%s: %x, %v; want %s", name, got, err, test.want)
		}
	}
}

// poolsKeep is false where sync.Pool does not keep what it is given.
var poolsKeep = true

func TestSealDoesNotAllocate(t *testing.T) {
	if !poolsKeep {
		t.Skip("allocations are counted without the race detector, under which pools drop things")
	}
	e := newEnv(t)
	b := e.begin()
	s := e.subject(b, contact(1))
	f, text, dst := field(1, "LastName"), []byte("Lovelace"), make([]byte, 0, 256)
	if n := testing.AllocsPerRun(1000, func() { dst, _ = b.Seal(dst[:0], s, f, false, text) }); n > 0 {
		t.Errorf("%v allocations a seal", n)
	}
	if n := testing.AllocsPerRun(1000, func() { b.Seal(nil, s, f, false, text) }); n > 1 {
		t.Errorf("%v allocations a seal into nothing", n)
	}
}
