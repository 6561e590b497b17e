// Command testorg runs a Salesforce org for tests, for clients in any
// language: it prints one JSON line that says how to reach it and serves until
// it is interrupted.
//
//	go run ./examples/testorg -records 1000 -dir /tmp/org
//
// With -dir a second run is the same org. With -plaintext it listens without
// TLS as well, on loopback, for clients that cannot be given a CA file.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "testorg:", err)
		os.Exit(1)
	}
}

// settings is the line that is printed.
type settings struct {
	LoginURL             string `json:"login_url"`
	InstanceURL          string `json:"instance_url"`
	PubSubAddress        string `json:"pubsub_address"`
	OrgID                string `json:"org_id"`
	Username             string `json:"username"`
	Password             string `json:"password"`
	ClientID             string `json:"client_id"`
	ClientSecret         string `json:"client_secret"`
	AccessToken          string `json:"access_token"`
	CAFile               string `json:"ca_file"`
	JWTKeyFile           string `json:"jwt_key_file"`
	PlaintextLoginURL    string `json:"plaintext_login_url,omitempty"`
	PlaintextInstanceURL string `json:"plaintext_instance_url,omitempty"`
	PlaintextPubSub      string `json:"plaintext_pubsub_address,omitempty"`
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("testorg", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // main prints the error
	var cfg salesforcetest.Config
	flags.IntVar(&cfg.Records, "records", 100, "how many synthetic people a new org has")
	flags.StringVar(&cfg.Dir, "dir", "", "keep the org in this directory; empty keeps nothing")
	flags.BoolVar(&cfg.Plaintext, "plaintext", false, "listen without TLS as well")
	churn := flags.Int("churn", 0, "changes a second that go on by themselves")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(out)
		flags.Usage()
		return nil
	} else if err != nil {
		return err
	}
	org, err := salesforcetest.New(cfg)
	if err != nil {
		return err
	}
	if err := serve(ctx, org, *churn, out); err != nil {
		org.Close()
		return err
	}
	return org.Close()
}

func serve(ctx context.Context, org *salesforcetest.Org, churn int, out io.Writer) error {
	if err := json.NewEncoder(out).Encode(settings{LoginURL: org.LoginURL(), InstanceURL: org.InstanceURL(), PubSubAddress: org.PubSubAddress(),
		OrgID: org.OrgID(), Username: org.Username(), Password: org.Password(), ClientID: org.ConsumerKey(), ClientSecret: org.ClientSecret(),
		AccessToken: org.AccessToken(), CAFile: org.CAFile(), JWTKeyFile: org.JWTKeyFile(), PlaintextLoginURL: org.PlaintextLoginURL(),
		PlaintextInstanceURL: org.PlaintextInstanceURL(), PlaintextPubSub: org.PlaintextPubSubAddress()}); err != nil {
		return err
	}
	if churn > 0 {
		return org.Churn(ctx, churn)
	}
	<-ctx.Done()
	return nil
}
