package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/internal/tinkv1/exchange"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// open reads a copy that Tink alone has made, and opens its value with each form
// of the branch keyset in a keys database of its own.
func open(dir string) (map[string]string, error) {
	var c exchange.Copy
	if err := json.NewDecoder(os.Stdin).Decode(&c); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "kek"), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "kek", "kek.json"), c.KEK, 0o600); err != nil {
		return nil, err
	}
	kek, err := filekek.Open(filepath.Join(dir, "kek", "kek.json"))
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for form, data := range c.Forms {
		if c.Branch.Sealed, err = encrypted(kek, form, data, c.BranchPlace()); err != nil {
			return nil, fmt.Errorf("%s: %w", form, err)
		}
		if texts[form], err = openValue(filepath.Join(dir, form+".db"), kek, c); err != nil {
			return nil, fmt.Errorf("%s: %w", form, err)
		}
	}
	return texts, nil
}

// encrypted is a keyset of any form in that of the keys database.
func encrypted(kek *filekek.Key, form string, data, place []byte) ([]byte, error) {
	ctx := context.Background()
	var h *keyset.Handle
	var err error
	switch r := bytes.NewReader(data); form {
	case exchange.EncryptedBinary:
		return data, nil
	case exchange.Binary:
		h, err = insecurecleartextkeyset.Read(keyset.NewBinaryReader(r))
	case exchange.JSON:
		h, err = insecurecleartextkeyset.Read(keyset.NewJSONReader(r))
	case exchange.EncryptedJSON:
		h, err = keyset.ReadWithContext(ctx, keyset.NewJSONReader(r), kek, place)
	}
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = h.WriteWithContext(ctx, keyset.NewBinaryWriter(&out), kek, place)
	return out.Bytes(), err
}

func openValue(path string, kek *filekek.Key, c exchange.Copy) (string, error) {
	ctx := context.Background()
	keys, err := sqlite.OpenKeys(ctx, path)
	if err != nil {
		return "", err
	}
	defer keys.Close()
	err = keys.Add(ctx, crypto.Addition{Org: c.Org, Keysets: []crypto.Keyset{
		{Use: crypto.BranchUse, Version: 1, State: crypto.Active, Sealed: c.Branch.Sealed, Proof: c.Branch.Proof},
		{Use: crypto.SuppressionUse, Version: 1, State: crypto.Active, Sealed: c.Suppression.Sealed, Proof: c.Suppression.Proof},
		{Use: "index:email", Version: 1, State: crypto.Active, Sealed: c.Index.Sealed, Proof: c.Index.Proof},
	}})
	if err != nil {
		return "", err
	}
	// A key is added for a person who has one: the first comes by a link.
	minted := mint{crypto.PersonKey{Person: c.Key.Person, Generation: 1, ID: crypto.KeyID(c.Key.ID), Branch: 1, Wrapped: c.Key.Wrapped}}
	link := crypto.Link{Object: c.Value.Object, Record: c.Value.Record}
	if _, err := keys.Link(ctx, []crypto.Want{{Record: link}}, minted); err != nil {
		return "", err
	}
	v, err := crypto.OpenVault(ctx, keys, kek, c.Org)
	if err != nil {
		return "", err
	}
	batch, err := v.Sealer().Begin(ctx)
	if err != nil {
		return "", err
	}
	if got := digest(batch, c.Email); !bytes.Equal(got, c.Digest) {
		return "", fmt.Errorf("the digest of the e-mail address is %x, want %x", got, c.Digest)
	}
	opener, err := v.Opener(allow{})
	if err != nil {
		return "", err
	}
	field := crypto.Field{Object: c.Value.Object, Record: c.Value.Record, Name: c.Value.Name}
	use := crypto.Use{Object: field.Object, Record: field.Record, Fields: []string{field.Name}}
	plain, err := opener.Open(ctx, use, crypto.Sealed{Person: c.Key.Person, Field: field, Bytes: c.Value.Bytes})
	if err != nil {
		return "", err
	}
	text, _ := plain[0].Reveal()
	return text, nil
}

// mint hands out the key that Tink made.
type mint struct{ key crypto.PersonKey }

func (m mint) Key(crypto.Person) (crypto.PersonKey, error)         { return m.key, nil }
func (mint) Digest(crypto.TombstoneKind, []byte) (d crypto.Digest) { return d }
func (mint) Authenticate(crypto.Digest, []byte) (d crypto.Digest)  { return d }

// allow records nothing.
type allow struct{}

func (allow) Record(context.Context, crypto.Use) error { return nil }
