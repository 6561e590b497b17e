package salesforcetest_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// TestTwoEventsOfATransaction is what a live org was captured doing: two
// updates of the same records, the second without LastModifiedDate.
func TestTwoEventsOfATransaction(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	b := dial(t, org)
	ids := []string{org.Insert("Account", map[string]any{"Name": "Acme"}), org.Insert("Account", map[string]any{"Name": "Bcme"})}
	s, _ := b.latest(t, accounts, 100)
	org.TwoEventsNext()
	together(t, org, func(tx *salesforcetest.Tx) (err error) {
		for _, id := range ids {
			if err == nil {
				err = tx.Update("Account", id, map[string]any{"Phone": "555-0100", "BillingCity": "Bonn"})
			}
		}
		return err
	})
	first, second := b.told(t, events(t, s, 2))
	if !slices.Equal(list(first.header["recordIds"]), ids) || !slices.Equal(list(second.header["recordIds"]), ids) || first.header["transactionKey"] != second.header["transactionKey"] ||
		first.header["sequenceNumber"] != int32(1) || second.header["sequenceNumber"] != int32(2) {
		t.Errorf("the headers are %v and %v", first.header, second.header)
	}
	if !slices.Equal(first.changed, []string{"LastModifiedDate"}) || len(first.body) != 1 || first.body["LastModifiedDate"] == nil {
		t.Errorf("the first event changed %v and has %v", first.changed, first.body)
	}
	if !slices.Equal(second.changed, []string{"BillingAddress.City", "Phone"}) || second.body["Phone"] != "555-0100" || second.body["LastModifiedDate"] != nil {
		t.Errorf("the second event changed %v and has %v", second.changed, second.body)
	}
}

type tale struct {
	header, body map[string]any
	changed      []string
}

// told decodes two events.
func (b *bus) told(t *testing.T, pair []event) (first, second tale) {
	t.Helper()
	for i, into := range []*tale{&first, &second} {
		into.header, into.body = b.decode(t, pair[i])
		into.changed = b.names(t, pair[i], into.header["changedFields"])
	}
	return first, second
}

// TestGapEvents publishes every kind, over all records of a transaction at once.
func TestGapEvents(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	b := dial(t, org)
	s, _ := b.latest(t, accounts, 100)
	var ids []string
	each := func(fn func(tx *salesforcetest.Tx, i int) error) func() {
		return func() {
			together(t, org, func(tx *salesforcetest.Tx) (err error) {
				for i := range 3 {
					if err == nil {
						err = fn(tx, i)
					}
				}
				return err
			})
		}
	}
	for _, c := range []struct {
		kind string
		do   func()
	}{
		{"GAP_CREATE", each(func(tx *salesforcetest.Tx, i int) error {
			id, err := tx.Insert("Account", map[string]any{"Name": fmt.Sprint(i)})
			ids = append(ids, id)
			return err
		})},
		{"GAP_UPDATE", each(func(tx *salesforcetest.Tx, i int) error {
			return tx.Update("Account", ids[i], map[string]any{"Name": fmt.Sprint(9 - i)})
		})},
		{"GAP_DELETE", each(func(tx *salesforcetest.Tx, i int) error { return tx.Delete("Account", ids[i]) })},
		{"GAP_UNDELETE", each(func(tx *salesforcetest.Tx, i int) error { return tx.Undelete("Account", ids[i]) })},
	} {
		org.GapNext("")
		c.do()
		header, body := b.decode(t, events(t, s, 1)[0])
		if header["changeType"] != c.kind || !slices.Equal(list(header["recordIds"]), ids) || len(body) > 0 {
			t.Errorf("%v with %v, want %s of all records", header, body, c.kind)
		}
	}
}

// TestLargeEventIsAGap holds both ends of the real limit of 1 MB.
func TestLargeEventIsAGap(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	b := dial(t, org)
	text := strings.Repeat("a", 131_072)
	fields := map[string]any{"Name": "Acme"}
	for i := range 8 {
		name := fmt.Sprintf("Long%d__c", i)
		org.AddField("Account", name, "textarea", 131_072)
		fields[name] = text
	}
	s, _ := b.latest(t, accounts, 100)
	org.Insert("Account", fields)
	fields["Long7__c"] = text[:100_000]
	id := org.Insert("Account", fields)
	org.SetPubSub(salesforcetest.PubSub{MaxEvent: 5000})
	org.Update("Account", id, map[string]any{"Long0__c": text[:6000]})
	org.Update("Account", id, map[string]any{"Long0__c": text[:4000]})
	var got []any
	for _, e := range events(t, s, 4) {
		header, _ := b.decode(t, e)
		got = append(got, header["changeType"])
	}
	if want := []any{"GAP_CREATE", "CREATE", "GAP_UPDATE", "UPDATE"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestOverflowByCount counts changed fields, not records, and has one event
// for each object past the limit.
func TestOverflowByCount(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{PubSub: salesforcetest.PubSub{OverflowAfter: 10}})
	b := dial(t, org)
	var ids []string
	for range 6 {
		ids = append(ids, org.Insert("Account", map[string]any{"Name": "Acme"}))
	}
	s, _ := b.latest(t, "/data/ChangeEvents", 100)
	together(t, org, func(tx *salesforcetest.Tx) (err error) {
		for i, id := range ids { // three changes each: Phone, Fax, LastModifiedDate
			if err == nil {
				err = tx.Update("Account", id, map[string]any{"Phone": fmt.Sprint("555-010", i), "Fax": fmt.Sprint("555-011", i)})
			}
		}
		for range 2 {
			if err == nil {
				_, err = tx.Insert("Case", map[string]any{"Subject": "past the limit"})
			}
		}
		return err
	})
	org.Insert("Lead", map[string]any{"LastName": "Byron", "Company": "Acme"})
	var got []string
	for _, e := range events(t, s, 6) {
		header, _ := b.decode(t, e)
		got = append(got, fmt.Sprint(header["entityName"], " ", header["changeType"], " ", slices.Index(ids, list(header["recordIds"])[0])))
	}
	want := []string{"Account UPDATE 0", "Account UPDATE 1", "Account UPDATE 2", "Account GAP_OVERFLOW -1", "Case GAP_OVERFLOW -1", "Lead CREATE -1"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
