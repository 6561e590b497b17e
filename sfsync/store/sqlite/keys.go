package sqlite

import (
	"context"
	_ "embed"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

//go:embed keys_0001.sql
var keysStep1 string

//go:embed keys_0002.sql
var keysStep2 string

//go:embed keys_0003.sql
var keysStep3 string

//go:embed keys_0004.sql
var keysStep4 string

//go:embed keys_0005.sql
var keysStep5 string

// Keys is the database of persons and their wrapped keys. It is a type of its
// own, so that rows and keys cannot be exchanged by mistake. It is safe for
// concurrent use, and several processes may have it open.
//
// Without the key-encryption key it opens nothing. It tells which records
// belong to the same person, and when a person was first seen.
type Keys struct {
	path string

	mu sync.Mutex
	c  *conn // the only one of this process, so that none of ours holds up a truncating checkpoint

	root   crypto.Root
	rootAt state
}

// OpenKeys opens the keys database, and creates it where there is none (0600,
// a new directory 0700). Keep it apart from the rows, with shorter-lived
// backups: a key that was destroyed lives on in every backup of this file.
func OpenKeys(ctx context.Context, path string) (*Keys, error) {
	c, err := connect(ctx, path, kind{keysID, []string{keysStep1, keysStep2, keysStep3, keysStep4, keysStep5}, keysCache})
	if err != nil {
		return nil, err
	}
	return &Keys{path: path, c: c}, nil
}

// Path is the path it was opened with.
func (k *Keys) Path() string { return k.path }

// Close closes the database. Calls after it fail. Closing twice is no error.
func (k *Keys) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.c.Close()
}

// written counts a transaction on which rows may come to rest.
func (k *Keys) written() error {
	_, err := k.c.run(`UPDATE root SET writes = writes + 1`)
	return err
}

// erased notes that others may know what the transaction deleted, and that its
// bytes may be in the log.
func (k *Keys) erased() error {
	_, err := k.c.run(`UPDATE root SET forgets = forgets + 1, wipe = 1`)
	return err
}

// wipe empties the log if what was deleted may be in it. It fails with
// fault.StoreBusy while another process reads for longer than wait; the next call
// that deletes, and Link, try again.
func (k *Keys) wipe(ctx context.Context, wait time.Duration) error {
	due, err := k.c.number(`SELECT wipe FROM root`)
	if err != nil || due == 0 {
		return k.c.failed(ctx, err)
	}
	if err := k.c.truncate(ctx, wait); err != nil {
		return err
	}
	return k.c.write(ctx, func() error {
		_, err := k.c.run(`UPDATE root SET wipe = 0`)
		return err
	})
}

// Root implements crypto.KeyStore. Every batch and reveal asks for it, so it is
// read again only if somebody has written: another connection, which changes the
// data version, or this one.
func (k *Keys) Root(ctx context.Context) (root crypto.Root, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.c.SetInterrupt(ctx)
	version, err := k.c.number(`PRAGMA data_version`)
	if err != nil {
		return root, k.c.failed(ctx, err)
	}
	at := state{version, k.c.TotalChanges()}
	if k.root.Org != "" && k.rootAt == at {
		return k.root, nil
	}
	if root, err = k.readRoot(ctx); err == nil {
		k.root, k.rootAt = root, at
	}
	return root, err
}

// state is what a connection sees of a database: it is another after each change.
type state struct{ others, own int64 }

func (k *Keys) readRoot(ctx context.Context) (root crypto.Root, err error) {
	err = k.c.read(ctx, func() error {
		err := k.c.each(`SELECT org, forgets, writes FROM root`, nil, func(s *sqlite3.Stmt) error {
			root.Org, root.Forgets, root.Writes = s.ColumnText(0), s.ColumnInt64(1), s.ColumnInt64(2)
			return nil
		})
		if err != nil {
			return err
		}
		root.Keysets, err = k.keysets()
		return err
	})
	return root, err
}

func (k *Keys) keysets() (keysets []crypto.Keyset, err error) {
	err = k.c.each(`SELECT use, version, state, sealed, proof, created, retired, destroyed, wraps, uri FROM keyset ORDER BY use, version`, nil,
		func(s *sqlite3.Stmt) error {
			keysets = append(keysets, crypto.Keyset{
				Use: s.ColumnText(0), Version: s.ColumnInt(1), State: crypto.KeysetState(s.ColumnText(2)),
				Sealed: s.ColumnBlob(3, nil), Proof: s.ColumnBlob(4, nil), Created: s.ColumnInt64(5),
				Retired: s.ColumnInt64(6), Destroyed: s.ColumnInt64(7), Wraps: s.ColumnInt64(8), URI: s.ColumnText(9)})
			return nil
		})
	return keysets, err
}

// Add implements crypto.KeyStore.
func (k *Keys) Add(ctx context.Context, a crypto.Addition) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.c.write(ctx, func() error {
		if err := k.found(a); err != nil {
			return err
		}
		for _, key := range a.Keys {
			if err := k.generation(key); err != nil {
				return err
			}
		}
		for _, n := range a.Seals {
			if _, err := k.c.run(`UPDATE person_key SET seals = seals + ?1 WHERE person = ?2 AND id = ?3`,
				n.Count, n.Person[:], int64(n.Key)); err != nil {
				return err
			}
		}
		return nil
	})
}

// generation adds one to those that a person has.
func (k *Keys) generation(key crypto.PersonKey) error {
	if err := k.wraps(key.Branch, 1); err != nil {
		return err
	}
	n, err := k.c.run(`INSERT INTO person_key (person, generation, id, branch, wrapped, seals, created)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM person_key WHERE person = ?1)
		ON CONFLICT DO NOTHING`,
		key.Person[:], key.Generation, int64(key.ID), key.Branch, key.Wrapped, key.Seals, key.Created)
	if err != nil || n == 0 {
		return err
	}
	if _, err := k.c.run(`UPDATE person_key SET retired = ?3 WHERE person = ?1 AND generation < ?2 AND retired IS NULL`,
		key.Person[:], key.Generation, key.Created); err != nil {
		return err
	}
	_, err = k.c.run(`UPDATE root SET forgets = forgets + 1, writes = writes + 1`)
	return err
}

// found stores the org and the keysets of a new database.
func (k *Keys) found(a crypto.Addition) error {
	if a.Org != "" {
		if _, err := k.c.run(`INSERT INTO root (one, org) VALUES (1, ?) ON CONFLICT DO NOTHING`, a.Org); err != nil {
			return err
		}
		same, err := k.c.number(`SELECT org = ? FROM root`, a.Org)
		if err != nil {
			return err
		}
		if same == 0 {
			return fault.New(fault.WrongOrg, "sqlite.Keys", "the keys database belongs to another org; give the one of this org, or a path that is not taken")
		}
	}
	for _, s := range a.Keysets {
		if _, err := k.c.run(`INSERT INTO keyset (use, version, state, sealed, proof, created, uri) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO NOTHING`, s.Use, s.Version, string(s.State), s.Sealed, s.Proof, s.Created, s.URI); err != nil {
			return err
		}
	}
	return nil
}

// Keys implements crypto.KeyStore.
func (k *Keys) Keys(ctx context.Context, persons []crypto.Person, mint crypto.Mint) ([]crypto.Holder, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	holders := make([]crypto.Holder, len(persons))
	err := k.c.read(ctx, func() error {
		for i, p := range persons {
			keys, err := k.generations(p)
			if err != nil {
				return err
			}
			holders[i] = crypto.Holder{Person: p, Keys: keys}
			if len(keys) == 0 {
				stone, err := k.tombstone(mint, crypto.PersonTombstone, p[:])
				if err != nil {
					return err
				}
				holders[i].Forgotten = stone.kind != 0
			}
		}
		return nil
	})
	return holders, err
}

// generations reads a person's keys.
func (k *Keys) generations(p crypto.Person) (keys []crypto.PersonKey, err error) {
	s, err := k.c.stmt(`SELECT ` + personKey + ` FROM person_key WHERE person = ? ORDER BY generation`)
	if err != nil {
		return nil, err
	}
	defer s.Reset()
	if err := s.BindBlob(1, p[:]); err != nil {
		return nil, err
	}
	for s.Step() {
		keys = append(keys, columnKey(s))
	}
	return keys, s.Err()
}

// personKey are the columns that columnKey reads.
const personKey = `person, generation, id, branch, wrapped, seals, created, retired, destroyed`

func columnKey(s *sqlite3.Stmt) crypto.PersonKey {
	key := crypto.PersonKey{Generation: s.ColumnInt(1), ID: crypto.KeyID(s.ColumnInt64(2)), Branch: s.ColumnInt(3),
		Wrapped: s.ColumnBlob(4, nil), Seals: s.ColumnInt64(5), Created: s.ColumnInt64(6),
		Retired: s.ColumnInt64(7), Destroyed: s.ColumnInt64(8)}
	copy(key.Person[:], s.ColumnRawBlob(0))
	return key
}
