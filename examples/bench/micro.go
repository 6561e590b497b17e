package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/internal/avro"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// sample is an event with the schema it is written in.
type sample struct{ schema, payload []byte }

// decode measures decoding and projection of change events, beside a scan that
// only finds the end of the event.
func (b *bench) decode(ctx context.Context) ([]line, error) {
	what := "decode and project a captured Account event of some 85 fields, 8 kept"
	table, events, err := captured()
	if errors.Is(err, os.ErrNotExist) {
		what = "decode and project a Contact event that the test org minted, 9 fields kept"
		table, events, err = b.minted(ctx)
	}
	if err != nil {
		return nil, err
	}
	ours, err := each(events, func(schema []byte) (func([]byte) error, error) {
		p, err := table.Events(schema)
		change := minimize.NewChange()
		return func(payload []byte) error { return p.Decode(change, payload) }, err
	})
	if err != nil {
		return nil, err
	}
	bare, err := each(events, func(schema []byte) (func([]byte) error, error) {
		s, err := avro.Parse(schema)
		if err != nil {
			return nil, err
		}
		program, err := s.Compile(nil)
		var record avro.Record
		return func(payload []byte) error { return program.Scan(&record, payload) }, err
	})
	if err != nil {
		return nil, err
	}
	return []line{{what, fmt.Sprintf("%v, %.0f allocations", ours.time, ours.allocs), fmt.Sprintf("%v to skip all of it", bare.time),
		percent(float64(ours.time), float64(bare.time)), "600ns, 0 allocations"}}, nil
}

// each decodes the events in turn.
func each(events []sample, compile func(schema []byte) (func([]byte) error, error)) (cost, error) {
	decode := make([]func([]byte) error, len(events))
	for i, e := range events {
		var err error
		if decode[i], err = compile(e.schema); err != nil {
			return cost{}, err
		}
	}
	next := 0
	return costOf(func() error {
		i := next % len(events)
		next++
		return decode[i](events[i].payload)
	})
}

// cost is that of one call: processor time, which other programs on the machine
// do not change much, and allocations.
type cost struct {
	time   time.Duration
	allocs float64
}

// costOf measures calls for about half a second.
func costOf(call func() error) (c cost, err error) {
	c.allocs = testing.AllocsPerRun(100, func() { err = errors.Join(err, call()) })
	var taken time.Duration
	for n := 1000; err == nil && taken < 500*time.Millisecond; n *= 2 {
		start := cpuTime()
		for range n {
			if err = call(); err != nil {
				return c, err
			}
		}
		taken = cpuTime() - start
		c.time = taken / time.Duration(n)
	}
	return c, err
}

// captured are the events of a real org that lie beside the checkout, or
// os.ErrNotExist.
func captured() (*minimize.Table, []sample, error) {
	dir, err := filepath.Abs(".")
	if err != nil {
		return nil, nil, err
	}
	for !exists(filepath.Join(dir, "go.mod")) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
	}
	dir = filepath.Join(dir, "..", "shared", "data")
	text, err := os.ReadFile(filepath.Join(dir, "golden_cdc_vectors.json"))
	if err != nil {
		return nil, nil, err
	}
	var vectors []struct {
		SchemaFile string
		Payload    []byte `json:"payloadBase64"`
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		return nil, nil, err
	}
	var events []sample
	for _, v := range vectors {
		schema, err := os.ReadFile(filepath.Join(dir, "captured-events", v.SchemaFile))
		if err != nil {
			return nil, nil, err
		}
		events = append(events, sample{schema, v.Payload})
	}
	describe, err := os.ReadFile(filepath.Join(dir, "captured-rest", "Account_describe.json"))
	if err != nil {
		return nil, nil, err
	}
	policy := minimize.Policy{Version: 1, Purposes: map[string]string{"billing": "send an invoice"}, Objects: map[string]minimize.Object{"Account": {
		Purpose: []string{"billing"}, Person: []string{"Id"},
		Plain:    map[string]minimize.Field{"OwnerId": {}, "LastModifiedDate": {}, "CleanStatus": {}, "AnnualRevenue": {}},
		Personal: map[string]minimize.Field{"Name": {}, "Phone": {}, "ShippingStreet": {}, "BillingCity": {}},
	}}}
	table, err := policy.Compile("Account", describe)
	return table, events, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// minted are events of the test org.
func (b *bench) minted(ctx context.Context) (*minimize.Table, []sample, error) {
	if _, err := b.people(100); err != nil {
		return nil, nil, err
	}
	client, err := b.client()
	if err != nil {
		return nil, nil, err
	}
	defer client.Close()
	table, err := compiled(ctx, client)
	if err != nil {
		return nil, nil, err
	}
	if err := b.flood(1, 5, 1<<20); err != nil {
		return nil, nil, err
	}
	bus := pubsub.New(client, pubsub.Options{})
	for d, err := range bus.Subscribe(ctx, topicOf("Contact"), pubsub.Latest()) {
		if err != nil {
			return nil, nil, err
		}
		var events []sample
		for _, e := range d.Events[:min(5, len(d.Events))] {
			schema, err := bus.Schema(ctx, e.SchemaID)
			if err != nil {
				return nil, nil, err
			}
			events = append(events, sample{schema, e.Payload})
		}
		if len(events) > 0 {
			return table, events, b.calm()
		}
	}
	return nil, nil, ctx.Err()
}

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
	return []line{{"seal a record of 8 fields of 24 bytes", fmt.Sprint(ours.time), fmt.Sprintf("%v by Tink's AEAD, a call a field", bare.time),
		percent(float64(ours.time), float64(bare.time)), "2µs"}}, nil
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
	primitive, err := aead.New(handle)
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
