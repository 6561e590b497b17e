package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sfsync/sfsync-go/sfsync"
)

const (
	forgottenRows   = 1000 // of each person who is forgotten
	forgottenPeople = 5
)

// forget measures forgetting a person with a thousand rows, beside deleting as
// many rows by their ids.
func (b *bench) forget(ctx context.Context) ([]line, error) {
	people, err := b.shop(ctx)
	if err != nil {
		return nil, err
	}
	r, err := open(ctx, b.place("shop"), "shop.yaml", b.org.getenv)
	if err != nil {
		return nil, err
	}
	took, err := b.forgotten(ctx, r)
	if err := errors.Join(err, r.close()); err != nil {
		return nil, err
	}
	d := newDatabase(b.place("bare-forget"))
	d.run(`PRAGMA secure_delete = ON`)
	d.fill("Order", people)
	s := d.prepare(`DELETE FROM sf_Order WHERE Id = ?1 AND seq < ?2`)
	limit := d.transactions(min(people, forgottenRows), func(i int) { d.do(s, recordID(i*max(1, people/forgottenRows)), 1) })
	return []line{{"forget a person of " + thousands(forgottenRows) + " rows", took.Round(time.Millisecond).String(),
		"deleting as many rows: " + limit.Elapsed.Round(100*time.Microsecond).String(), percent(took.Seconds(), limit.Elapsed.Seconds()), "",
		fmt.Sprintf("a Contact and its Orders, in a copy of %s people; the mean of %d persons; with Tink's KMSEnvelopeAEAD, whose values carry their keys, deleting is all there is", thousands(people), forgottenPeople)}}, d.close()
}

// forgotten is how long it takes on average to forget somebody.
func (b *bench) forgotten(ctx context.Context, r *replica) (took time.Duration, err error) {
	var ids []string
	for range forgottenPeople {
		var id string
		if err := b.org.Call("Org.Customer", forgottenRows-1, &id); err != nil {
			return 0, err
		}
		ids = append(ids, id)
	}
	if err := r.sync.CatchUp(ctx); err != nil {
		return 0, err
	}
	start := time.Now()
	for _, id := range ids {
		receipt, err := r.sync.Forget(ctx, sfsync.Who{Record: id}, "benchmark")
		if err != nil {
			return 0, err
		}
		if receipt.Rows != forgottenRows {
			return 0, fmt.Errorf("%d rows of a person were erased, and not %d", receipt.Rows, forgottenRows)
		}
	}
	return time.Since(start) / forgottenPeople, nil
}
