package main

import (
	"context"
	"crypto/fips140"
	"fmt"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// seal measures sealing a record of eight fields, beside Tink's own primitive
// on the same texts and associated data of the same length.
func (b *bench) seal(ctx context.Context) ([]line, error) {
	batch, subject, closeVault, err := sealing(ctx, b.place("seal"))
	if err != nil {
		return nil, err
	}
	defer closeVault()
	record := recordID(1)
	text := []byte("1234 Juniper Street, 4th")
	dst := make([]byte, 0, 4096)
	ours, err := costOf(func() (err error) {
		dst = dst[:0]
		for i := range sealedNames {
			f := crypto.Field{Object: "Contact", Record: record, Name: sealedNames[i], Type: 1}
			if dst, err = batch.Seal(dst, subject, f, false, text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	bare, err := tinkAlone()
	if err != nil {
		return nil, err
	}
	return []line{{"seal a record of 8 fields", fmt.Sprint(ours.time), fmt.Sprintf("Tink's AEAD, 8 calls: %v", bare.time),
		percent(float64(ours.time), float64(bare.time)), "2µs", "texts of 24 bytes, keys in memory"}}, nil
}

var sealedNames = [...]string{"FirstName", "LastName", "Email", "MobilePhone", "MailingStreet", "MailingCity", "MailingPostalCode", "Title"}

// sealing opens a vault with one person.
func sealing(ctx context.Context, dir string) (*crypto.Batch, crypto.Subject, func(), error) {
	fail := func(err error) (*crypto.Batch, crypto.Subject, func(), error) { return nil, crypto.Subject{}, nil, err }
	keys, err := sqlite.OpenKeys(ctx, filepath.Join(dir, "keys", "keys.db"))
	if err != nil {
		return fail(err)
	}
	kek, err := filekek.Open(filepath.Join(dir, "secret", "kek.json"))
	if err != nil {
		return fail(err)
	}
	vault, err := crypto.OpenVault(ctx, keys, kek, "00DDp000000J5TeMAK")
	if err != nil {
		return fail(err)
	}
	batch, err := vault.Sealer().Begin(ctx)
	if err != nil {
		return fail(err)
	}
	subjects, err := batch.Subjects(ctx, []crypto.Want{{Record: crypto.Link{Object: "Contact", Record: recordID(1)}}})
	if err != nil {
		return fail(err)
	}
	return batch, subjects[0], func() { vault.Close(); keys.Close() }, nil
}

func tinkAlone() (cost, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return cost{}, err
	}
	var primitive tink.AEAD
	// In FIPS-only mode Tink's own cipher is refused when it is made.
	fips140.WithoutEnforcement(func() { primitive, err = aead.New(handle) })
	if err != nil {
		return cost{}, err
	}
	// 24 bytes padded to 32, and the place of a field: org, person, record, names.
	padded, place := make([]byte, 32), make([]byte, 100)
	return costOf(func() error {
		for range sealedNames {
			if _, err := primitive.Encrypt(padded, place); err != nil {
				return err
			}
		}
		return nil
	})
}
