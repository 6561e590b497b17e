package sfsync_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/internal/bubble"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// A week of a shop, on the clock of a bubble: keepalives every 270 seconds,
// sessions that die every two hours, a daily limit of API calls and one of event
// deliveries that are hit and refill, connections that die without a word, and
// an outage of four days, after which the stream's position is a day outside its
// retention. All the while records change, some of them in gap events. Whenever
// nothing is wrong the copy is the org, and while something is it is not, or the
// trouble would show nothing.
func TestWeek(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes minutes under the race detector")
	}
	bubble.Test(t, func(t *testing.T) {
		w := newWeek(t)
		stop := w.start()
		for hour := range 7 * 24 {
			wrong := w.trouble(hour/24, hour%24)
			w.hour()
			switch d := w.difference(); {
			case wrong == "" && d != "":
				t.Errorf("day %d, %d:59: %s", hour/24, hour%24, d)
			case wrong != "" && d == "":
				t.Errorf("day %d, %d:59: the copy equals the org, despite %s", hour/24, hour%24, wrong)
			}
			w.foretold(hour)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		w.faults("events will expire on /data/CaseChangeEvent", fault.ReplayInvalid)
		if n := w.signIns.Load(); n < 3*12-1 {
			t.Errorf("signed in %d times in three days, want each time that a session died", n)
		}
	})
}

// foretold checks that the run says, from two days into the outage until its
// end, that events will be gone; it looks each hour.
func (w *week) foretold(hour int) {
	w.Helper()
	from, to := 4*24-1, 6*24
	if hour == from || hour == to {
		return
	}
	for topic, s := range w.sync.Status().Topics {
		if want := hour > from && hour < to; s.Expiring != want {
			w.Errorf("hour %d: events on %s are expiring: %t", hour, topic, s.Expiring)
		}
	}
}

type week struct {
	*rig
	net      *network
	signIns  atomic.Int32
	random   *rand.Rand
	contacts []string // inserted in the week
	deleted  []string // of those
}

func newWeek(t *testing.T) *week {
	w := &week{net: &network{}, random: rand.New(rand.NewPCG(1, 2))}
	org, err := salesforcetest.New(salesforcetest.Config{Listen: w.net.listen, Records: 50,
		PubSub: salesforcetest.PubSub{FirstResponse: -1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { org.Close() })
	w.rig = open(t, org, t.TempDir(), shopPolicy)
	w.net.use(w.client)
	w.client.Observe(func(e salesforce.Event) {
		if e.Kind == salesforce.Refreshed {
			w.signIns.Add(1)
		}
	})
	return w
}

// trouble begins and ends what goes wrong at an hour, and returns what is wrong
// at its end.
func (w *week) trouble(day, hour int) (wrong string) {
	switch {
	case day == 2 && hour == 0:
		w.net.fail()
	case day == 6 && hour == 0:
		w.net.restore()
	}
	if hour%2 == 0 {
		w.org.ExpireTokens()
	}
	if day >= 2 && day < 6 {
		return "the outage"
	}
	switch hour {
	case 8, 9:
		w.org.SetAPICalls(100_000, 100_000)
		return "the limit of API calls"
	case 10:
		w.org.SetAPICalls(0, 100_000)
	case 14, 15:
		w.org.SetDeliveries(50_000, 50_000)
		return "the limit of deliveries"
	case 16:
		w.org.SetDeliveries(0, 50_000)
	case 20:
		w.net.mute() // to be noticed, and got over, within the hour
	}
	return ""
}

// hour lets an hour pass, with a change every five minutes.
func (w *week) hour() {
	for minute := range 60 {
		if minute%5 == 0 {
			w.change(minute)
		}
		time.Sleep(time.Minute)
	}
}

// change changes records; at the start of each hour by an event without
// values, so that the hour needs calls.
func (w *week) change(minute int) {
	switch n := w.random.IntN(8); {
	case minute == 0:
		w.org.GapNext("")
		w.update()
	case n == 0 || len(w.contacts) == 0:
		w.contacts = append(w.contacts, w.org.Insert("Contact", map[string]any{"LastName": w.word(), "Email": w.word() + "@example.com"}))
	case n == 1:
		w.move(&w.contacts, &w.deleted, w.org.Delete)
	case n == 2 && len(w.deleted) > 0:
		w.move(&w.deleted, &w.contacts, w.org.Undelete)
	case n == 3:
		w.org.Insert("Case", map[string]any{"ContactId": w.any("Contact"), "Subject": w.word(), "Status": "New"})
	case n == 4:
		w.org.Update("Case", w.any("Case"), map[string]any{"Status": "Closed", "Description": w.word()})
	case n == 5:
		w.org.Update("Order", w.any("Order"), map[string]any{"ShippingStreet": nil, "BillingCity": w.word()})
	default:
		w.update()
	}
}

func (w *week) update() {
	w.org.Update("Contact", w.any("Contact"), map[string]any{"MailingCity": w.word(), "MobilePhone": nil})
}

// move does something with one of the records of a list, and moves it to another.
func (w *week) move(from, to *[]string, do func(object, id string)) {
	i := w.random.IntN(len(*from))
	do("Contact", (*from)[i])
	*to = append(*to, (*from)[i])
	*from = slices.Delete(*from, i, i+1)
}

// any is a live record.
func (w *week) any(object string) string {
	ids := slices.Sorted(maps.Keys(maps.Collect(w.org.Records(object))))
	return ids[w.random.IntN(len(ids))]
}

func (w *week) word() string { return "w" + strconv.FormatUint(w.random.Uint64(), 36) }
