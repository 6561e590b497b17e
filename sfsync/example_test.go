package sfsync_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/access"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// The code blocks of the README are parts of this file.

// A whole job: it runs until ctx ends.
func Example() {
	job := func(ctx context.Context) error {
		env, err := salesforce.FromEnv(os.Getenv) // SFSYNC_LOGIN_URL, _ORG_ID, _CONSUMER_KEY, _USERNAME, _JWT_KEY_FILE
		if err != nil {
			return err
		}
		org, err := salesforce.New(env) // no I/O; Run signs in, and records it
		if err != nil {
			return err
		}
		defer org.Close()
		policy, err := minimize.ParseFile("policy.yaml")
		if err != nil {
			return err
		}
		rows, err := sqlite.Open(ctx, "data/crm.db") // rows, positions, ledger
		if err != nil {
			return err
		}
		defer rows.Close()
		keys, err := sqlite.OpenKeys(ctx, "keys/keys.db") // another type: a swap does not compile
		if err != nil {
			return err
		}
		defer keys.Close()
		kek, err := filekek.Open("secret/kek.json") // or any Tink KMS client
		if err != nil {
			return err
		}
		vault, err := crypto.OpenVault(ctx, keys, kek, env.OrgID)
		if err != nil {
			return err
		}
		defer vault.Close()
		s, err := sfsync.New(sfsync.Config{Org: org, Policy: policy, Store: rows, Vault: vault, Logger: slog.Default()})
		if err != nil {
			return err
		}
		return s.Run(ctx) // nil when ctx ends and accepted batches are committed
	}
	_ = job
}

// Forget takes a person out of the copy for good.
func ExampleSync_Forget() {
	request := func(ctx context.Context, s *sfsync.Sync) error {
		receipt, err := s.Forget(ctx, sfsync.Who{Record: "003…"}, "request 7 of 24 November")
		if err == nil && receipt.ResidualUntil.IsZero() {
			fmt.Println("forgotten; how long backups are kept is not known")
		}
		return err
	}
	_ = request
}

// Whoever comes again with the address of somebody forgotten waits for a decision.
func ExampleSync_Held() {
	review := func(ctx context.Context, s *sfsync.Sync, same func(crypto.Link) bool) error {
		held, err := s.Held(ctx)
		for _, record := range held {
			switch {
			case err != nil:
			case same(record): // the forgotten person
				_, err = s.Forget(ctx, sfsync.Who{Record: record.Record}, "came again; request 7 of 24 November")
			default: // somebody else with the address
				_, err = s.Lift(ctx, record.Record, "another person")
			}
		}
		return err
	}
	_ = review
}

// A person who calls is found by a blind index.
func Example_find() {
	find := func(ctx context.Context, guard *access.Guard) error {
		hits, err := guard.Find(ctx, access.Asker{Actor: "support", Purpose: "support", Reason: "call 4711"}, minimize.FindEmail, "ada@example.com")
		for _, hit := range hits {
			fmt.Println(hit.Object, hit.Field)
		}
		return err
	}
	_ = find
}

// Changes hands each batch to a pipeline before it is applied.
func ExampleSync_Changes() {
	pipeline := func(ctx context.Context, s *sfsync.Sync, publish func(object, id string) error) error {
		for batch, err := range s.Changes(ctx) {
			if err != nil {
				return err
			}
			for object, row := range batch.Rows() {
				if err := publish(object, row.ID); err != nil {
					return err // not acknowledged: the batch comes again
				}
			}
			if err := batch.Ack(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	_ = pipeline
}

// The Guard is the one door to a sealed field.
func Example_reveal() {
	show := func(ctx context.Context, vault *crypto.Vault, rows *sqlite.Store, policy *minimize.Policy, id string) error {
		guard, err := access.New(access.Config{Vault: vault, Reader: rows, Ledger: rows, Policy: policy,
			Grants: []access.Grant{{Actor: "billing", Purposes: []string{"fulfilment"},
				Objects: map[string][]string{"Contact": {"FirstName", "LastName"}}}}})
		if err != nil {
			return err
		}
		customer, err := guard.Reveal(ctx, access.Request{Actor: "billing", Purpose: "fulfilment", Reason: "reprint an invoice",
			Object: "Contact", Record: id, Fields: []string{"FirstName", "LastName"}})
		if err != nil {
			return err
		}
		name, _ := customer.Get("LastName")
		fmt.Println(len(name))
		return nil
	}
	_ = show
}
