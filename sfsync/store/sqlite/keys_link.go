package sqlite

import (
	"context"
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Link implements crypto.KeyStore. On two cores about 50,000 new persons a
// second go through it in batches of a thousand (BenchmarkKeysNew).
func (k *Keys) Link(ctx context.Context, wants []crypto.Want, mint crypto.Mint) ([]crypto.Holder, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	holders := make([]crypto.Holder, len(wants))
	var l *linking
	err := k.c.write(ctx, func() error {
		buried, err := k.c.number(`SELECT EXISTS (SELECT 1 FROM tombstone)`)
		if err != nil {
			return err
		}
		l = &linking{k: k, mint: mint, forgotten: buried == 1, seen: map[crypto.Person][]crypto.PersonKey{}, wraps: map[int]int64{}}
		before := k.c.TotalChanges()
		for i, w := range wants {
			l.moved = false
			if holders[i], err = l.holder(w); err != nil {
				return err
			}
			holders[i].Moved = l.moved
		}
		for branch, n := range l.wraps {
			if err := k.wraps(branch, n); err != nil {
				return err
			}
		}
		if k.c.TotalChanges() == before {
			return nil
		}
		return k.written()
	})
	switch {
	case err == nil && l.deleted:
		err = k.wipe(ctx, wipeWait)
	case err == nil: // what a call before could not empty; if neither can this one, it says nothing
		if err = k.wipe(ctx, 0); fault.CodeOf(err) == fault.StoreBusy {
			err = nil
		}
	}
	return holders, err
}

// linking is one transaction of Link.
type linking struct {
	k         *Keys
	mint      crypto.Mint
	forgotten bool // somebody is: records need a look at the tombstones
	seen      map[crypto.Person][]crypto.PersonKey
	wraps     map[int]int64 // new keys, by the branch keyset
	deleted   bool          // keys were: their bytes may be in the log
	moved     bool          // the link of the want's record did
}

// linked is a row of the table link.
type linked struct {
	person crypto.Person
	own    bool
}

func (l *linking) holder(w crypto.Want) (crypto.Holder, error) {
	away, err := l.away(w)
	if err != nil || away {
		return crypto.Holder{Forgotten: away}, err
	}
	target, own := w.Target()
	at, present, err := l.find(target.Record)
	if err != nil {
		return crypto.Holder{}, err
	}
	if !present || own && !at.own {
		stone, err := l.tombstone(target.Record)
		if err != nil || stone.kind != 0 {
			return crypto.Holder{Forgotten: stone.kind != 0}, errors.Join(err, l.follow(w.Record, stone))
		}
		if at, err = l.create(target, present); err != nil {
			return crypto.Holder{}, err
		}
	}
	if !own && !w.Record.IsZero() {
		if err := l.attach(w.Record, at.person); err != nil {
			return crypto.Holder{}, err
		}
	}
	return l.held(target.Record, at)
}

// away reports whether the record itself is kept away: a person's own whatever
// it names, one about a person until it names another record.
func (l *linking) away(w crypto.Want) (bool, error) {
	if w.Record.IsZero() {
		return false, nil
	}
	stone, err := l.tombstone(w.Record.Record)
	_, own := w.Target()
	return stone.kind == crypto.RecordTombstone || stone.kind != 0 && (own || !w.Named), err
}

func (l *linking) tombstone(record string) (tombstone, error) {
	if !l.forgotten {
		return tombstone{}, nil
	}
	return l.k.tombstone(l.mint, crypto.RecordTombstone, []byte(record))
}

// follow makes a record part of the forgetting that took its owner, with the
// person it has of its own.
func (l *linking) follow(record crypto.Link, owner tombstone) error {
	if record.IsZero() || owner.kind == 0 {
		return nil
	}
	f := &forgetting{k: l.k, mint: l.mint, number: owner.forget}
	at, present, err := l.find(record.Record)
	if err == nil {
		err = f.mark(crypto.AboutTombstone, l.mint.Digest(crypto.RecordTombstone, []byte(record.Record)))
	}
	if err == nil && present {
		_, err = l.k.c.run(`DELETE FROM link WHERE record = ?`, record.Record)
	}
	if err == nil && present && at.own {
		err = f.take(at.person)
	}
	if err == nil {
		err = f.enter(crypto.ForgotToo)
	}
	for _, p := range f.taken {
		delete(l.seen, p)
	}
	if l.deleted = l.deleted || len(f.taken) > 0; err == nil && present {
		err = l.k.erased() // others may know the link
	}
	return err
}

func (l *linking) find(record string) (at linked, present bool, err error) {
	s, err := l.k.c.stmt(`SELECT person, own FROM link WHERE record = ?`)
	if err != nil {
		return at, false, err
	}
	defer s.Reset()
	if err := s.BindText(1, record); err != nil {
		return at, false, err
	}
	if s.Step() {
		present = true
		copy(at.person[:], s.ColumnRawBlob(0))
		at.own = s.ColumnBool(1)
	}
	return at, present, s.Err()
}

// create makes a person of a record's own. The record's link, if it pointed to
// an owner's person, points to the new one then.
func (l *linking) create(own crypto.Link, replace bool) (linked, error) {
	key, err := l.mint.Key(crypto.Person{})
	if err == nil {
		err = l.insert(key, own.Record)
	}
	if err == nil {
		err = l.put(own, linked{key.Person, true}, replace)
	}
	if err == nil && replace {
		err = l.noteMove(own)
	}
	return linked{key.Person, true}, err
}

func (l *linking) insert(key crypto.PersonKey, record string) error {
	s, err := l.k.c.stmt(`INSERT INTO person_key (person, generation, id, branch, wrapped, seals, created, record) VALUES (?, ?, ?, ?, ?, 0, ?, ?)`)
	if err != nil {
		return err
	}
	l.seen[key.Person] = []crypto.PersonKey{key}
	l.wraps[key.Branch]++
	return exec(s, s.BindBlob(1, key.Person[:]), s.BindInt(2, key.Generation), s.BindInt64(3, int64(key.ID)),
		s.BindInt(4, key.Branch), s.BindBlob(5, key.Wrapped), s.BindInt64(6, key.Created), s.BindText(7, record))
}

// put points a record's link to a person.
func (l *linking) put(link crypto.Link, at linked, replace bool) error {
	sql := `INSERT INTO link (person, own, object, record) VALUES (?, ?, ?, ?)`
	if replace {
		sql = `UPDATE link SET person = ?, own = ?, object = ? WHERE record = ?`
	}
	s, err := l.k.c.stmt(sql)
	if err != nil {
		return err
	}
	return exec(s, s.BindBlob(1, at.person[:]), s.BindBool(2, at.own), s.BindText(3, link.Object), s.BindText(4, link.Record))
}

func exec(s *sqlite3.Stmt, bound ...error) error {
	for _, err := range bound {
		if err != nil {
			return err
		}
	}
	return s.Exec()
}

// attach links a record to its owner's person.
func (l *linking) attach(record crypto.Link, owner crypto.Person) error {
	at, present, err := l.find(record.Record)
	if err != nil || present && at.person == owner {
		return err
	}
	if present && at.own {
		err = l.merge(at.person, owner)
	} else if present {
		err = l.noteMove(record)
	}
	if err != nil {
		return err
	}
	return l.put(record, linked{owner, false}, present)
}

// merge makes one person an alias of another, with all that points to it.
func (l *linking) merge(from, to crypto.Person) error {
	for _, sql := range []string{
		`UPDATE link SET person = ?2 WHERE person = ?1 AND own = 0`,
		`UPDATE alias SET person = ?2 WHERE person = ?1`,
		`INSERT INTO alias (alias, person) VALUES (?1, ?2)`,
	} {
		if _, err := l.k.c.run(sql, from[:], to[:]); err != nil {
			return err
		}
	}
	return nil
}

// held returns the person of a link with its keys.
func (l *linking) held(record string, at linked) (crypto.Holder, error) {
	keys, ok := l.seen[at.person]
	if !ok {
		var err error
		if keys, err = l.k.generations(at.person); err != nil {
			return crypto.Holder{}, err
		}
		if len(keys) == 0 {
			return l.mend(record, at)
		}
		l.seen[at.person] = keys
	}
	return crypto.Holder{Person: at.person, Keys: keys}, nil
}

// mend gives a person whose keys are lost another one: what lay under the old
// ones is damaged and will be read again.
func (l *linking) mend(record string, at linked) (crypto.Holder, error) {
	stone, err := l.k.tombstone(l.mint, crypto.PersonTombstone, at.person[:])
	if err != nil || stone.kind != 0 {
		return crypto.Holder{Forgotten: stone.kind != 0}, err
	}
	key, err := l.mint.Key(at.person)
	if err == nil {
		err = l.insert(key, record)
	}
	if err == nil && !at.own { // which record is its own, only a search could tell
		_, err = l.k.c.run(`UPDATE person_key SET record = NULL WHERE person = ?`, at.person[:])
	}
	return crypto.Holder{Person: at.person, Keys: []crypto.PersonKey{key}}, err
}
