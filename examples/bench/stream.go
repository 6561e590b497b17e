package main

import (
	"context"
	"fmt"
)

// stream measures events that end as durable rows, beside the same updates,
// unsealed, from a loop over two prepared statements.
func (b *bench) stream(ctx context.Context) ([]line, error) {
	people, err := b.shop(ctx)
	if err != nil {
		return nil, err
	}
	// More records than a transaction has events, or two events of one record
	// would become one row.
	records, n := min(people, 2_000), b.size(100_000)
	if err := b.flood(2, records, 1<<30); err != nil {
		return nil, err
	}
	r, err := open(ctx, b.place("shop"), "shop.yaml", b.org.getenv)
	if err != nil {
		return nil, err
	}
	w, err := r.apply(ctx, 2*n)
	r.close()
	if err != nil {
		return nil, err
	}
	limit, err := updated(b.place("bare-stream"), people, records, 2*n)
	if err != nil {
		return nil, err
	}
	return []line{{"Subscribe to durable SQLite", w.speed("events"), "unsealed, by prepared statements: " + limit.speed("rows"),
		percent(w.rate(), limit.rate()), "60%, 25,000 events/s",
		fmt.Sprintf("updates of 2 fields, half of them of Contacts, half of Orders, of %s records each all over tables of %s; known persons", thousands(records), thousands(people))}}, b.calm()
}

// shop makes sure of a copy of the whole shop, unless memory has made it.
func (b *bench) shop(ctx context.Context) (people int, err error) {
	if people, err = b.people(b.size(200_000)); err == nil && !exists(b.place("shop")) {
		_, err = b.org.copyApart(ctx, b.place("shop"), "shop.yaml", b.profile)
	}
	return people, err
}
