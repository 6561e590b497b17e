package access_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"slices"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/access"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

func ExampleGuard_Reveal() {
	ctx := context.Background()
	vault, rows, id, end := oneContact() // a copy, as the engine makes it
	defer end()

	guard, err := access.New(access.Config{
		Vault: vault, Reader: rows, Ledger: rows, Policy: policy,
		Grants: []access.Grant{{Actor: "helpdesk", Purposes: []string{"support"}, Objects: map[string][]string{"Contact": {"Email", "Tier__c"}}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	contact, err := guard.Reveal(ctx, access.Request{
		Actor: "helpdesk", Purpose: "support", Reason: "case 4711", Object: "Contact", Record: id, Fields: []string{"Email", "Tier__c"},
	})
	if err != nil {
		log.Fatal(err)
	}
	email, _ := contact.Get("Email")
	fmt.Println(contact, email)
	// Output: [revealed] ada@example.com
}

func oneContact() (*crypto.Vault, *sqlite.Store, string, func()) {
	p := &program{}
	c := newCopy(p)
	return c.vault, c.rows, ada, p.end
}

// program stands in for a test where there is none.
type program struct {
	testing.TB
	ends []func()
}

func (p *program) Helper()                  {}
func (p *program) Context() context.Context { return context.Background() }
func (p *program) Fatal(args ...any)        { log.Fatal(args...) }
func (p *program) Cleanup(end func())       { p.ends = append(p.ends, end) }
func (p *program) TempDir() string {
	dir, err := os.MkdirTemp("", "access")
	must(p, err)
	p.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (p *program) end() {
	for _, end := range slices.Backward(p.ends) {
		end()
	}
}
