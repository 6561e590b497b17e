package crypto_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// kit is one case of testdata: all that is stored of one value, of a digest or of
// a forget log, and what opening it must give. See testdata/README.md.
type kit struct {
	expect  string // "success" or a fault.Code
	kek     string // a Tink keyset in JSON, as filekek keeps it
	org     string
	keysets []crypto.Keyset
	person  crypto.Person
	keys    []crypto.PersonKey
	place   crypto.Field
	null    bool
	text    string // not used where expect is a fault
	sealed  []byte

	of     digestOf // instead of a sealed value: text is what the digest is of
	digest []byte
	log    []logged // instead of both
}

// TestKit opens every case of testdata. What a release has sealed opens for
// ever, and what is malformed is the same fault for ever.
func TestKit(t *testing.T) {
	t.Parallel()
	sums, err := os.ReadFile(filepath.Join("testdata", "SHA256SUMS"))
	must(t, err)
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	must(t, err)
	if n := bytes.Count(sums, []byte("\n")); len(files) != n || n < 144 {
		t.Errorf("there are %d cases, SHA256SUMS has %d", len(files), n)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(name)
			must(t, err)
			if !bytes.Contains(sums, []byte(sum(name, data))) {
				t.Error("the case is not the one that was made")
			}
			k, err := parseKit(string(data))
			must(t, err)
			if got := k.open(t); got != k.want() {
				t.Errorf("%s, want %s", got, k.want())
			}
		})
	}
}

// sum is a line of SHA256SUMS.
func sum(name string, data []byte) string {
	return fmt.Sprintf("%x  %s\n", sha256.Sum256(data), filepath.Base(name))
}

// want is what open has to say.
func (k kit) want() string {
	switch {
	case k.expect != "success":
		return k.expect
	case k.null:
		return "success: null"
	}
	return fmt.Sprintf("success: %q", k.text)
}

// open puts a case into a keys database and a key file and opens its value.
func (k kit) open(t *testing.T) string {
	dir := t.TempDir()
	path := filepath.Join(dir, "kek", "kek.json")
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(k.kek), 0o600))
	kek, err := filekek.Open(path)
	if err != nil {
		return string(fault.CodeOf(err))
	}
	e := &env{TB: t, dir: dir, keys: openKeys(t, dir), kek: kek}
	must(t, k.store(t, e.keys))
	if e.vault, err = crypto.OpenVault(t.Context(), e.keys, kek, k.org); err != nil {
		return string(fault.CodeOf(err))
	}
	defer e.vault.Close()
	switch {
	case k.log != nil:
		return k.check(e)
	case k.of.kind != "":
		return k.compare(e)
	}
	use := crypto.Use{Object: k.place.Object, Record: k.place.Record, Fields: []string{k.place.Name}}
	plain, err := e.opener().Open(t.Context(), use, crypto.Sealed{Person: k.person, Field: k.place, Bytes: k.sealed})
	if err != nil {
		if plain != nil {
			t.Errorf("a fault and %d values", len(plain))
		}
		return string(fault.CodeOf(err))
	}
	text, ok := plain[0].Reveal()
	return kit{expect: "success", null: !ok, text: text}.want()
}

// store puts the keys in first: under a retired keyset none comes any more.
func (k kit) store(t *testing.T, keys crypto.KeyStore) error {
	if err := keys.Add(t.Context(), crypto.Addition{Org: k.org}); err != nil {
		return err
	}
	if len(k.keys) > 0 {
		want := crypto.Want{Record: crypto.Link{Object: k.place.Object, Record: k.place.Record}}
		if _, err := keys.Link(t.Context(), []crypto.Want{want}, given{k.keys[0]}); err != nil {
			return err
		}
		if err := keys.Add(t.Context(), crypto.Addition{Keys: k.keys[1:]}); err != nil {
			return err
		}
	}
	return keys.Add(t.Context(), crypto.Addition{Org: k.org, Keysets: k.keysets})
}

// given is a mint that gives a key out.
type given struct{ key crypto.PersonKey }

func (g given) Key(crypto.Person) (crypto.PersonKey, error)         { return g.key, nil }
func (given) Digest(crypto.TombstoneKind, []byte) (d crypto.Digest) { return d }
func (given) Authenticate(crypto.Digest, []byte) (d crypto.Digest)  { return d }

func (k kit) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "expect: %s\nkek: %s\norg: %s\n", k.expect, k.kek, k.org)
	for _, s := range k.keysets {
		fmt.Fprintf(&b, "keyset: %s %d %s %x %s\n", s.Use, s.Version, s.State, s.Sealed, cmp.Or(hex.EncodeToString(s.Proof), "-"))
	}
	if k.log != nil || k.of.kind != "" {
		k.appendDigest(&b)
		return b.String()
	}
	fmt.Fprintf(&b, "person: %s\n", k.person)
	for _, s := range k.keys {
		fmt.Fprintf(&b, "key: %d %08x %d %x\n", s.Generation, uint32(s.ID), s.Branch, s.Wrapped)
	}
	fmt.Fprintf(&b, "object: %s\nrecord: %s\nfield: %s\n", k.place.Object, k.place.Record, k.place.Name)
	switch {
	case k.null:
		fmt.Fprint(&b, "null: true\n")
	case k.expect == "success":
		fmt.Fprintf(&b, "text: %q\n", k.text)
	}
	fmt.Fprintf(&b, "sealed: %x\n", k.sealed)
	return b.String()
}

func parseKit(data string) (k kit, err error) {
	for line := range strings.Lines(data) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !ok {
			return k, fmt.Errorf("the line %.20q has no header", line)
		}
		if err := k.set(name, value); err != nil {
			return k, fmt.Errorf("%s: %w", name, err)
		}
	}
	if k.String() != data {
		return k, fmt.Errorf("the headers are not in their order, or not in their form:\n%s", k)
	}
	return k, nil
}

func (k *kit) set(name, value string) (err error) {
	switch name {
	case "expect":
		k.expect = value
	case "kek":
		k.kek = value
	case "org":
		k.org = value
	case "object":
		k.place.Object = value
	case "record":
		k.place.Record = value
	case "field":
		k.place.Name = value
	case "null":
		k.null = value == "true"
	case "text":
		k.text, err = strconv.Unquote(value)
	case "person":
		_, err = hex.Decode(k.person[:], []byte(value))
	case "sealed":
		k.sealed, err = hex.DecodeString(value)
	case "digest":
		k.digest, err = hex.DecodeString(value)
	case "of":
		_, err = fmt.Sscan(value, &k.of.kind, &k.of.version, &k.of.rules)
	case "entry":
		err = k.addEntry(value)
	case "keyset":
		err = k.addKeyset(value)
	case "key":
		err = k.addKey(value)
	default:
		err = fmt.Errorf("no such header")
	}
	return err
}

func (k *kit) addKeyset(value string) error {
	s := crypto.Keyset{Proof: []byte{}}
	_, err := fmt.Sscanf(value, "%s %d %s %x", &s.Use, &s.Version, &s.State, &s.Sealed)
	if proof := value[strings.LastIndexByte(value, ' ')+1:]; err == nil && proof != "-" {
		s.Proof, err = hex.DecodeString(proof)
	}
	k.keysets = append(k.keysets, s)
	return err
}

func (k *kit) addKey(value string) error {
	s := crypto.PersonKey{Person: k.person}
	_, err := fmt.Sscanf(value, "%d %x %d %x", &s.Generation, (*uint32)(&s.ID), &s.Branch, &s.Wrapped)
	k.keys = append(k.keys, s)
	return err
}

// clone is a copy whose parts can be bent.
func (k kit) clone() kit {
	k.sealed = bytes.Clone(k.sealed)
	k.keysets = append([]crypto.Keyset(nil), k.keysets...)
	k.keys = append([]crypto.PersonKey(nil), k.keys...)
	return k
}
