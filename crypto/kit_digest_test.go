package crypto_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// digestOf is what a digest is of: a kind of tombstone, or a type of the index
// with the versions of its keyset and of its rules.
type digestOf struct {
	kind           string
	version, rules int // 0 of tombstones
}

// logged is an entry of the forget log as it is stored.
type logged struct{ body, mac []byte }

// asked is a key store that keeps what it was asked for.
type asked struct {
	mints
	like *[]crypto.Entry
}

func (a asked) Lookup(_ context.Context, like []crypto.Entry) ([]crypto.Entry, error) {
	*a.like = like
	return nil, nil
}

// compare says whether the digest is that of the text, or another.
func (k kit) compare(e *env) string {
	a := asked{mints{e.keys, new(crypto.Mint)}, new([]crypto.Entry)}
	vault := openVault(e, a, e.kek, k.org)
	same, err := k.tombstone(e, vault, a), error(nil)
	if k.of.version > 0 {
		same, err = k.looked(e, vault, a)
	}
	switch {
	case err != nil:
		return string(fault.CodeOf(err))
	case !same:
		return "another"
	}
	return kit{expect: "success", text: k.text}.want()
}

// tombstone compares with what a record or a person is looked for by. That of an
// address comes with the entries of the index.
func (k kit) tombstone(e *env, vault *crypto.Vault, a asked) bool {
	var got crypto.Digest
	switch kind := crypto.TombstoneKind(k.of.kind[0]); {
	case k.of.version > 0:
		return false
	case kind == crypto.AddressTombstone:
		b, err := vault.Sealer().Begin(e.Context())
		must(e, err)
		got = b.Entries(nil, crypto.Subject{}, field(1, "Email"), crypto.EmailIndex, []byte(k.text))[0].Address
	default:
		_, err := vault.Keyed(e.Context(), []crypto.Person{{1}})
		must(e, err)
		got = (*a.last).Digest(kind, []byte(k.text))
	}
	return slices.Equal(got[:], k.digest)
}

// looked compares with all that a search looks for.
func (k kit) looked(e *env, vault *crypto.Vault, a asked) (bool, error) {
	o, err := vault.Opener(allow{})
	must(e, err)
	kind := crypto.IndexType(k.of.kind)
	_, err = o.Find(e.Context(), crypto.NewSearch(kind, k.text))
	like := crypto.Entry{Type: kind, Version: k.of.version, Normaliser: k.of.rules, Digest: crypto.IndexDigest(k.digest)}
	return slices.Contains(*a.like, like), err
}

// check reads a forget log and says what it says.
func (k kit) check(e *env) string {
	var entries []crypto.ForgetEntry
	for _, l := range k.log {
		entry, err := crypto.ParseForgetEntry(l.body)
		if err != nil {
			return string(fault.CodeOf(err))
		}
		entry.Mac = crypto.Digest(l.mac)
		entries = append(entries, entry)
	}
	if err := e.vault.CheckForgets(entries); err != nil {
		return string(fault.CodeOf(err))
	}
	return kit{expect: "success", text: told(entries)}.want()
}

// told is a forget log as text.
func told(entries []crypto.ForgetEntry) string {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%d at %d: %c of %d;", e.Seq, e.Time, e.Kind, e.Of)
		for _, p := range e.Persons {
			fmt.Fprintf(&b, " %s", p)
		}
		for _, s := range e.Stones {
			fmt.Fprintf(&b, " %c=%x", s.Kind, s.Digest[:4])
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (k *kit) addEntry(value string) (err error) {
	body, mac, _ := strings.Cut(value, " ")
	var l logged
	if l.body, err = hex.DecodeString(body); err == nil {
		l.mac, err = hex.DecodeString(mac)
	}
	k.log = append(k.log, l)
	return err
}

// appendDigest writes the headers that stand in place of a value's.
func (k kit) appendDigest(b *strings.Builder) {
	if k.log == nil {
		fmt.Fprintf(b, "of: %s %d %d\ntext: %q\ndigest: %x\n", k.of.kind, k.of.version, k.of.rules, k.text, k.digest)
		return
	}
	if k.expect == "success" {
		fmt.Fprintf(b, "text: %q\n", k.text)
	}
	for _, l := range k.log {
		fmt.Fprintf(b, "entry: %x %x\n", l.body, l.mac)
	}
}
