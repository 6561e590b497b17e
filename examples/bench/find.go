package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
)

func addressOf(i int) string { return fmt.Sprintf("greta.castillo.%d@example.com", i) }

// find measures who has an e-mail address, beside the same look-up in a table of
// as many rows that is not sealed.
func (b *bench) find(ctx context.Context) ([]line, error) {
	k, err := openKeyring(ctx, b.place("find"))
	if err != nil {
		return nil, err
	}
	defer k.close()
	n, searches := b.size(1_000_000), b.size(20_000)
	if err := k.index(ctx, n); err != nil {
		return nil, err
	}
	opener, err := k.vault.Opener(unrecorded{})
	if err != nil {
		return nil, err
	}
	start := time.Now()
	for range searches {
		found, err := opener.Find(ctx, crypto.NewSearch(crypto.EmailIndex, addressOf(rand.IntN(n))))
		if err != nil || len(found) != 1 {
			return nil, fmt.Errorf("%d were found of one person: %w", len(found), err)
		}
	}
	ours := time.Since(start) / time.Duration(searches)
	d := newDatabase(b.place("bare-find"))
	d.run(`CREATE TABLE entry (address TEXT PRIMARY KEY, n INTEGER, person TEXT)`)
	insert, ask := d.prepare(`INSERT INTO entry VALUES (?, ?, ?)`), d.prepare(`SELECT person FROM entry WHERE address = ?1 AND n < ?2`)
	d.transactions(n, func(i int) { d.do(insert, addressOf(i), 0, recordID(i)) })
	start = time.Now()
	for range searches {
		d.do(ask, addressOf(rand.IntN(n)), 1)
	}
	bare := time.Since(start) / time.Duration(searches)
	return []line{{"find by e-mail", ours.String() + " among " + thousands(n) + " persons", "a look-up by address, unsealed: " + bare.String(),
		percent(ours.Seconds(), bare.Seconds()), "1ms", "one address after the other, none twice in a row, database on disk; with -only find -scale 10 they are 10,000,000; values of Tink's KMSEnvelopeAEAD cannot be looked up"}}, d.close()
}

// index makes n persons and indexes an address of each.
func (k *keyring) index(ctx context.Context, n int) error {
	if err := k.vault.EnsureIndex(ctx, crypto.EmailIndex); err != nil {
		return err
	}
	var entries []crypto.Entry
	return k.persons(ctx, n, func(batch *crypto.Batch, from int, subjects []crypto.Subject) error {
		entries = entries[:0]
		for i, s := range subjects {
			f := crypto.Field{Object: "Contact", Record: recordID(from + i), Name: "Email", Type: 1}
			entries = batch.Entries(entries, s, f, crypto.EmailIndex, []byte(addressOf(from+i)))
		}
		_, err := k.vault.Index(ctx, entries)
		return err
	})
}

// asked is a key service that counts its calls, and when the first and the last
// were.
type asked struct {
	tink.AEADWithContext
	calls       atomic.Int64
	first, last atomic.Int64 // nanoseconds of the Unix clock
}

func (a *asked) EncryptWithContext(ctx context.Context, plain, data []byte) ([]byte, error) {
	a.count()
	return a.AEADWithContext.EncryptWithContext(ctx, plain, data)
}

func (a *asked) DecryptWithContext(ctx context.Context, sealed, data []byte) ([]byte, error) {
	a.count()
	return a.AEADWithContext.DecryptWithContext(ctx, sealed, data)
}

func (a *asked) count() {
	now := time.Now().UnixNano()
	a.first.CompareAndSwap(0, now)
	a.last.Store(now)
	a.calls.Add(1)
}

// kms counts the calls to the key service under full load, beside one for each
// value, as Tink's envelope encryption makes them.
func (b *bench) kms(ctx context.Context) ([]line, error) {
	c, err := newCustomers(ctx, b.place("kms"), 1)
	if err != nil {
		return nil, err
	}
	defer c.close()
	service := &asked{AEADWithContext: c.kek}
	vault, err := crypto.OpenVault(ctx, c.keys, service, benchOrg)
	if err != nil {
		return nil, err
	}
	defer vault.Close()
	service.first.Store(0)
	service.calls.Store(0)
	start, values := time.Now(), 0
	for long := time.Duration(float64(125*time.Second) * b.scale); values == 0 || time.Since(start) < long; {
		batch, err := vault.Sealer().Begin(ctx)
		if err != nil {
			return nil, err
		}
		subjects, err := batch.Subjects(ctx, wants(0, 1))
		if err != nil {
			return nil, err
		}
		for range perTransaction {
			if err := c.sealOne(batch, subjects[0], c.records[0]); err != nil {
				return nil, err
			}
			values += len(sealedNames)
		}
	}
	took, calls := time.Since(start), service.calls.Load()
	ours := fmt.Sprintf("%d in %v", calls, took.Round(time.Second))
	if span := time.Duration(service.last.Load() - service.first.Load()); calls > 1 {
		ours = fmt.Sprintf("%.0f an hour", float64(calls-1)/span.Hours())
	}
	each := float64(values) / took.Hours()
	return []line{{"calls to the key service", ours, "one for each value: " + thousands(int(each)) + " an hour", "", "60 an hour",
		fmt.Sprintf("%d calls in %v of sealing without a pause", calls, took.Round(time.Second))}}, nil
}
