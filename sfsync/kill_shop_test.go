package sfsync_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// shop changes an org, each change drawn from one seeded source: the same seed
// makes the same changes in the same order.
type shop struct {
	org     *salesforcetest.Org
	random  *rand.Rand
	changes int
	live    map[string][]string // ids by object
	deleted map[string][]string

	pause sync.Mutex // held while the org stands still
}

func newShop(org *salesforcetest.Org, seed uint64) *shop {
	s := &shop{org: org, random: rand.New(rand.NewPCG(seed, 1)), live: map[string][]string{}, deleted: map[string][]string{}}
	for _, object := range []string{"Account", "Contact", "Order", "OrderItem", "Case"} {
		s.live[object] = slices.Sorted(maps.Keys(maps.Collect(org.Records(object))))
	}
	return s
}

// work changes the org until stop is closed.
func (s *shop) work(every time.Duration, stop <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			s.pause.Lock()
			s.turn()
			s.pause.Unlock()
		}
	}
}

// turn makes one change. Now and then the events of it do not say what it was.
func (s *shop) turn() {
	s.changes++
	switch n := s.random.IntN(400); {
	case n < 12:
		s.org.GapNext("")
	case n == 12:
		s.org.OverflowNext()
	}
	text := strconv.Itoa(s.changes)
	switch n := s.random.IntN(100); {
	case n < 10:
		s.insert("Contact", map[string]any{"LastName": "L" + text, "Email": text + "@example.com", "AccountId": s.any("Account")})
	case n < 30:
		s.update("Contact", map[string]any{"Email": nil, "MailingStreet": text + " Elm St", "DoNotCall": n%2 == 0})
	case n < 35:
		s.remove("Contact")
	case n < 45:
		order := s.insert("Order", map[string]any{"AccountId": s.any("Account"), "BillToContactId": s.any("Contact"),
			"ShipToContactId": s.any("Contact"), "EffectiveDate": time.Unix(0, 0), "Status": "Draft", "BillingCity": "C" + text})
		s.insert("OrderItem", map[string]any{"OrderId": order, "Quantity": 1 + n%3, "UnitPrice": "12.50"})
	case n < 52: // another person's from now on
		s.update("Order", map[string]any{"BillToContactId": s.any("Contact")})
	case n < 60:
		s.update("Order", map[string]any{"ShippingStreet": text + " Oak St", "Status": "Activated"})
	case n < 65:
		s.remove("Order")
	case n < 70:
		s.update("OrderItem", map[string]any{"Quantity": 1 + n})
	case n < 78: // whose it is turns out later
		s.insert("Case", map[string]any{"Subject": "S" + text, "SuppliedEmail": text + "@example.org", "Status": "New"})
	case n < 86:
		s.update("Case", map[string]any{"ContactId": s.any("Contact"), "Description": "D" + text})
	case n < 92:
		s.remove("Case")
	default:
		s.restore([]string{"Contact", "Order", "Case"}[n%3])
	}
}

func (s *shop) any(object string) string {
	if len(s.live[object]) == 0 {
		return s.insert(object, map[string]any{"LastName": "only"})
	}
	return s.live[object][s.random.IntN(len(s.live[object]))]
}

func (s *shop) insert(object string, fields map[string]any) string {
	id := s.org.Insert(object, fields)
	s.live[object] = append(s.live[object], id)
	return id
}

// update changes a record if there is one; items go away with their order.
func (s *shop) update(object string, fields map[string]any) {
	if id := s.any(object); s.org.Record(object, id) != nil {
		s.org.Update(object, id, fields)
	}
}

func (s *shop) remove(object string) { s.move(object, s.live, s.deleted, s.org.Delete) }

func (s *shop) restore(object string) { s.move(object, s.deleted, s.live, s.org.Undelete) }

func (s *shop) move(object string, from, to map[string][]string, how func(object, id string)) {
	if len(from[object]) < 2 {
		return
	}
	i := s.random.IntN(len(from[object]))
	id := from[object][i]
	how(object, id)
	from[object] = slices.Delete(from[object], i, i+1)
	to[object] = append(to[object], id)
}
