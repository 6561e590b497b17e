package crypto

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// ForgetLog is what was forgotten and taken back, in order. The keys database
// writes it, the rows database has a copy, and every entry is authenticated with
// the one before, so that of two databases, one of them put back from a backup,
// the log tells which is behind and what it lacks.
type ForgetLog interface {
	// ForgetHead is the last entry's, zero where there is none.
	ForgetHead(ctx context.Context) (ForgetHead, error)
	// ForgetEntries lists all entries in order. The error is Tampered where one
	// is malformed; whether they are authentic, only Vault.CheckForgets tells.
	ForgetEntries(ctx context.Context) ([]ForgetEntry, error)
}

// Replayer is a KeyStore with a ForgetLog, which gets back what it lost.
type Replayer interface {
	ForgetLog
	// Replay does what entries say that follow its own, and appends them: it
	// deletes keys, links, aliases and index entries of their persons, stores
	// their tombstones or removes those that were taken back, and raises the
	// forget counter. None of the deleted bytes are in the files when it
	// returns, nor, also without entries, what was deleted before. Conflict where
	// the first does not follow the last entry.
	Replay(ctx context.Context, entries []ForgetEntry) error
}

// ForgetEntry is one entry of the forget log.
type ForgetEntry struct {
	Seq  int64 // from 1, without a gap
	Time int64 // unix seconds
	Kind ForgetKind
	// Of is the forgetting that it is about: the Seq of its first entry. Below 0
	// it is one from before there was a log.
	Of      int64
	Persons []Person    // whose keys were destroyed
	Stones  []Tombstone // that were left, or taken away by a Released
	Mac     Digest      // authenticates all of it and the entry before
}

// ForgetKind is what an entry stands for. The values are stored.
type ForgetKind byte

const (
	// Forgot: persons were forgotten.
	Forgot ForgetKind = 'f'
	// ForgotToo: a record came to be about somebody forgotten, and is part of it.
	ForgotToo ForgetKind = 't'
	// Lifted: all tombstones of the forgetting were taken away.
	Lifted ForgetKind = 'l'
	// Released: addresses hold nobody any more.
	Released ForgetKind = 'r'
)

// Tombstone is a digest and what it is of.
type Tombstone struct {
	Kind   TombstoneKind
	Digest Digest
}

// forgetVersion begins the body of every entry.
const forgetVersion = 1

// Body is the entry without its authenticator: version, kind, the numbers as
// variable-length integers (encoding/binary), then persons and tombstones, each
// list after its length. It is what is stored and authenticated.
func (e ForgetEntry) Body() []byte {
	b := []byte{forgetVersion, byte(e.Kind)}
	for _, n := range []int64{e.Seq, e.Time, e.Of, int64(len(e.Persons))} {
		b = binary.AppendVarint(b, n)
	}
	for _, p := range e.Persons {
		b = append(b, p[:]...)
	}
	b = binary.AppendVarint(b, int64(len(e.Stones)))
	for _, s := range e.Stones {
		b = append(append(b, byte(s.Kind)), s.Digest[:]...)
	}
	return b
}

// ParseForgetEntry reads a Body; the entry has no Mac. It takes nothing but what
// Body writes. The error is Tampered.
func ParseForgetEntry(body []byte) (e ForgetEntry, err error) {
	r := bytes.NewReader(body)
	version, _ := r.ReadByte()
	kind, _ := r.ReadByte()
	e.Kind = ForgetKind(kind)
	for _, n := range []*int64{&e.Seq, &e.Time, &e.Of} {
		*n, _ = binary.ReadVarint(r)
	}
	for range count(r, len(Person{})) {
		var p Person
		r.Read(p[:])
		e.Persons = append(e.Persons, p)
	}
	for range count(r, 1+len(Digest{})) {
		var s Tombstone
		k, _ := r.ReadByte()
		s.Kind = TombstoneKind(k)
		r.Read(s.Digest[:])
		e.Stones = append(e.Stones, s)
	}
	if version != forgetVersion || !strings.ContainsRune("ftlr", rune(kind)) || e.Seq < 1 || !bytes.Equal(e.Body(), body) {
		return ForgetEntry{}, errForgets()
	}
	return e, nil
}

// count reads the length of a list, which cannot have more parts than there are
// bytes.
func count(r *bytes.Reader, size int) int64 {
	n, _ := binary.ReadVarint(r)
	return max(0, min(n, int64(r.Len()/size)))
}

func errForgets() error {
	return fault.New(fault.Tampered, "crypto.ForgetLog",
		"an entry of the forget log was changed, added or removed; keep both files as evidence, put back backups from before, and forget again who was forgotten since")
}

// ForgetHead names the last entry of a forget log. It tells how often somebody
// was forgotten, and of nobody who.
type ForgetHead struct {
	Seq int64
	Mac Digest
}

const headPrefix = "sfsync-forget-head/1 "

// String is the head as one line, without the end of it.
func (h ForgetHead) String() string {
	return fmt.Sprintf("%s%d %s", headPrefix, h.Seq, hex.EncodeToString(h.Mac[:]))
}

// ParseForgetHead reads what String wrote. The error is FormatUnknown.
func ParseForgetHead(line string) (h ForgetHead, err error) {
	rest, _ := strings.CutPrefix(line, headPrefix)
	seq, mac, _ := strings.Cut(rest, " ")
	h.Seq, _ = strconv.ParseInt(seq, 10, 64)
	raw, _ := hex.DecodeString(mac)
	copy(h.Mac[:], raw)
	if h.String() != line || h.Seq < 0 {
		return ForgetHead{}, fault.New(fault.FormatUnknown, "crypto.ParseForgetHead", "the line is no head of a forget log; give one that was saved, unchanged")
	}
	return h, nil
}

// Head names the entry.
func (e ForgetEntry) Head() ForgetHead { return ForgetHead{e.Seq, e.Mac} }

// CheckForgets sees that these are the first entries of the org's forget log, all
// of them and unchanged. The error is Tampered.
func (v *Vault) CheckForgets(entries []ForgetEntry) error {
	m, previous := &mint{vault: v}, Digest{}
	for i, e := range entries {
		if e.Seq != int64(i)+1 || e.Mac != m.Authenticate(previous, e.Body()) {
			return errForgets()
		}
		previous = e.Mac
	}
	return nil
}

// Replay brings a keys database that was put back from a backup to where the
// forget log of the rows database is: see [Replayer]. The entries must have been
// checked.
func (v *Vault) Replay(ctx context.Context, entries []ForgetEntry) error {
	r, ok := v.keys.(Replayer)
	if !ok {
		return fault.New(fault.ConfigInvalid, "crypto.Replay", "the key store has no forget log; use one that is a crypto.Replayer")
	}
	err := r.Replay(ctx, entries)
	v.memory.forget()
	return err
}
