package sqlite

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
)

// Persons implements crypto.KeyStore.
func (k *Keys) Persons(ctx context.Context, p crypto.Person, record string) (persons []crypto.Person, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.c.read(ctx, func() error {
		if p.IsZero() {
			err := k.c.each(`SELECT person FROM link WHERE record = ?`, []any{record}, func(s *sqlite3.Stmt) (err error) {
				p, err = personAt(s, 0)
				return err
			})
			if err != nil || p.IsZero() {
				return err
			}
		}
		known, err := k.known(p)
		if err == nil && known {
			persons, err = k.same(p)
		}
		return err
	})
	return persons, err
}

// known reports whether a person has a key, an alias or a link. Of one without
// either of the former all links are searched: only damage leaves such a one.
func (k *Keys) known(p crypto.Person) (bool, error) {
	n, err := k.c.number(`SELECT EXISTS (SELECT 1 FROM person_key WHERE person = ?1) OR EXISTS (SELECT 1 FROM alias WHERE alias = ?1 OR person = ?1)
		OR EXISTS (SELECT 1 FROM link WHERE person = ?1)`, p[:])
	return n == 1, err
}

// same lists a person with all its aliases, and what it is an alias of.
func (k *Keys) same(p crypto.Person) (persons []crypto.Person, err error) {
	first := p
	err = k.c.each(`SELECT person FROM alias WHERE alias = ?`, []any{p[:]}, func(s *sqlite3.Stmt) (err error) {
		first, err = personAt(s, 0)
		return err
	})
	persons = []crypto.Person{first}
	if err == nil {
		err = k.c.each(`SELECT alias FROM alias WHERE person = ?`, []any{first[:]}, func(s *sqlite3.Stmt) error {
			alias, err := personAt(s, 0)
			persons = append(persons, alias)
			return err
		})
	}
	return persons, err
}

// personAt reads a column that must be a person.
func personAt(s *sqlite3.Stmt, column int) (p crypto.Person, err error) {
	b := s.ColumnRawBlob(column)
	if len(b) != len(p) {
		return p, sqlite3.CORRUPT
	}
	return crypto.Person(b), nil
}

// records lists those that are linked to a person now, by what they are to it.
// Its own is named by its key; after damage it may not be, and then all links
// are searched.
func (k *Keys) records(p crypto.Person) (map[crypto.TombstoneKind][]string, error) {
	about, err := k.column(`SELECT record FROM link WHERE person = ? AND own = 0`, p[:])
	if err != nil {
		return nil, err
	}
	named, err := k.c.number(`SELECT count(record) FROM person_key WHERE person = ?`, p[:])
	if err != nil {
		return nil, err
	}
	sql := `SELECT record FROM link WHERE person = ?1 AND own = 1`
	if named > 0 {
		sql += ` AND record IN (SELECT record FROM person_key WHERE person = ?1)`
	}
	own, err := k.column(sql, p[:])
	return map[crypto.TombstoneKind][]string{crypto.AboutTombstone: about, crypto.RecordTombstone: own}, err
}

func (k *Keys) column(sql string, args ...any) (list []string, err error) {
	err = k.c.each(sql, args, func(s *sqlite3.Stmt) error {
		list = append(list, s.ColumnText(0))
		return nil
	})
	return list, err
}
