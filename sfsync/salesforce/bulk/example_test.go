package bulk_test

import (
	"context"
	"fmt"
	"log"

	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/bulk"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

func Example() {
	ctx := context.Background()
	test, err := salesforcetest.New(salesforcetest.Config{}) // a real org: FromEnv(os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	defer test.Close()
	test.Insert("Contact", map[string]any{"LastName": "Muster", "Description": "line one\r\nline two"})

	config, err := salesforce.FromEnv(test.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	org, err := salesforce.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer org.Close()

	jobs := bulk.New(org)
	job, err := jobs.Create(ctx, "SELECT LastName, Description FROM Contact", false)
	if err != nil {
		log.Fatal(err)
	}
	if job, err = jobs.Wait(ctx, job.ID); err != nil {
		log.Fatal(err)
	}
	for page, err := range jobs.Results(ctx, job, "") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(page.Header)
		for row, err := range page.Rows() {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Printf("%q\n", row)
		}
	}
	// Output:
	// [LastName Description]
	// ["Muster" "line one\r\nline two"]
}
