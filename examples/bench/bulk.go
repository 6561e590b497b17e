package main

import (
	"context"
	"fmt"
	"os"
)

// bulk measures the first read of contacts, each a new person, and then the
// same read into a new database with the keys kept, beside the same rows,
// unsealed, from a loop over one prepared statement.
func (b *bench) bulk(ctx context.Context) ([]line, error) {
	people, err := b.people(b.size(200_000))
	if err != nil {
		return nil, err
	}
	dir := b.place("bulk")
	fresh, err := b.org.copyApart(ctx, dir, "contact.yaml", b.profile)
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir + "/rows"); err != nil {
		return nil, err
	}
	known, err := b.org.copyApart(ctx, dir, "contact.yaml", b.profile)
	if err != nil {
		return nil, err
	}
	limit, err := inserted(b.place("bare-bulk"), people)
	if err != nil {
		return nil, err
	}
	bare := fmt.Sprintf("%s into SQLite, unsealed (%v CPU each)", perSecond(limit.rate(), "rows"), limit.each())
	compare := func(what string, w work, goal string) line {
		return line{what, fmt.Sprintf("%s (%v CPU each)", perSecond(w.rate(), "rows"), w.each()), bare, percent(w.rate(), limit.rate()), goal}
	}
	return []line{
		compare(fmt.Sprintf("Bulk to durable SQLite: %s Contacts of 2 plain and 7 sealed fields, a new person each", thousands(people)), fresh, "20,000 rows/s"),
		compare("the same rows again into a new database, the persons known", known, "30,000 rows/s"),
	}, nil
}

// memory compares the peaks of two first copies of the whole shop: an Account,
// a Contact, an Order and two OrderItems for each person.
func (b *bench) memory(ctx context.Context) ([]line, error) {
	var peak []work
	for _, copied := range []struct {
		dir    string
		people int
	}{{"shop-small", 20_000}, {"shop", 200_000}} {
		if _, err := b.people(b.size(copied.people)); err != nil {
			return nil, err
		}
		w, err := b.org.copyApart(ctx, b.place(copied.dir), "shop.yaml", b.profile)
		if err != nil {
			return nil, err
		}
		peak = append(peak, w)
	}
	small, large := peak[0], peak[1]
	return []line{{fmt.Sprintf("peak memory of a first copy: %s rows of Account, Contact, Order and OrderItem (at %s)",
		thousands(large.Rows), perSecond(large.rate(), "rows")),
		fmt.Sprintf("%d MB", large.Peak>>20), fmt.Sprintf("%d MB for %s rows", small.Peak>>20, thousands(small.Rows)),
		percent(float64(large.Peak), float64(small.Peak)), "120%"}}, nil
}
