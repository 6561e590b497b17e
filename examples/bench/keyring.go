package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// keyring is a vault with its key store on disk and nothing to copy.
type keyring struct {
	keys  *sqlite.Keys
	kek   tink.AEADWithContext
	vault *crypto.Vault
}

const benchOrg = "00DDp000000J5TeMAK"

func openKeyring(ctx context.Context, dir string) (k *keyring, err error) {
	k = &keyring{}
	if k.keys, err = sqlite.OpenKeys(ctx, filepath.Join(dir, "keys", "keys.db")); err != nil {
		return nil, err
	}
	if k.kek, err = filekek.Open(filepath.Join(dir, "secret", "kek.json")); err == nil {
		k.vault, err = crypto.OpenVault(ctx, k.keys, k.kek, benchOrg)
	}
	if err != nil {
		return nil, errors.Join(err, k.keys.Close())
	}
	return k, nil
}

func (k *keyring) close() { k.vault.Close(); k.keys.Close() }

// wants are of n records of contacts, from a number on.
func wants(from, n int) []crypto.Want {
	list := make([]crypto.Want, n)
	for i := range list {
		list[i].Record = crypto.Link{Object: "Contact", Record: recordID(from + i)}
	}
	return list
}

// persons makes n persons, a thousand to a batch as the engine does, and calls
// each with every batch.
func (k *keyring) persons(ctx context.Context, n int, each func(b *crypto.Batch, from int, s []crypto.Subject) error) error {
	for from := 0; from < n; from += perTransaction {
		batch, err := k.vault.Sealer().Begin(ctx)
		if err != nil {
			return err
		}
		subjects, err := batch.Subjects(ctx, wants(from, min(perTransaction, n-from)))
		if err == nil {
			err = each(batch, from, subjects)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// vaultRows are what is measured without an org, and once more in FIPS mode.
func (b *bench) vaultRows() []measurement {
	return []measurement{{"seal", b.seal}, {"persons", b.persons}, {"rewrap", b.rewrap}}
}

// fips measures the same in a process in FIPS mode.
func (b *bench) fips(ctx context.Context) (lines []line, err error) {
	cmd, err := self(ctx, "-scale", fmt.Sprint(b.scale), "-as", "vault")
	if err != nil {
		return nil, err
	}
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=on")
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.New("the process in FIPS mode failed; what it says stands above")
	}
	err = json.Unmarshal(out, &lines)
	for i := range lines {
		lines[i].What += ", fips140=on"
		lines[i].Note = "" // as without
	}
	return lines, err
}

// vaultAlone is that process: it measures, and prints the lines.
func (b *bench) vaultAlone(ctx context.Context, out io.Writer) (err error) {
	if b.dir, err = os.MkdirTemp("", "sfsync-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	var lines []line
	for _, m := range b.vaultRows() {
		more, err := m.take(ctx)
		if err != nil {
			return err
		}
		lines = append(lines, more...)
	}
	return json.NewEncoder(out).Encode(lines)
}
