package salesforcetest_test

import (
	"context"
	"maps"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

func TestPeopleAreSynthetic(t *testing.T) {
	t.Parallel()
	people := 100_000
	if raced() {
		people = 2_000 // the race detector makes it minutes, and looks for something else
	}
	c := newClient(t, salesforcetest.Config{Records: people})
	mail := regexp.MustCompile(`^[a-z0-9.]+@example\.(com|net|org)$`)
	phone := regexp.MustCompile(`^(\([2-9]\d\d\) 555-01\d\d|\+1[2-9]\d\d55501\d\d)$`)
	mails := map[string]bool{}
	for _, object := range []string{"Account", "Contact", "Lead", "Case"} {
		for id, r := range c.Records(object) {
			for name, v := range r {
				switch {
				case strings.HasSuffix(name, "Email") && name != "HasOptedOutOfEmail":
					if !mail.MatchString(v) {
						t.Fatalf("%s of %s can be routed: %s", name, id, v)
					}
					mails[v] = true
				case strings.HasSuffix(name, "Phone"):
					if !phone.MatchString(v) {
						t.Fatalf("%s of %s can be dialled: %s", name, id, v)
					}
				case strings.Contains(v, "@"):
					t.Fatalf("%s of %s holds an address", name, id)
				}
			}
		}
	}
	if len(mails) != people {
		t.Errorf("%d addresses for %d people", len(mails), people)
	}
	for object, want := range map[string]int{"Account": people, "Contact": people, "Order": people, "OrderItem": 2 * people, "Case": (people + 2) / 3, "Lead": people / 5, "Product2": 20} {
		if got := c.Count(object); got != want {
			t.Errorf("%d of %s, want %d", got, object, want)
		}
	}
}

// raced reports a build with the race detector.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}

func TestPeopleFollowTheSeed(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
	people := func(cfg salesforcetest.Config) map[string]map[string]string {
		cfg.Now = now
		return truth(newClient(t, cfg).Org, "Account", "Contact", "Order", "Case")
	}
	same := people(salesforcetest.Config{Records: 40, Seed: 7})
	if !equalTruth(same, people(salesforcetest.Config{Records: 40, Seed: 7})) {
		t.Error("the same seed makes other people")
	}
	if equalTruth(same, people(salesforcetest.Config{Records: 40, Seed: 8})) {
		t.Error("another seed makes the same people")
	}
}

func TestMarker(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{Records: 15, Marker: "ZQX81"})
	personal := map[string][]string{
		"Account": {"Name", "Phone", "BillingStreet", "BillingCity", "BillingState", "BillingPostalCode", "ShippingStreet", "Description"},
		"Contact": {"FirstName", "LastName", "Name", "Email", "Phone", "MobilePhone", "MailingStreet", "MailingCity", "MailingPostalCode"},
		"Order":   {"BillingStreet", "ShippingCity", "ShippingPostalCode"},
		"Case":    {"Subject", "Description", "SuppliedName", "SuppliedEmail", "SuppliedPhone"},
		"Lead":    {"LastName", "Email", "Company", "Street", "Phone"},
	}
	for object, names := range personal {
		for id, r := range c.Records(object) {
			for _, name := range names {
				if !strings.Contains(strings.ToUpper(r[name]), "ZQX81") {
					t.Errorf("%s of %s %s has no marker: %q", name, object, id, r[name])
				}
			}
		}
	}
}

func TestChurn(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{Records: 20})
	before := truth(c.Org, "Account", "Contact", "Order", "Case")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Churn(ctx, 2000) }()
	deadline := time.After(20 * time.Second)
	for changes := 0; changes < 20; {
		select {
		case err := <-done:
			t.Fatal(err)
		case <-deadline:
			t.Fatal("nothing happens")
		case <-time.After(10 * time.Millisecond):
		}
		changes = 0
		for id, r := range truth(c.Org, "Account", "Contact", "Order", "Case") {
			if !maps.Equal(r, before[id]) {
				changes++
			}
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
