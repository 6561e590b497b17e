package crypto_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// book is a recorder that keeps what it is told, or refuses.
type book struct {
	uses []crypto.Use
	err  error
}

func (b *book) Record(_ context.Context, use crypto.Use) error {
	b.uses = append(b.uses, use)
	return b.err
}

func TestOpenerRecords(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	if _, err := e.vault.Opener(nil); fault.CodeOf(err) != fault.ConfigInvalid {
		t.Errorf("an opener without recorder: %v", err)
	}
	first, last := e.seal(field(1, "FirstName"), "Ada"), e.seal(field(1, "LastName"), "Lovelace")
	stranger := e.seal(field(2, "LastName"), "Babbage")
	use := crypto.Use{Actor: "ann", Purpose: "support", Reason: "case 7", Person: first.Person,
		Object: "Contact", Record: contact(1).Record, Fields: []string{"FirstName", "LastName"}}
	var down book
	o, err := e.vault.Opener(&down)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := o.Open(t.Context(), use, first, last)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"Ada", "Lovelace"} {
		if got, ok := plain[i].Reveal(); got != want || !ok {
			t.Errorf("value %d is %q, %v", i, got, ok)
		}
	}
	if d := cmp.Diff([]crypto.Use{use}, down.uses); d != "" {
		t.Errorf("recorded (-want +got):\n%s", d)
	}

	down.err = errors.New("disk full of Lovelace")
	_, err = o.Open(t.Context(), use, first)
	if fault.CodeOf(err) != fault.Refused || errors.Is(err, down.err) {
		t.Errorf("a use that was not recorded: %v, want %s", err, fault.Refused)
	}
	down.err = fault.New(fault.Denied, "test", "no")
	if _, err = o.Open(t.Context(), use, first); fault.CodeOf(err) != fault.Denied {
		t.Errorf("a recorder's own fault: %v, want %s", err, fault.Denied)
	}

	down = book{}
	narrow := use
	narrow.Fields = []string{"FirstName"}
	for name, v := range map[string]crypto.Sealed{"field not named": last, "record not named": stranger} {
		if got, err := o.Open(t.Context(), narrow, v); fault.CodeOf(err) != fault.Refused {
			t.Errorf("%s: %v, %v; want %s", name, got, err, fault.Refused)
		}
	}
	if len(down.uses) != 0 {
		t.Errorf("what was refused unasked is recorded: %v", down.uses)
	}
	bent := last
	bent.Bytes = bent.Bytes[:40]
	if got, err := o.Open(t.Context(), use, first, bent); err == nil || got != nil {
		t.Errorf("one of two opens: %v, %v", got, err)
	}
	if len(down.uses) != 1 {
		t.Error("an opening that failed is not recorded")
	}
}
