// Package filekek keeps a key-encryption key in a file, for a first start and
// for machines without a key service.
//
// The rule it keeps: the file is made once and never again. Where it is missing
// and the keys database has keysets, that is a fault and no reason for another
// key, which would open nothing.
//
//	kek, err := filekek.Open("keys/kek.json")
//
// The file is a Tink keyset in JSON, not encrypted, that tinkey reads. The
// enabled keys open; the primary one seals.
//
// # Security
//
// It protects a stolen database only. Who can read the file and the keys
// database has every key. That is why the file must be the user's own, readable
// by nobody else (0600), in a directory that nobody else writes to, and not in
// that of a database, whose backups would take it along: [Colocated] accepts
// that for a reason, and the vault then reports it as an exposure.
package filekek

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/internal/gcm"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Key is a key-encryption key in a file. It is safe for concurrent use, and
// printing it shows no key.
type Key struct {
	path   string
	reason string // why it may lie beside a database, or ""

	mu   sync.Mutex
	ring gcm.Ring // empty until there is a file
}

var (
	_ tink.AEADWithContext = (*Key)(nil)
	_ crypto.Placed        = (*Key)(nil)
)

// Option changes what Open accepts.
type Option func(*Key)

// Colocated accepts that the file lies in the directory of a database, where
// whoever takes one takes both. The reason is shown in reports.
func Colocated(reason string) Option { return func(k *Key) { k.reason = reason } }

// Open reads the file. One that is missing is made when the first keyset is
// encrypted with it, which happens for a new keys database only.
func Open(path string, options ...Option) (*Key, error) {
	k := &Key{path: path}
	for _, o := range options {
		o(k)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, err := k.load(); err != nil {
		return nil, err
	}
	return k, nil
}

// EncryptWithContext seals with the primary key. Without a file it makes one.
func (k *Key) EncryptWithContext(ctx context.Context, plaintext, associated []byte) ([]byte, error) {
	ring, err := k.keys(ctx, true)
	if err != nil {
		return nil, err
	}
	return ring.Seal(nil, plaintext, associated), nil
}

// DecryptWithContext opens what the file's keys sealed. Its error is
// KeyUnavailable where they did not, and where there is no file.
func (k *Key) DecryptWithContext(ctx context.Context, ciphertext, associated []byte) ([]byte, error) {
	ring, err := k.keys(ctx, false)
	if err != nil {
		return nil, err
	}
	plaintext, err := ring.Open(nil, ciphertext, associated)
	if err != nil {
		return nil, fault.New(fault.KeyUnavailable, "filekek.Decrypt",
			"the key file does not open the keys database; give the file that the database was made with")
	}
	return plaintext, nil
}

func (k *Key) keys(ctx context.Context, create bool) (gcm.Ring, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.Wrap(err, fault.Canceled, "filekek.Key", "the call was given up")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ring != nil {
		return k.ring, nil
	}
	found, err := k.load() // it may have been put back, or made by another process
	if !found && err == nil {
		if !create {
			return nil, fault.New(fault.KeyUnavailable, "filekek.Decrypt",
				"the key file is missing and the keys database was made with it; restore the file from its backup, as another key opens nothing")
		}
		if err = k.create(); err == nil {
			_, err = k.load()
		}
	}
	return k.ring, err
}

// load reads the file if there is one.
func (k *Key) load() (found bool, err error) {
	f, err := os.Open(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, unreadable(err)
	}
	defer f.Close()
	if err := check(f, k.path); err != nil {
		return true, err
	}
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(f))
	if err != nil {
		return true, fault.New(fault.FormatUnknown, "filekek.Open", "the key file is not a Tink keyset in JSON; restore it from its backup")
	}
	k.ring, err = gcm.FromHandle(h)
	return true, err
}

func unreadable(err error) error {
	return fault.Wrap(err, fault.ConfigInvalid, "filekek.Open", "the key file cannot be read; check its path, owner and mode")
}

// check looks at the opened file, so that no other can be put in its place
// between check and use.
func check(f *os.File, path string) error {
	info, err := f.Stat()
	if err != nil {
		return unreadable(err)
	}
	if !info.Mode().IsRegular() {
		return fault.New(fault.ConfigInvalid, "filekek.Open", "the key file is not a regular file; give the path of the file")
	}
	if err := private(info); err != nil {
		return err
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return unreadable(err)
	}
	return unshared(dir)
}

// create writes a new key under another name and then links it to its own: the
// file is there whole or not at all, and one that is there is never replaced.
func (k *Key) create() error {
	dir := filepath.Dir(k.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return uncreated(err)
	}
	var text bytes.Buffer
	h, err := gcm.Generate()
	if err == nil {
		err = insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&text))
	}
	if err != nil {
		return fault.Wrap(err, fault.Internal, "filekek.Create", "Tink could not write a key; report this")
	}
	defer clear(text.Bytes())
	f, err := os.CreateTemp(dir, ".kek-*") // 0600
	if err != nil {
		return uncreated(err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text.Bytes())
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return uncreated(err)
	}
	if err := os.Link(f.Name(), k.path); err != nil && !errors.Is(err, fs.ErrExist) {
		return uncreated(err)
	}
	return uncreated(syncDir(dir))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func uncreated(err error) error {
	return fault.Wrap(err, fault.ConfigInvalid, "filekek.Create", "the key file cannot be made; check that its directory can be written and has space")
}

// Beside implements crypto.Placed.
func (k *Key) Beside(database string) (exposure string, err error) {
	if !sameDir(filepath.Dir(k.path), filepath.Dir(database)) {
		return "the key-encryption key is a file on this machine: it protects a stolen database, not a stolen machine", nil
	}
	if k.reason == "" {
		return "", fault.New(fault.ConfigInvalid, "filekek.Open",
			"the key file lies in the directory of a database; keep it elsewhere, or accept that with filekek.Colocated and a reason")
	}
	return "the key-encryption key is a file beside the database " + filepath.Base(database) + ", accepted because: " + k.reason, nil
}

// sameDir compares the directories themselves, as links and relative paths
// have many names for one. What does not exist yet is compared by name.
func sameDir(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return os.SameFile(infoA, infoB)
	}
	a, errA = filepath.Abs(a)
	b, errB = filepath.Abs(b)
	return errA == nil && errB == nil && a == b
}
