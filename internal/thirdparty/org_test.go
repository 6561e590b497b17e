package thirdparty_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// people is how many a test finds: more than fit on one page of 2,000.
const people = 2100

// org is one for all tests: Go reads SSL_CERT_FILE once a process, and
// go-salesforce signs in through a client of its own that knows nothing else.
var org *salesforcetest.Org

func TestMain(m *testing.M) {
	var err error
	if org, err = salesforcetest.New(salesforcetest.Config{Records: people, BulkPage: 1000, BulkPolls: 1}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = os.Setenv("SSL_CERT_FILE", org.CAFile())
	code := m.Run()
	_ = org.Close()
	os.Exit(code)
}

// insert makes a contact that goes when the test ends.
func insert(t *testing.T, fields map[string]any) string {
	t.Helper()
	id := org.Insert("Contact", fields)
	t.Cleanup(func() {
		if org.Record("Contact", id) != nil {
			org.Delete("Contact", id)
		}
	})
	return id
}
