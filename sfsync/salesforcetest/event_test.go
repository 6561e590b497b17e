package salesforcetest_test

import (
	"fmt"
	"reflect"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// list is a decoded array of strings.
func list(v any) []string {
	var all []string
	for _, s := range v.([]any) {
		all = append(all, s.(string))
	}
	return all
}

func TestLifeOfARecord(t *testing.T) {
	t.Parallel()
	start := time.Now().Truncate(time.Second).Add(500 * time.Millisecond)
	var reads atomic.Int64 // each read of the clock is a second later
	org := newOrg(t, salesforcetest.Config{Now: func() time.Time { return start.Add(time.Duration(reads.Add(1)) * time.Second) }})
	b := dial(t, org)
	id := org.Insert("Account", map[string]any{"Name": "Acme", "Phone": "555-0100", "BillingCity": "Bonn", "BillingCountry": "Germany", "NumberOfEmployees": 5})
	org.Update("Account", id, map[string]any{"Phone": nil, "NumberOfEmployees": 6})
	org.Update("Account", id, map[string]any{"BillingCity": "Köln", "BillingCountry": nil})
	org.Delete("Account", id)
	org.Undelete("Account", id)
	org.Delete("Account", id)
	org.Purge("Account", id)
	want := []struct {
		change          string
		changed, nulled []string
		fields          []string
	}{
		{"CREATE", nil, nil, []string{"BillingAddress", "CreatedById", "CreatedDate", "LastModifiedById", "LastModifiedDate", "Name", "NumberOfEmployees", "OwnerId", "Phone"}},
		{"UPDATE", nil, []string{"Phone"}, []string{"LastModifiedDate", "NumberOfEmployees"}},
		{"UPDATE", nil, nil, []string{"BillingAddress", "LastModifiedDate"}},
		{"DELETE", nil, nil, nil},
		{"UNDELETE", nil, nil, []string{"BillingAddress", "CreatedById", "CreatedDate", "LastModifiedById", "LastModifiedDate", "Name", "NumberOfEmployees", "OwnerId"}},
		{"DELETE", nil, nil, nil},
	}
	keys := map[any]bool{}
	var commit, replay string
	for i, e := range events(t, b.earliest(t, "/data/AccountChangeEvent", 100), len(want)) {
		header, body := b.decode(t, e)
		if header["changeType"] != want[i].change || header["entityName"] != "Account" || list(header["recordIds"])[0] != id {
			t.Errorf("event %d is %v of %v %v, want %s", i, header["changeType"], header["entityName"], header["recordIds"], want[i].change)
		}
		for _, name := range want[i].fields {
			if body[name] == nil {
				t.Errorf("event %d lacks %s", i, name)
			}
			delete(body, name)
		}
		for name, v := range body {
			t.Errorf("event %d has %s %v, which did not change", i, name, v)
		}
		if ms := header["commitTimestamp"].(int64); ms%1000 != 0 {
			t.Errorf("commitTimestamp %d is no whole second", ms)
		}
		if key := header["transactionKey"].(string); keys[key] || !uuid.MatchString(key) || header["sequenceNumber"] != int32(1) {
			t.Errorf("event %d has transactionKey %s, sequenceNumber %v", i, key, header["sequenceNumber"])
		} else {
			keys[key] = true
		}
		if header["commitUser"] != org.UserID() {
			t.Errorf("commitUser %v", header["commitUser"])
		}
		if n := fmt.Sprintf("%020d", header["commitNumber"]); n <= commit {
			t.Errorf("commitNumber %s after %s", n, commit)
		} else {
			commit = n
		}
		if id := fmt.Sprintf("%x", e.ReplayId); len(e.ReplayId) != 10 || id <= replay || id[16:] != "0000" {
			t.Errorf("replay id %s after %s", id, replay)
		} else {
			replay = id
		}
	}
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// TestBitmapsOfUpdates names the fields through the schema that was fetched.
func TestBitmapsOfUpdates(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	b := dial(t, org)
	id := org.Insert("Account", map[string]any{"Name": "Acme", "Phone": "555-0100", "BillingCity": "Bonn", "BillingCountry": "Germany"})
	s, _ := b.latest(t, "/data/AccountChangeEvent", 100)
	for name, c := range map[string]struct {
		fields          map[string]any
		changed, nulled []string
	}{
		"a value":             {map[string]any{"Name": "Acme Ltd"}, []string{"LastModifiedDate", "Name"}, nil},
		"a null":              {map[string]any{"Phone": nil}, []string{"LastModifiedDate", "Phone"}, []string{"Phone"}},
		"a part":              {map[string]any{"BillingCity": "Köln"}, []string{"BillingAddress.City", "LastModifiedDate"}, nil},
		"a part to null":      {map[string]any{"BillingCountry": nil}, []string{"BillingAddress.Country", "LastModifiedDate"}, []string{"BillingAddress.Country"}},
		"what it was already": {map[string]any{"Industry": nil}, []string{"LastModifiedDate"}, nil},
	} {
		org.Update("Account", id, c.fields)
		e := events(t, s, 1)[0]
		header, _ := b.decode(t, e)
		if got := b.names(t, e, header["changedFields"]); !reflect.DeepEqual(got, c.changed) {
			t.Errorf("%s: changed %v, want %v", name, got, c.changed)
		}
		if got := b.names(t, e, header["nulledFields"]); !reflect.DeepEqual(got, c.nulled) {
			t.Errorf("%s: nulled %v, want %v", name, got, c.nulled)
		}
	}
}

func TestTransactionsAreNumberedAndMerged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		unmerged bool
		want     []string // changeType, sequenceNumber, number of records
	}{
		"merged":   {false, []string{"UPDATE 1 2", "DELETE 2 1", "CREATE 4 1"}},
		"unmerged": {true, []string{"UPDATE 1 1", "UPDATE 2 1", "DELETE 3 1", "CREATE 5 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{Selected: []string{"Account", "Case"}, PubSub: salesforcetest.PubSub{Unmerged: c.unmerged}})
			b := dial(t, org)
			var ids []string
			for range 3 {
				ids = append(ids, org.Insert("Account", map[string]any{"Name": "Acme"}))
			}
			contact := org.Insert("Contact", map[string]any{"LastName": "Unselected"})
			s, _ := b.latest(t, "/data/ChangeEvents", 100)
			if err := org.Transaction(func(tx *salesforcetest.Tx) error {
				for i, city := range []string{"Bonn", "Bonn", "Köln"} {
					if err := tx.Update("Account", ids[i], map[string]any{"BillingCity": city}); err != nil {
						return err
					}
				}
				if err := tx.Update("Contact", contact, map[string]any{"Title": "Dr"}); err != nil {
					return err
				}
				if err := tx.Delete("Account", ids[2]); err != nil {
					return err
				}
				_, err := tx.Insert("Case", map[string]any{"Subject": "last"})
				return err
			}); err != nil {
				t.Fatal(err)
			}
			var got []string
			keys := map[any]bool{}
			replay := ""
			for _, e := range events(t, s, len(c.want)) {
				if string(e.ReplayId) <= replay {
					t.Errorf("replay id %x after %x", e.ReplayId, replay)
				}
				replay = string(e.ReplayId)
				header, _ := b.decode(t, e)
				keys[header["transactionKey"]] = true
				got = append(got, fmt.Sprint(header["changeType"], " ", header["sequenceNumber"], " ", len(list(header["recordIds"]))))
			}
			if !reflect.DeepEqual(got, c.want) || len(keys) != 1 {
				t.Errorf("%q under %d keys, want %q under one", got, len(keys), c.want)
			}
		})
	}
}
