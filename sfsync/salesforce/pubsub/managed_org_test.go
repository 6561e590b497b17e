package pubsub_test

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// subscribed is an org with a managed subscription to contacts, of which there
// are n, and a client of it.
func subscribed(t *testing.T, n int, options salesforcetest.PubSub) (*salesforcetest.Org, *pubsub.PubSub) {
	t.Helper()
	org, client := newOrg(t, options)
	org.Managed(salesforcetest.ManagedSubscription{DeveloperName: "Shop", Topic: topic, DefaultReplay: "EARLIEST"})
	insert(org, n)
	return org, pubsub.New(client, pubsub.Options{})
}

// follow hands deliveries to a loop until it wants no more. A place that a
// client left just now is waited for.
func follow(t *testing.T, m *pubsub.Managed, more func(pubsub.Delivery) bool) (err error) {
	t.Helper()
	for ctx := soon(t); ; {
		var d pubsub.Delivery
		for d, err = range m.Deliveries(ctx) {
			if err != nil || !more(d) {
				break
			}
		}
		if !errors.Is(err, fault.Conflict) {
			return err
		}
	}
}

// each is follow, event by event.
func each(t *testing.T, m *pubsub.Managed, more func(pubsub.Event) bool) error {
	t.Helper()
	return follow(t, m, func(d pubsub.Delivery) bool {
		return !slices.ContainsFunc(d.Events, func(e pubsub.Event) bool { return !more(e) })
	})
}

func TestOrgManagedGoesOnAfterCommit(t *testing.T) {
	t.Parallel()
	org, bus := subscribed(t, 5, salesforcetest.PubSub{})
	var ids [][]byte
	m := bus.Managed(shop)
	err := each(t, m, func(e pubsub.Event) bool {
		ids = append(ids, e.ReplayID)
		if len(ids) == 3 {
			if err := m.Commit(t.Context(), e.ReplayID); err != nil {
				t.Error(err)
			}
			if err := m.Commit(t.Context(), ids[0]); !errors.Is(err, fault.RequestInvalid) {
				t.Errorf("an older position than the committed one: %v, want request_invalid", err)
			}
		}
		return len(ids) < 5 // the refusal has not ended the stream
	})
	if err != nil || !bytes.Equal(org.Committed("Shop"), ids[2]) {
		t.Fatalf("committed %x, %v; want the third of %x", org.Committed("Shop"), err, ids)
	}
	var again [][]byte
	err = each(t, m, func(e pubsub.Event) bool {
		again = append(again, e.ReplayID)
		return len(again) < 2
	})
	if err != nil || !bytes.Equal(again[0], ids[3]) || !bytes.Equal(again[1], ids[4]) {
		t.Errorf("went on with %x, %v; want the fourth and fifth of %x", again, err, ids)
	}
}

// Commits of one moment have one answer.
func TestOrgManagedCommitsTogether(t *testing.T) {
	t.Parallel()
	org, bus := subscribed(t, 1, salesforcetest.PubSub{CommitBatch: 100 * time.Millisecond})
	m := bus.Managed(shop)
	err := each(t, m, func(e pubsub.Event) bool {
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if err := m.Commit(soon(t), e.ReplayID); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if !bytes.Equal(org.Committed("Shop"), e.ReplayID) {
			t.Errorf("committed %x, want %x", org.Committed("Shop"), e.ReplayID)
		}
		return false
	})
	if err != nil {
		t.Error(err)
	}
}

// A subscription has one place. A connection that broke keeps it for a while.
func TestOrgManagedOneClient(t *testing.T) {
	t.Parallel()
	org, bus := subscribed(t, 1, salesforcetest.PubSub{SlotHold: time.Hour})
	refused := func(when string) {
		for _, err := range bus.Managed(shop).Deliveries(soon(t)) {
			if !errors.Is(err, fault.Conflict) || !fault.Retryable(err) {
				t.Errorf("%s: %v, want conflict", when, err)
			}
			return
		}
	}
	err := each(t, bus.Managed(shop), func(pubsub.Event) bool {
		refused("beside an open stream")
		org.CutStreams()
		return true
	})
	if !errors.Is(err, fault.Unavailable) {
		t.Errorf("a broken stream: %v, want unavailable", err)
	}
	refused("after a broken stream")
}

// What the type's comment warns of: an expired position is replaced by the
// service, which does not say so.
func TestOrgManagedRecoversWithoutAWord(t *testing.T) {
	t.Parallel()
	org, bus := subscribed(t, 2, salesforcetest.PubSub{})
	m := bus.Managed(shop)
	if err := each(t, m, func(e pubsub.Event) bool { return m.Commit(t.Context(), e.ReplayID) != nil }); err != nil {
		t.Fatal(err)
	}
	if err := org.Expire(); err != nil {
		t.Fatal(err)
	}
	err := follow(t, m, func(d pubsub.Delivery) bool {
		if len(d.Events) > 0 {
			t.Error("the second event came again")
		}
		return false
	})
	if err != nil {
		t.Errorf("after the expiry: %v, want no word of it", err)
	}
}

func TestOrgManagedRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		harm func(org *salesforcetest.Org)
		want fault.Code
	}{
		{"stopped", func(org *salesforcetest.Org) {
			org.Managed(salesforcetest.ManagedSubscription{DeveloperName: "Shop", Topic: topic, State: "STOP"})
		}, fault.ConfigInvalid},
		{"deleted", func(org *salesforcetest.Org) { org.RemoveManaged("Shop") }, fault.NotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			org, bus := subscribed(t, 1, salesforcetest.PubSub{})
			for _, when := range []string{"open", "new"} {
				if err := each(t, bus.Managed(shop), func(pubsub.Event) bool { c.harm(org); return true }); !errors.Is(err, c.want) || fault.Retryable(err) {
					t.Errorf("%s stream: %v, want %s", when, err, c.want)
				}
			}
		})
	}
}
