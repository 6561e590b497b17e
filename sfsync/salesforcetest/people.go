package salesforcetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Populate adds n synthetic people, as if they had been there before anyone
// looked: no events tell of them. Each person is a customer, an Account with
// one Contact, and has one Order of two OrderItems; every third has a Case and
// every fifth a Lead as well. There are twenty products. Values follow from
// Config.Seed and the person's number alone. Addresses of mail are in
// example.com, .net and .org (RFC 2606) and telephone numbers 555-01xx, which
// are never given out (NANPA, "555 Line Numbers").
func (o *Org) Populate(n int) error {
	first := o.Count("Contact")
	m := &maker{org: o, at: o.earliest()}
	if o.Count("Product2") == 0 {
		m.products()
	}
	for i := range n {
		m.customer(o.person(first + i))
		if len(m.changes) > 2000 || i == n-1 {
			if err := m.flush(); err != nil {
				return err
			}
		}
	}
	return m.flush()
}

// populate gives a new org its people.
func (o *Org) populate() error {
	if o.cfg.Records == 0 || o.Count("Contact") > 0 {
		return nil
	}
	return o.Populate(o.cfg.Records)
}

// earliest is when the first generated record was created: two years before
// 2025, or two years ago on a clock that is set earlier than that.
func (o *Org) earliest() time.Time {
	t := time.Date(2023, 1, 1, 8, 0, 0, 0, time.UTC)
	if now := o.now(); now.Before(t.AddDate(2, 0, 1)) {
		return now.AddDate(-2, 0, -1).Truncate(time.Second)
	}
	return t
}

// person is one synthetic customer. Its texts carry the marker.
type person struct {
	number                                  int
	random                                  *rand.Rand
	first, last, email, phone, mobile       string
	street, city, state, postalCode, marker string
}

var (
	firstNames = strings.Fields("Ada Amir Ana Ben Carla Chen Dana Diego Elif Emil Fatou Femi Greta Hana Hugo Ines Ivan Jada Jonas Kaya Kofi " +
		"Lena Luca Maya Milan Nadia Noor Olga Omar Pia Priya Quinn Rosa Sami Sara Tara Theo Uma Vera Yusuf")
	lastNames = strings.Fields("Abbott Barros Castillo Dubois Eriksen Fischer Garcia Haddad Ito Jensen Kowalski Lindgren Moreau Nakamura Okafor " +
		"Petrov Quispe Rossi Santos Tanaka Ueda Varga Weber Xiong Yilmaz Zhang Adeyemi Bianchi Cohen Diallo Evans Fofana Gupta Horvat Ivanova Jovanovic")
	streets = strings.Fields("Alder Birch Cedar Dogwood Elm Fir Hazel Juniper Larch Maple Oak Pine Rowan Spruce Willow")
	kinds   = strings.Fields("Street Avenue Lane Road Court")
	places  = [][3]string{{"Springfield", "IL", "62701"}, {"Riverside", "CA", "92501"}, {"Franklin", "TN", "37064"}, {"Clinton", "MS", "39056"},
		{"Georgetown", "TX", "78626"}, {"Salem", "OR", "97301"}, {"Fairview", "NJ", "07022"}, {"Madison", "WI", "53703"}}
	domains = []string{"example.com", "example.net", "example.org"}
)

func pickOne[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// person makes the person with this number.
func (o *Org) person(number int) *person {
	r := rand.New(rand.NewPCG(o.cfg.Seed, uint64(number)))
	place := pickOne(r, places)
	p := &person{number: number, random: r, first: pickOne(r, firstNames), last: pickOne(r, lastNames), city: place[0], state: place[1],
		postalCode: place[2], marker: o.cfg.Marker}
	local := lower(p.first + "." + p.last + "." + fmt.Sprint(number))
	p.street = fmt.Sprintf("%d %s %s", 1+r.IntN(9899), pickOne(r, streets), pickOne(r, kinds))
	p.phone = fmt.Sprintf("(%d) 555-01%02d", 201+r.IntN(700), r.IntN(100))
	p.mobile = fmt.Sprintf("+1%d55501%02d", 201+r.IntN(700), r.IntN(100))
	if p.marker != "" {
		local += "." + lower(p.marker)
	}
	p.email = local + "@" + pickOne(r, domains)
	for _, text := range []*string{&p.first, &p.last, &p.phone, &p.mobile, &p.street, &p.city, &p.state, &p.postalCode} {
		*text = p.mark(*text)
	}
	return p
}

// mark adds the marker to a personal text.
func (p *person) mark(text string) string {
	if p.marker == "" {
		return text
	}
	return text + " " + p.marker
}

// address is the parts of a compound address.
func (p *person) address(prefix string, fields map[string]any) map[string]any {
	fields[prefix+"Street"], fields[prefix+"City"], fields[prefix+"State"] = p.street, p.city, p.state
	fields[prefix+"PostalCode"], fields[prefix+"Country"] = p.postalCode, "United States"
	return fields
}

func (p *person) account() map[string]any {
	fields := map[string]any{"Name": p.first + " " + p.last, "Type": "Customer", "Phone": p.phone, "AccountNumber": fmt.Sprintf("C-%07d", p.number),
		"Industry": pickOne(p.random, []string{"Retail", "Manufacturing", "Media", "Other"}), "AnnualRevenue": 1000 * (1 + p.random.IntN(90_000)),
		"NumberOfEmployees": 1 + p.random.IntN(500), "Description": p.mark("Customer since " + fmt.Sprint(2010+p.random.IntN(13)))}
	return p.address("Shipping", p.address("Billing", fields))
}

func (p *person) contact(account string) map[string]any {
	born := time.Date(1940+p.random.IntN(65), time.Month(1+p.random.IntN(12)), 1+p.random.IntN(28), 0, 0, 0, 0, time.UTC)
	return p.address("Mailing", map[string]any{"AccountId": account, "FirstName": p.first, "LastName": p.last, "Email": p.email, "Phone": p.phone,
		"MobilePhone": p.mobile, "Birthdate": born, "LeadSource": pickOne(p.random, []string{"Web", "Phone Inquiry", "Other"}),
		"HasOptedOutOfEmail": p.random.IntN(10) == 0, "Loyalty_Tier__c": pickOne(p.random, []string{"None", "Bronze", "Silver", "Gold"}),
		"External_Id__c": fmt.Sprintf("P-%08d", p.number)})
}

func (p *person) order(account, contact string, at time.Time) map[string]any {
	return p.address("Shipping", p.address("Billing", map[string]any{"AccountId": account, "BillToContactId": contact, "ShipToContactId": contact,
		"EffectiveDate": at, "Status": pickOne(p.random, []string{"Draft", "Activated"})}))
}

func (p *person) ticket(account, contact string) map[string]any {
	return map[string]any{"AccountId": account, "ContactId": contact, "SuppliedName": p.first + " " + p.last, "SuppliedEmail": p.email,
		"SuppliedPhone": p.phone, "Status": pickOne(p.random, []string{"New", "Working", "Closed"}), "Origin": pickOne(p.random, []string{"Phone", "Email", "Web"}),
		"Priority": pickOne(p.random, []string{"Low", "Medium", "High"}), "Subject": p.mark("Where is my order?"),
		"Description": p.mark("It was to be at " + p.street + " last week.\nPlease call " + p.phone + ".")}
}

func (p *person) lead() map[string]any {
	return p.address("", map[string]any{"FirstName": p.first, "LastName": p.last, "Company": p.mark(p.last + " & Co"), "Email": p.email, "Phone": p.phone,
		"MobilePhone": p.mobile, "Status": "Open", "LeadSource": "Web"})
}

// maker writes generated records, in the past and without events.
type maker struct {
	org     *Org
	at      time.Time
	changes []change
	items   []string // product ids
}

func (m *maker) flush() error {
	m.org.mu.Lock()
	defer m.org.mu.Unlock()
	if len(m.changes) == 0 {
		return nil
	}
	err := m.org.install(m.org.number+1, m.changes)
	m.changes = m.changes[:0]
	return err
}

// add makes a record; objects and fields the org does not have are left out.
func (m *maker) add(object string, fields map[string]any) string {
	o := m.org.object(object)
	if o == nil {
		return ""
	}
	values := make([]string, o.slots)
	for name, v := range fields {
		if f := o.field(name); f != nil && !f.compound() {
			if text, err := f.text(v); err == nil {
				values[f.slot] = text
			}
		}
	}
	m.org.mu.Lock()
	defer m.org.mu.Unlock()
	t := m.org.table(o.Name)
	t.next++
	audit(o, values, m.at, m.org.state.UserID, true)
	number(o, values, t.next)
	complete(o, values)
	m.changes = append(m.changes, change{table: o.Name, after: &row{serial: t.next, stamp: m.at.Unix(), packed: pack(values)}})
	return recordID(o.KeyPrefix, t.next)
}

func (m *maker) products() {
	for i := range 20 {
		m.items = append(m.items, m.add("Product2", map[string]any{"Name": fmt.Sprintf("Product %02d", i+1), "ProductCode": fmt.Sprintf("SKU-%03d", i+1),
			"IsActive": true, "Family": "Hardware"}))
	}
}

func (m *maker) customer(p *person) {
	for len(m.items) < 20 {
		m.items = append(m.items, recordID("01t", int64(len(m.items)+1)))
	}
	m.at = m.org.earliest().Add(time.Duration(p.random.IntN(2*365*24*3600)) * time.Second)
	account := m.add("Account", p.account())
	contact := m.add("Contact", p.contact(account))
	m.order(p, account, contact)
	if p.number%3 == 0 {
		m.add("Case", p.ticket(account, contact))
	}
	if p.number%5 == 0 {
		m.add("Lead", p.lead())
	}
}

func (m *maker) order(p *person, account, contact string) {
	quantity, price := 1+p.random.IntN(5), 199+p.random.IntN(20_000)
	order := p.order(account, contact, m.at)
	order["TotalAmount"] = cents(2 * quantity * price)
	id := m.add("Order", order)
	for range 2 {
		m.add("OrderItem", map[string]any{"OrderId": id, "Product2Id": pickOne(p.random, m.items), "Quantity": quantity,
			"UnitPrice": cents(price), "TotalPrice": cents(quantity * price)})
	}
}

// cents writes an amount of cents as a decimal.
func cents(n int) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }
