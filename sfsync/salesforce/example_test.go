package salesforce_test

import (
	"fmt"
	"os"

	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// A program reads its settings from the environment and makes the org. Nothing
// is sent before the first call.
func ExampleFromEnv() {
	env, err := salesforce.FromEnv(os.Getenv)
	if err != nil {
		fmt.Println(err)
		return
	}
	org, err := salesforce.New(env)
	if err != nil {
		fmt.Println(err) // names the setting that is missing
		return
	}
	defer org.Close()
}

func ExampleNew() {
	org, err := salesforce.New(salesforce.Config{
		InstanceURL:  "https://acme.my.salesforce.com",
		OrgID:        "00DAA00000000012AA",
		ConsumerKey:  "3MVG9example",
		ClientSecret: salesforce.NewSecret("from your secret store"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer org.Close()

	org.Observe(func(e salesforce.Event) { fmt.Println(e.Kind, e.Identity.OrgID) }) // at each sign-in
	fmt.Println(org.OrgID())
	// Output: 00DAA00000000012AA
}
