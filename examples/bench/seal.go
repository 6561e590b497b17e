package main

import (
	"context"
	"crypto/fips140"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
)

var (
	sealedNames = [...]string{"FirstName", "LastName", "Email", "MobilePhone", "MailingStreet", "MailingCity", "MailingPostalCode", "Title"}
	sealedText  = []byte("1234 Juniper Street, 4th")
)

// customers are persons with a sealed record each: more of them than memory
// keeps keys of.
type customers struct {
	*keyring
	opener   *crypto.Opener
	subjects []crypto.Subject
	records  [][]crypto.Sealed
	dst      []byte
	next     int // the customer whose turn it is
}

// unrecorded lets everything be opened: what a ledger costs is no cost of the vault.
type unrecorded struct{}

func (unrecorded) Record(context.Context, crypto.Use) error { return nil }

func newCustomers(ctx context.Context, dir string, n int) (*customers, error) {
	k, err := openKeyring(ctx, dir)
	if err != nil {
		return nil, err
	}
	c := &customers{keyring: k, dst: make([]byte, 0, 4096)}
	if c.opener, err = k.vault.Opener(unrecorded{}); err != nil {
		return nil, err
	}
	return c, k.persons(ctx, n, func(b *crypto.Batch, from int, subjects []crypto.Subject) error {
		c.subjects = append(c.subjects, subjects...)
		for i, s := range subjects {
			var record []crypto.Sealed
			for _, name := range sealedNames {
				f := crypto.Field{Object: "Contact", Record: recordID(from + i), Name: name, Type: 1}
				bytes, err := b.Seal(nil, s, f, false, sealedText)
				if err != nil {
					return err
				}
				record = append(record, crypto.Sealed{Person: s.Person(), Field: f, Bytes: bytes})
			}
			c.records = append(c.records, record)
		}
		return nil
	})
}

// sealOne seals the fields of a record.
func (c *customers) sealOne(b *crypto.Batch, s crypto.Subject, record []crypto.Sealed) (err error) {
	c.dst = c.dst[:0]
	for _, v := range record {
		if c.dst, err = b.Seal(c.dst, s, v.Field, false, sealedText); err != nil {
			return err
		}
	}
	return nil
}

// sealCold is a batch of records of the customers whose turn it is, whose keys
// have left the memory since their last.
func (c *customers) sealCold(ctx context.Context, size int) error {
	b, err := c.vault.Sealer().Begin(ctx)
	if err != nil {
		return err
	}
	from := c.next
	c.next = (c.next + size) % (len(c.records) - size + 1)
	subjects, err := b.Subjects(ctx, wants(from, size))
	for i, s := range subjects {
		if err == nil {
			err = c.sealOne(b, s, c.records[from+i])
		}
	}
	return err
}

func (c *customers) open(ctx context.Context, i int) error {
	use := crypto.Use{Actor: "bench", Object: "Contact", Record: c.records[i][0].Field.Record, Fields: sealedNames[:]}
	_, err := c.opener.Open(ctx, use, c.records[i]...)
	return err
}

// openCold opens the record of the customer whose turn it is.
func (c *customers) openCold(ctx context.Context) error {
	c.next = (c.next + 1) % len(c.records)
	return c.open(ctx, c.next)
}

// seal measures sealing and opening a record of eight fields, with the person's
// key in memory and without, beside Tink's own primitive on texts and associated
// data of the same length, and its envelope encryption, which makes a key for
// each field.
func (b *bench) seal(ctx context.Context) ([]line, error) {
	c, err := newCustomers(ctx, b.place("seal"), b.size(50_000))
	if err != nil {
		return nil, err
	}
	defer c.close()
	batch, err := c.vault.Sealer().Begin(ctx)
	if err != nil {
		return nil, err
	}
	tinks, err := b.tinkAlone(ctx, c.kek)
	if err != nil {
		return nil, err
	}
	m, err := c.remembered(ctx)
	if err != nil {
		return nil, err
	}
	defer m.vault.Close()
	size := min(perTransaction, len(c.records))
	var lines []line
	for _, m := range []struct {
		what, goal, note string
		per              int // records a call
		call             func() error
		bare, envelope   cost
	}{
		{"seal a record of 8 fields", "2µs, 1 allocation", "texts of 24 bytes, the person's key in memory", 1,
			func() error { return c.sealOne(batch, c.subjects[0], c.records[0]) }, tinks[0], tinks[1]},
		{"seal a record of 8 fields, cold", "3.5µs, 5 allocations", fmt.Sprintf("each of another person, whose key is unwrapped, %d to a batch; the key store costs a look into a map", size), size,
			func() error { return m.sealCold(ctx, size) }, tinks[0], tinks[1]},
		{"seal a record of 8 fields, cold, from SQLite", "", "the same, from a database on disk", size,
			func() error { return c.sealCold(ctx, size) }, tinks[0], tinks[1]},
		{"open a record of 8 fields", "2µs, 1 allocation", "one call, as a reveal makes; without the ledger; the person's key in memory", 1,
			func() error { return c.open(ctx, 0) }, tinks[2], tinks[3]},
		{"open a record of 8 fields, cold", "3.5µs, 5 allocations", "each of another person, whose key is unwrapped, a call each; the key store costs a look into a map", 1,
			func() error { return m.openCold(ctx) }, tinks[2], tinks[3]},
		{"open a record of 8 fields, cold, from SQLite", "", "the same, from a database on disk", 1,
			func() error { return c.openCold(ctx) }, tinks[2], tinks[3]},
	} {
		ours, err := b.costOf(m.per, m.call)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line{m.what, ours.String(), fmt.Sprintf("Tink's AEAD, 8 calls: %v; its KMSEnvelopeAEAD: %v", m.bare.time, m.envelope.time),
			percent(float64(ours.time), float64(m.bare.time)), m.goal, m.note})
	}
	return lines, nil
}

// tinkAlone measures Tink: sealing by its primitive and by its envelope
// encryption under a local key, then opening by both.
func (b *bench) tinkAlone(ctx context.Context, kek tink.AEADWithContext) (costs [4]cost, err error) {
	// In FIPS-only mode Tink's own cipher is refused when it is made.
	fips140.WithoutEnforcement(func() { costs, err = b.tinkCosts(ctx, kek) })
	return costs, err
}

func (b *bench) tinkCosts(ctx context.Context, kek tink.AEADWithContext) (costs [4]cost, err error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return costs, err
	}
	plain, err := aead.New(handle)
	if err != nil {
		return costs, err
	}
	envelope, err := aead.NewKMSEnvelopeAEADWithContext(aead.AES256GCMKeyTemplate(), kek)
	if err != nil {
		return costs, err
	}
	// 24 bytes padded to 32, and the place of a field: org, person, record, names.
	padded, place := make([]byte, 32), make([]byte, 100)
	for i, primitive := range []tink.AEADWithContext{crypto.WithoutContext(plain), envelope} {
		sealed, err := primitive.EncryptWithContext(ctx, padded, place)
		if err != nil {
			return costs, err
		}
		if costs[i], err = b.eightTimes(func() error { _, err := primitive.EncryptWithContext(ctx, padded, place); return err }); err != nil {
			return costs, err
		}
		if costs[2+i], err = b.eightTimes(func() error { _, err := primitive.DecryptWithContext(ctx, sealed, place); return err }); err != nil {
			return costs, err
		}
	}
	return costs, nil
}

func (b *bench) eightTimes(call func() error) (cost, error) {
	return b.costOf(1, func() error {
		for range sealedNames {
			if err := call(); err != nil {
				return err
			}
		}
		return nil
	})
}
