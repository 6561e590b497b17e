package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sfsync/sfsync-go/internal/avro"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
)

// sample is an event with the schema it is written in.
type sample struct{ schema, payload []byte }

// decode measures decoding and projection of change events, beside a scan that
// only finds the end of the event.
func (b *bench) decode(ctx context.Context) ([]line, error) {
	note := "captured Account events of some 85 fields, 8 kept"
	table, events, err := captured()
	if errors.Is(err, os.ErrNotExist) {
		note = "Contact events of the test org, as the captured ones are not beside the checkout; 9 fields kept"
		table, events, err = b.minted(ctx)
	}
	if err != nil {
		return nil, err
	}
	ours, err := b.each(events, func(schema []byte) (func([]byte) error, error) {
		p, err := table.Events(schema)
		change := minimize.NewChange()
		return func(payload []byte) error { return p.Decode(change, payload) }, err
	})
	if err != nil {
		return nil, err
	}
	bare, err := b.each(events, skipping)
	if err != nil {
		return nil, err
	}
	return []line{{"decode and project an event", ours.String(), fmt.Sprintf("finding its end: %v", bare.time),
		percent(float64(ours.time), float64(bare.time)), "600ns, 0 allocations", note}}, nil
}

// skipping is the bare limit of decoding: a scan that builds nothing.
func skipping(schema []byte) (func([]byte) error, error) {
	s, err := avro.Parse(schema)
	if err != nil {
		return nil, err
	}
	program, err := s.Compile(nil)
	var record avro.Record
	return func(payload []byte) error { return program.Scan(&record, payload) }, err
}

// each decodes the events in turn.
func (b *bench) each(events []sample, compile func(schema []byte) (func([]byte) error, error)) (cost, error) {
	decode := make([]func([]byte) error, len(events))
	for i, e := range events {
		var err error
		if decode[i], err = compile(e.schema); err != nil {
			return cost{}, err
		}
	}
	next := 0
	return b.costOf(1, func() error {
		i := next % len(events)
		next++
		return decode[i](events[i].payload)
	})
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
