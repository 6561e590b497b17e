package sfsync_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// stocked is a field that histories change and policies may name.
type stocked struct {
	object, name string
	personal     bool
	required     bool // never null
	fixed        bool // set at creation only
	unlisted     bool // no policy names it: it says whose a record is all the same
	value        func(*trial) any
}

// stock are the fields by object. References to persons come with the objects.
var stock = []stocked{
	{object: "Account", name: "Name", personal: true, required: true, value: words},
	{object: "Account", name: "Phone", personal: true, value: words},
	{object: "Account", name: "BillingStreet", personal: true, value: words},
	{object: "Account", name: "BillingCity", value: words},
	{object: "Account", name: "Industry", value: oneOf("Retail", "Media", "Other")},
	{object: "Account", name: "AnnualRevenue", value: oneOf(1000, "123456789012345678", "999999999999999")}, // a double holds 15 digits
	{object: "Account", name: "NumberOfEmployees", personal: true, value: oneOf(1, 20, 300)},
	{object: "Contact", name: "LastName", personal: true, required: true, value: words},
	{object: "Contact", name: "FirstName", personal: true, value: words},
	{object: "Contact", name: "Email", personal: true, value: func(t *trial) any { return fmt.Sprintf("p%d@example.com", t.random.IntN(1e6)) }},
	{object: "Contact", name: "MailingCity", personal: true, value: words},
	{object: "Contact", name: "DoNotCall", personal: true, required: true, value: oneOf(true, false)},
	{object: "Contact", name: "Birthdate", personal: true, value: day},
	{object: "Contact", name: "Description", personal: true, value: longText},
	{object: "Contact", name: "Department", value: words},
	{object: "Contact", name: "LeadSource", value: oneOf("Web", "Other")},
	{object: "Contact", name: "Loyalty_Tier__c", value: oneOf("Bronze", "Silver", "Gold")},
	{object: "Contact", name: "AccountId", value: anyOf("Account")},
	{object: "Contact", name: "IndividualId", unlisted: true, value: anyOf("Individual")},
	{object: "Lead", name: "LastName", personal: true, required: true, value: words},
	{object: "Lead", name: "Email", personal: true, value: words},
	{object: "Lead", name: "City", personal: true, value: words},
	{object: "Lead", name: "Company", required: true, value: words},
	{object: "Lead", name: "Title", value: words},
	{object: "Lead", name: "IndividualId", unlisted: true, value: anyOf("Individual")},
	{object: "Case", name: "Subject", personal: true, value: words},
	{object: "Case", name: "Description", personal: true, value: longText},
	{object: "Case", name: "SuppliedName", personal: true, value: words},
	{object: "Case", name: "Status", required: true, value: oneOf("New", "Working", "Closed")},
	{object: "Case", name: "Origin", value: oneOf("Web", "Phone")},
	{object: "Case", name: "ContactId", value: anyOf("Contact")},
	{object: "Case", name: "AccountId", value: anyOf("Account")},
	{object: "Order", name: "ShippingStreet", personal: true, value: words},
	{object: "Order", name: "BillingCity", personal: true, value: words},
	{object: "Order", name: "Status", required: true, value: oneOf("Draft", "Activated")},
	{object: "Order", name: "EffectiveDate", required: true, value: day},
	{object: "Order", name: "Description", value: words},
	{object: "Order", name: "BillToContactId", value: anyOf("Contact")},
	{object: "Order", name: "ShipToContactId", value: anyOf("Contact")},
	{object: "OrderItem", name: "OrderId", required: true, fixed: true, value: anyOf("Order")},
	{object: "OrderItem", name: "Quantity", required: true, value: oneOf(1, 2, "3.5")},
	{object: "OrderItem", name: "UnitPrice", required: true, value: oneOf("12.50", "0.01", "99999999.99")},
	{object: "OrderItem", name: "Description", personal: true, value: words},
}

func words(t *trial) any {
	return pick(t.random, "plain", "Ünal Ñandú", `a "quoted", comma`, "it's 日本", "=1+1", "-") + fmt.Sprint(" ", t.random.IntN(1e6))
}

// longText is long enough to be sent as a diff, and changes in one line.
func longText(t *trial) any {
	lines := make([]string, 40)
	for i := range lines {
		lines[i] = fmt.Sprintf("line %d of a text that does not change", i)
	}
	lines[t.random.IntN(40)] = fmt.Sprint("but for this one: ", t.random.IntN(1e6))
	return strings.Join(lines, "\n")
}

func day(t *trial) any {
	return time.Date(1950+t.random.IntN(70), time.Month(1+t.random.IntN(12)), 1+t.random.IntN(28), 0, 0, 0, 0, time.UTC)
}

func oneOf(values ...any) func(*trial) any {
	return func(t *trial) any { return values[t.random.IntN(len(values))] }
}

func anyOf(object string) func(*trial) any {
	return func(t *trial) any {
		if id := t.any(object); id != "" {
			return id
		}
		return nil
	}
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// draft is a policy that a history widens and narrows.
type draft struct {
	version int
	persons map[string]string   // object -> the references that lead to its person
	fields  map[string][]string // object -> fields named
	polled  string              // object without change events, or ""
	channel bool                // the others come by a custom channel
}

// newDraft names some objects, always Contact, and most fields of each.
func newDraft(r *rand.Rand) draft {
	d := draft{version: 1, persons: map[string]string{"Contact": "Id"}, fields: map[string][]string{}}
	for _, more := range pick(r, [][2]string{{"Case", "ContactId, AccountId"}}, [][2]string{{"Account", "Id"}, {"Case", "ContactId, AccountId"}},
		[][2]string{{"Order", "BillToContactId, AccountId"}, {"OrderItem", "OrderId"}}, [][2]string{{"Account", "Id"}},
		[][2]string{{"Lead", "Id"}}, [][2]string{{"Lead", "Id"}, {"Account", "Id"}}) {
		d.persons[more[0]] = more[1]
	}
	for _, f := range stock {
		if _, ok := d.persons[f.object]; ok && !f.unlisted && (f.required || r.IntN(10) < 7) {
			d.fields[f.object] = append(d.fields[f.object], f.name)
		}
	}
	if objects := d.objects(); r.IntN(4) == 0 {
		d.polled = objects[r.IntN(len(objects))]
	}
	d.channel = r.IntN(3) == 0
	return d
}

// members are the objects of the custom channel, most of them enriched: the
// events of a merged one share a replay id then.
func (d draft) members(r *rand.Rand) (list []salesforcetest.Member) {
	for _, object := range d.objects() {
		m := salesforcetest.Member{Object: object}
		if r.IntN(4) > 0 {
			m.Enriched = map[string][]string{"Account": {"Industry"}, "Contact": {"Email", "AccountId"}, "Case": {"Status", "ContactId"},
				"Lead": {"Company"}, "Order": {"Status"}, "OrderItem": {"Quantity"}}[object]
		}
		if object != d.polled {
			list = append(list, m)
		}
	}
	return list
}

// objects are those the policy names, in a fixed order.
func (d draft) objects() []string { return slices.Sorted(maps.Keys(d.persons)) }

func (d draft) names(f stocked) bool { return slices.Contains(d.fields[f.object], f.name) }

// flip is the next version, which names the field, or no longer.
func (d draft) flip(f stocked) draft {
	d.version++
	d.fields = maps.Clone(d.fields)
	if d.names(f) {
		d.fields[f.object] = slices.DeleteFunc(slices.Clone(d.fields[f.object]), func(name string) bool { return name == f.name })
	} else {
		d.fields[f.object] = append(slices.Clone(d.fields[f.object]), f.name)
	}
	return d
}

// text is the policy as a file has it.
func (d draft) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: %d\npurposes: {support: \"answer a customer\"}\nobjects:\n", d.version)
	for _, object := range d.objects() {
		var plain, personal []string
		for _, f := range stock {
			switch {
			case f.object != object || !d.names(f):
			case f.name == "ShippingStreet":
				personal = append(personal, "ShippingStreet: {person: [ShipToContactId]}")
			case f.personal:
				personal = append(personal, f.name)
			default:
				plain = append(plain, f.name+": {category: user.behavior}")
			}
		}
		fmt.Fprintf(&b, "  %s: {purpose: [support], person: [%s], plain: {%s}, personal: {%s}", object, d.persons[object],
			strings.Join(plain, ", "), strings.Join(personal, ", "))
		switch {
		case object == d.polled:
			b.WriteString(", changes: poll")
		case d.channel:
			b.WriteString(", channel: /data/Oracle__chn")
		}
		b.WriteString("}\n")
	}
	return b.String()
}
