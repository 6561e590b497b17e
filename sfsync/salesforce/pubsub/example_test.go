package pubsub_test

import (
	"context"
	"fmt"
	"log"

	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

func Example() {
	ctx := context.Background()
	test, err := salesforcetest.New(salesforcetest.Config{}) // a real org: FromEnv(os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	defer test.Close()
	config, err := salesforce.FromEnv(test.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	org, err := salesforce.New(config)
	if err != nil {
		log.Fatal(err)
	}
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
