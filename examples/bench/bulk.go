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
	compare := func(what string, w work, goal, note string) line {
		return line{what, w.speed("rows"), "unsealed, by a prepared statement: " + limit.speed("rows"), percent(w.rate(), limit.rate()), goal, note}
	}
	return []line{
		compare("Bulk to durable SQLite, new persons", fresh, "20,000 rows/s", fmt.Sprintf("%s Contacts of 2 plain and 7 sealed fields, a new person each", thousands(people))),
		compare("Bulk to durable SQLite, known persons", known, "30,000 rows/s", "the same rows into a new database, the keys kept"),
	}, nil
}

// memory compares the peaks of two first copies of the whole shop: an Account,
// a Contact, an Order and two OrderItems for each person. It counts the API
// calls of the larger one, beside the fewest that the interface allows.
func (b *bench) memory(ctx context.Context) ([]line, error) {
	var peak []work
	var people, calls int
	for _, copied := range []struct {
		dir    string
		people int
	}{{"shop-small", 20_000}, {"shop", 200_000}} {
		var err error
		if people, err = b.people(b.size(copied.people)); err != nil {
			return nil, err
		}
		before := b.org.calls()
		w, err := b.org.copyApart(ctx, b.place(copied.dir), "shop.yaml", b.profile)
		if err != nil {
			return nil, err
		}
		peak, calls = append(peak, w), b.org.calls()-before
	}
	small, large := peak[0], peak[1]
	pages := func(rows int) int { return (rows + pageRows - 1) / pageRows }
	least := 4*2 + 3*pages(people) + pages(2*people)
	return []line{
		{"peak memory of a first copy", fmt.Sprintf("%d MB for %s rows", large.Peak>>20, thousands(large.Rows)),
			fmt.Sprintf("the same for %s: %d MB", thousands(small.Rows), small.Peak>>20), percent(float64(large.Peak), float64(small.Peak)), "120%",
			"the client's process; Account, Contact and Order of each person and two OrderItems, at " + large.speed("rows")},
		{"API calls of a first copy", fmt.Sprintf("%d for %s rows", calls, thousands(large.Rows)), fmt.Sprint(least), percent(float64(calls), float64(least)), "",
			fmt.Sprintf("the same copy, sign-in and describes included; the least is, for each of 4 objects, a job, one look at it and each page of %s rows", thousands(pageRows))},
	}, nil
}
