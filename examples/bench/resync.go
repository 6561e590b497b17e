package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforce/bulk"
)

// contactRows is the query of a full read of contacts, and stamps those of a
// comparison of the whole shop.
const contactRows = "SELECT Id, SystemModstamp, CreatedDate, Loyalty_Tier__c, FirstName, LastName, Email, MobilePhone, MailingStreet, MailingCity, MailingPostalCode FROM Contact"

var stamps = []string{"SELECT Id, SystemModstamp FROM Account", "SELECT Id, SystemModstamp FROM Contact",
	"SELECT Id, SystemModstamp FROM Order", "SELECT Id, SystemModstamp FROM OrderItem"}

// calls counts the API calls of changes that come whole and as gap events,
// beside the fewest with which the interfaces could do it.
func (b *bench) calls(ctx context.Context) ([]line, error) {
	if _, err := b.contacts(ctx, 20_000); err != nil {
		return nil, err
	}
	changes := b.size(1_000)
	events, err := b.callsOf(ctx, Update{Records: changes})
	if err != nil {
		return nil, err
	}
	gaps, err := b.callsOf(ctx, Update{Records: changes, Gaps: true})
	if err != nil {
		return nil, err
	}
	least := (changes + 1999) / 2000
	return []line{
		{"API calls of changes", fmt.Sprintf("%d for %s changes", events, thousands(changes)), "0", "", "", "as events they need no call"},
		{"API calls of changes in gap events", fmt.Sprintf("%d for %s changes", gaps, thousands(changes)), fmt.Sprint(least), percent(float64(gaps), float64(least)), "",
			"a call may ask for 2,000 records and asks for up to 500, those at hand"},
	}, nil
}

// pageRows is how many rows the test org puts on a page of results.
const pageRows = 50_000

// callsOf counts the calls while changes come, from when the copy follows.
func (b *bench) callsOf(ctx context.Context, u Update) (calls int, err error) {
	err = b.follow(ctx, "contacts", "contact.yaml", func(r *replica) error {
		before := b.org.calls()
		err := b.applied(ctx, r, u)
		calls = b.org.calls() - before
		return err
	})
	return calls, err
}

// applied changes Contacts, and waits until the copy has it and owes nothing.
func (b *bench) applied(ctx context.Context, r *replica, u Update) error {
	u.Object, u.Fields = "Contact", map[string]string{"MailingCity": time.Now().Format(time.StampNano)}
	before := r.sync.Status().Applied
	if err := b.org.do("Update", u); err != nil {
		return err
	}
	return r.await(ctx, func() bool { return r.sync.Status().Applied >= before+int64(u.Records) && r.settled(ctx) })
}

// expired measures how long it takes to make good a position that Salesforce no
// longer knows, beside reading all rows again into nothing.
func (b *bench) expired(ctx context.Context) ([]line, error) {
	people, err := b.contacts(ctx, 200_000)
	if err != nil {
		return nil, err
	}
	changed := b.size(100_000)
	if err := b.org.do("Update", Update{Object: "Contact", Records: changed, Fields: map[string]string{"MailingCity": "Shelbyville"}}); err != nil {
		return nil, err
	}
	if err := b.org.do("Expire", 0); err != nil {
		return nil, err
	}
	var took time.Duration
	start := time.Now()
	if err := b.follow(ctx, "contacts", "contact.yaml", func(*replica) error { took = time.Since(start); return nil }); err != nil {
		return nil, err
	}
	limit, err := b.drained(ctx, contactRows)
	if err != nil {
		return nil, err
	}
	return []line{{"catch-up after an expired position", fmt.Sprintf("%.1f s for %s changed rows", took.Seconds(), thousands(changed)),
		fmt.Sprintf("all rows by Bulk, into nothing: %.1f s", limit.Elapsed.Seconds()), percent(limit.Elapsed.Seconds(), took.Seconds()), "",
		fmt.Sprintf("%s of %s Contacts changed in the outage; stamps compared, what differs read by id and sealed", thousands(changed), thousands(people))}}, nil
}

// cut measures how long after its stream was cut a change of that moment is
// durable, beside one on an unbroken stream.
func (b *bench) cut(ctx context.Context) ([]line, error) {
	if _, err := b.contacts(ctx, 20_000); err != nil {
		return nil, err
	}
	var ours, limit time.Duration
	err := b.follow(ctx, "contacts", "contact.yaml", func(r *replica) error {
		start := time.Now()
		err := b.applied(ctx, r, Update{Records: 1})
		limit, start = time.Since(start), time.Now()
		if err == nil {
			err = b.org.do("Cut", 0)
		}
		if err == nil {
			err = b.applied(ctx, r, Update{Records: 1})
		}
		ours = time.Since(start)
		return err
	})
	return []line{{"recovery after a cut", ours.Round(time.Millisecond).String(), "on an unbroken stream: " + limit.Round(time.Millisecond).String(),
		percent(limit.Seconds(), ours.Seconds()), "", "from the cut until a change made right after it is durable; about a second of it is the pause before the stream is opened again"}}, err
}

// reconcile measures the comparison of a copy that agrees with the org, beside
// the same ids and stamps read into nothing.
func (b *bench) reconcile(ctx context.Context) ([]line, error) {
	people, err := b.shop(ctx)
	if err != nil {
		return nil, err
	}
	var took time.Duration
	err = b.follow(ctx, "shop", "shop.yaml", func(r *replica) error {
		start := time.Now()
		drift, err := r.sync.Reconcile(ctx)
		took = time.Since(start)
		for object, d := range drift {
			if n := d.Total(); n > 0 {
				return fmt.Errorf("the copy of %s differed from the org in %d rows", object, n)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	limit, err := b.drained(ctx, stamps...)
	if err != nil {
		return nil, err
	}
	w := work{Rows: limit.Rows, Elapsed: took}
	return []line{{"reconcile", fmt.Sprintf("%.1f s for %s rows", took.Seconds(), thousands(limit.Rows)),
		fmt.Sprintf("ids and stamps into nothing: %.1f s", limit.Elapsed.Seconds()), percent(w.rate(), limit.rate()), "",
		fmt.Sprintf("the whole shop of %s people, in which nothing differs", thousands(people))}}, nil
}

// contacts makes sure of a copy of at least so many contacts.
func (b *bench) contacts(ctx context.Context, n int) (int, error) {
	people, err := b.people(b.size(n))
	if err != nil || people == b.copied {
		return people, err
	}
	// What people are new has no event, so a first copy is taken.
	place := b.place("contacts")
	if err := os.RemoveAll(place); err != nil {
		return 0, err
	}
	_, err = b.org.copyApart(ctx, place, "contact.yaml", b.profile)
	b.copied = people
	return people, err
}

// follow runs a copy, and do once nothing is owed of it.
func (b *bench) follow(ctx context.Context, place, policy string, do func(*replica) error) error {
	r, err := open(ctx, b.place(place), policy, b.org.getenv)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { _, err := r.apply(running, math.MaxInt); ended <- err }()
	err = r.await(ctx, func() bool { return r.settled(ctx) })
	if err == nil {
		err = do(r)
	}
	stop()
	return errors.Join(err, <-ended, r.close())
}

// settled reports whether the copy follows and nothing is owed.
func (r *replica) settled(ctx context.Context) bool {
	if !r.sync.Status().Ready(time.Hour) {
		return false
	}
	dirty, err := r.rows.Dirty(ctx, "Contact", math.MaxInt64, 1)
	return err == nil && len(dirty) == 0
}

// await waits until done, for ten minutes at most.
func (r *replica) await(ctx context.Context, done func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Minute); !done(); <-tick.C {
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return errors.New("the copy does not come to rest; look at its log")
		}
	}
	return nil
}

// drained is the bare limit of a read of all records: the bytes of its pages,
// and nothing done with them.
func (b *bench) drained(ctx context.Context, queries ...string) (w work, err error) {
	client, err := b.client()
	if err != nil {
		return w, err
	}
	defer client.Close()
	start, cpu := time.Now(), cpuTime()
	for _, soql := range queries {
		n, err := drain(ctx, bulk.New(client), soql)
		if err != nil {
			return w, err
		}
		w.Rows += n
	}
	w.Elapsed, w.CPU = time.Since(start), cpuTime()-cpu
	return w, nil
}

func drain(ctx context.Context, jobs *bulk.Jobs, soql string) (rows int, err error) {
	job, err := jobs.Create(ctx, soql, false)
	if err != nil {
		return 0, err
	}
	if job, err = jobs.Wait(ctx, job.ID); err != nil {
		return 0, err
	}
	for page, err := range jobs.Results(ctx, job, "") {
		if err != nil {
			return 0, err
		}
		for _, err := range page.Rows() {
			if err != nil {
				return 0, err
			}
			rows++
		}
	}
	return rows, nil
}

func (r *remote) calls() (n int) {
	if r.Call("Org.Calls", 0, &n) != nil {
		return 0
	}
	return n
}
