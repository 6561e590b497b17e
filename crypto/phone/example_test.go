package phone_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/phone"
)

func ExampleNewParser() {
	us, err := phone.NewParser("US")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(us.E164("(415) 555-0100"))
	fmt.Println(us.E164("020 7946 0958")) // a number in London
	// Output:
	// +14155550100 true
	//  false
}

// nobody opens anything.
type nobody struct{}

func (nobody) Record(context.Context, crypto.Use) error { return nil }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
