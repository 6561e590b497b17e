package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Hash is the SHA-256 of an entry and all before it. As text it is hex.
type Hash [sha256.Size]byte

// String is the hash in hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText is the hash in hex.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads 64 hex digits.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) == hex.EncodedLen(len(h)) {
		if _, err := hex.Decode(h[:], text); err == nil {
			return nil
		}
	}
	return fault.New(fault.LedgerBroken, "audit.Hash", "the hash is not 64 hex digits; export the ledger again")
}

// Head is where a ledger ends. The zero Head is that of an empty one.
type Head struct {
	Seq  int64 `json:"seq"` // number of entries
	Hash Hash  `json:"hash"`
}

// Stored is an entry in its place.
type Stored struct {
	Seq   int64 `json:"seq"` // from 1
	Entry Entry `json:"entry"`
	Hash  Hash  `json:"hash"`
}

// Head is the ledger's head just after the entry.
func (s Stored) Head() Head { return Head{s.Seq, s.Hash} }

const chainLabel = "sfsync/audit/chain/v1\x00"

// Chain puts an entry after a head. A store calls it inside the transaction
// that writes the entry, with the head it read there.
func Chain(head Head, e Entry) Stored {
	seq := head.Seq + 1
	b := make([]byte, 0, 512)
	b = append(b, chainLabel...)
	b = append(b, head.Hash[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(seq))
	b = append(b, e.Canonical()...)
	return Stored{Seq: seq, Entry: e, Hash: sha256.Sum256(b)}
}

// Verify reads a whole log and checks that it is one unbroken chain on which
// each noted head lies: heads that an earlier Verify returned and that were
// kept elsewhere. It returns the last head that holds. When the chain breaks,
// the error is a fault.LedgerBroken whose line is the Seq of the first bad
// entry, which is also its line in an export.
func Verify(ctx context.Context, log Log, noted ...Head) (Head, error) {
	var head Head
	for s, err := range log.Entries(ctx, 0) {
		if err != nil {
			return head, err
		}
		next := Chain(head, s.Entry).Head()
		if s.Head() != next || !agrees(next, noted) {
			return head, fault.New(fault.LedgerBroken, "audit.Verify",
				"this entry was changed, moved, or follows one that was removed; keep the file as evidence and find out who could write it").At(int(next.Seq), 1)
		}
		head = next
	}
	for _, n := range noted {
		if n.Seq > head.Seq {
			return head, fault.New(fault.LedgerBroken, "audit.Verify",
				"entries that were there are missing at the end; keep the file as evidence and find out who could write it").At(int(head.Seq)+1, 1)
		}
	}
	return head, nil
}

func agrees(head Head, noted []Head) bool {
	for _, n := range noted {
		if n.Seq == head.Seq && n.Hash != head.Hash {
			return false
		}
	}
	return true
}
