package crypto_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// printed is a recorder that prints; a real one writes to a ledger.
type printed struct{}

func (printed) Record(_ context.Context, use crypto.Use) error {
	fmt.Println(use.Actor, "opens", use.Fields, "for", use.Purpose)
	return nil
}

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	check(err)
	defer os.RemoveAll(dir)

	keys, err := sqlite.OpenKeys(ctx, filepath.Join(dir, "keys", "keys.db"))
	check(err)
	defer keys.Close()
	kek, err := filekek.Open(filepath.Join(dir, "kek", "kek.json"))
	check(err)
	vault, err := crypto.OpenVault(ctx, keys, kek, "00D000000000001EAA")
	check(err)
	defer vault.Close()

	// A job seals.
	batch, err := vault.Sealer().Begin(ctx)
	check(err)
	contact := crypto.Link{Object: "Contact", Record: "003000000000001AAA"}
	subjects, err := batch.Subjects(ctx, []crypto.Want{{Record: contact}})
	check(err)
	field := crypto.Field{Object: "Contact", Record: contact.Record, Name: "FirstName"}
	bytes, err := batch.Seal(nil, subjects[0], field, false, []byte("Ada"))
	check(err)

	// Somebody with a purpose opens, and that is recorded first.
	opener, err := vault.Opener(printed{})
	check(err)
	use := crypto.Use{Actor: "ann", Purpose: "support", Object: "Contact", Record: contact.Record, Fields: []string{"FirstName"}}
	plain, err := opener.Open(ctx, use, crypto.Sealed{Person: subjects[0].Person(), Field: field, Bytes: bytes})
	check(err)
	text, _ := plain[0].Reveal()
	fmt.Println(len(bytes), "sealed bytes, printed as", plain[0], "and revealed as", text)

	// The person is forgotten.
	_, err = vault.Forget(ctx, subjects[0].Person())
	check(err)
	_, err = opener.Open(ctx, use, crypto.Sealed{Person: subjects[0].Person(), Field: field, Bytes: bytes})
	fmt.Println(err)
	// Output:
	// ann opens [FirstName] for support
	// 49 sealed bytes, printed as [sealed] and revealed as Ada
	// ann opens [FirstName] for support
	// crypto.Open: forgotten: Contact.FirstName: the person was forgotten and the key destroyed; delete the value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
