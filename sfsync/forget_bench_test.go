package sfsync_test

import (
	"testing"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// BenchmarkForget forgets a person with 1,000 rows, both databases on disk.
func BenchmarkForget(b *testing.B) {
	org := newOrg(b, salesforcetest.Config{})
	r := open(b, org, b.TempDir(), forgetPolicy)
	var contacts []string
	for range b.N {
		contact := org.Insert("Contact", map[string]any{"LastName": "Ada"})
		for range 999 {
			org.Insert("Case", map[string]any{"ContactId": contact, "Status": "New", "Subject": "mine"})
		}
		contacts = append(contacts, contact)
	}
	r.must(r.sync.CatchUp(b.Context()))
	for b.ResetTimer(); len(contacts) > 0; contacts = contacts[1:] {
		receipt, err := r.sync.Forget(b.Context(), sfsync.Who{Record: contacts[0]}, "benchmark")
		r.must(err)
		if receipt.Rows != 1000 {
			b.Fatalf("%d rows were erased", receipt.Rows)
		}
	}
}
