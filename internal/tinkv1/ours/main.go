// Command ours is our side of the exchange: "ours seal" writes a sealed copy,
// "ours open" reads one and writes the text that each form of its branch keyset
// opens.
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

const (
	org    = "00D000000000001EAA"
	record = "003000000000001AAA"
)

func main() {
	dir, err := os.MkdirTemp("", "ours")
	if err == nil {
		err = run(dir, os.Args[1:])
		os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ours:", err)
		os.Exit(1)
	}
}

func run(dir string, args []string) error {
	var answer any
	var err error
	if len(args) == 1 && args[0] == "seal" {
		answer, err = seal(dir)
	} else {
		answer, err = open(dir)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

// vault opens the vault in a directory.
func vault(dir string) (*sqlite.Keys, *filekek.Key, *crypto.Vault, error) {
	keys, err := sqlite.OpenKeys(context.Background(), filepath.Join(dir, "keys.db"))
	if err != nil {
		return nil, nil, nil, err
	}
	kek, err := filekek.Open(filepath.Join(dir, "kek", "kek.json"))
	if err != nil {
		return nil, nil, nil, err
	}
	v, err := crypto.OpenVault(context.Background(), keys, kek, org)
	return keys, kek, v, err
}

func seal(dir string) (c exchange.Copy, err error) {
	ctx := context.Background()
	keys, kek, v, err := vault(dir)
	if err != nil {
		return c, err
	}
	defer keys.Close()
	if err := v.EnsureIndex(ctx, crypto.EmailIndex); err != nil {
		return c, err
	}
	batch, err := v.Sealer().Begin(ctx)
	if err != nil {
		return c, err
	}
	subjects, err := batch.Subjects(ctx, []crypto.Want{{Record: crypto.Link{Object: "Contact", Record: record}}})
	if err != nil {
		return c, err
	}
	c.Value = exchange.Value{Object: "Contact", Record: record, Name: "LastName", Text: "Lovelace"}
	field := crypto.Field{Object: "Contact", Record: record, Name: "LastName", Type: 1}
	if c.Value.Bytes, err = batch.Seal(nil, subjects[0], field, false, []byte(c.Value.Text)); err != nil {
		return c, err
	}
	c.Email = "ada@example.com"
	c.Digest = digest(batch, c.Email)
	if c.KEK, err = os.ReadFile(filepath.Join(dir, "kek", "kek.json")); err != nil {
		return c, err
	}
	return c, stored(ctx, &c, keys, kek, subjects[0].Person())
}

// digest is that of the index entry of an e-mail address.
func digest(b *crypto.Batch, email string) []byte {
	field := crypto.Field{Object: "Contact", Record: record, Name: "Email"}
	entries := b.Entries(nil, crypto.Subject{}, field, crypto.EmailIndex, []byte(email))
	return entries[0].Digest[:]
}

// stored adds what the keys database holds.
func stored(ctx context.Context, c *exchange.Copy, keys *sqlite.Keys, kek *filekek.Key, p crypto.Person) error {
	root, err := keys.Root(ctx)
	if err != nil {
		return err
	}
	c.Org = root.Org
	for _, k := range root.Keysets {
		at := map[string]*exchange.Keyset{crypto.BranchUse: &c.Branch, crypto.SuppressionUse: &c.Suppression, "index:email": &c.Index}[k.Use]
		*at = exchange.Keyset{Sealed: k.Sealed, Proof: k.Proof}
	}
	holders, err := keys.Keys(ctx, []crypto.Person{p}, nil)
	if err != nil {
		return err
	}
	k := holders[0].Keys[0]
	c.Key = exchange.Key{Person: k.Person, ID: uint32(k.ID), Wrapped: k.Wrapped}
	c.Forms, err = forms(ctx, kek, *c)
	return err
}

// forms writes the branch keyset in all its forms.
func forms(ctx context.Context, kek *filekek.Key, c exchange.Copy) (map[string][]byte, error) {
	h, err := keyset.ReadWithContext(ctx, keyset.NewBinaryReader(bytes.NewReader(c.Branch.Sealed)), kek, c.BranchPlace())
	if err != nil {
		return nil, err
	}
	var b, j, eb, ej bytes.Buffer
	for _, err := range []error{
		insecurecleartextkeyset.Write(h, keyset.NewBinaryWriter(&b)),
		insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&j)),
		h.WriteWithContext(ctx, keyset.NewBinaryWriter(&eb), kek, c.BranchPlace()),
		h.WriteWithContext(ctx, keyset.NewJSONWriter(&ej), kek, c.BranchPlace()),
	} {
		if err != nil {
			return nil, err
		}
	}
	return map[string][]byte{exchange.Binary: b.Bytes(), exchange.JSON: j.Bytes(),
		exchange.EncryptedBinary: eb.Bytes(), exchange.EncryptedJSON: ej.Bytes()}, nil
}
