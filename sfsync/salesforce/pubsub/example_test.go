package pubsub_test

import (
	"context"
	"fmt"
	"log"

	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// signIn makes a client of a test org. Of a real org: FromEnv(os.Getenv).
func signIn(test *salesforcetest.Org) *salesforce.Org {
	config, err := salesforce.FromEnv(test.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	org, err := salesforce.New(config)
	if err != nil {
		log.Fatal(err)
	}
	return org
}

func Example() {
	ctx := context.Background()
	test, err := salesforcetest.New(salesforcetest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer test.Close()
	org := signIn(test)
	defer org.Close()

	bus := pubsub.New(org, pubsub.Options{})
	for delivery, err := range bus.Subscribe(ctx, "/data/ContactChangeEvent", pubsub.Latest()) {
		if err != nil {
			log.Fatal(err)
		}
		if len(delivery.Events) == 0 { // from here on nothing is missed
			test.Insert("Contact", map[string]any{"LastName": "Muster"})
			continue
		}
		fmt.Println(len(delivery.Events), "event, position of", len(delivery.Events[0].ReplayID), "bytes")
		break
	}
	// Output:
	// 1 event, position of 10 bytes
}

func ExamplePubSub_Managed() {
	ctx := context.Background()
	test, err := salesforcetest.New(salesforcetest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer test.Close()
	test.Managed(salesforcetest.ManagedSubscription{DeveloperName: "Shop", Topic: "/data/ContactChangeEvent", DefaultReplay: "EARLIEST"})
	test.Insert("Contact", map[string]any{"LastName": "Muster"})
	org := signIn(test)
	defer org.Close()

	m := pubsub.New(org, pubsub.Options{}).Managed(pubsub.Subscription{DeveloperName: "Shop"})
	for delivery, err := range m.Deliveries(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		if len(delivery.Events) == 0 {
			continue
		}
		fmt.Println(len(delivery.Events), "event")
		// Once it is safe in a store of one's own:
		last := delivery.Events[len(delivery.Events)-1]
		if err := m.Commit(ctx, last.ReplayID); err != nil {
			log.Fatal(err)
		}
		break
	}
	// Output:
	// 1 event
}
