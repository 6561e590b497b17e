// Command quickstart shows the whole of sfsync in under a minute, with nothing
// to set up: a Salesforce org in this process (a fake, with invented people),
// the first copy of it, live changes, and what lies on disk afterwards.
//
// With -dir the org and the copy are kept, and a second run resumes.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

//go:embed policy.yaml
var policyYAML []byte

func main() {
	var q quickstart
	flag.StringVar(&q.dir, "dir", "", "keep org, copy and keys here; empty: a temporary directory, removed at the end")
	flag.IntVar(&q.records, "records", 3000, "how many customers the test org has")
	flag.DurationVar(&q.follow, "for", 5*time.Second, "how long to follow live changes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := q.run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// quickstart is one run of the story.
type quickstart struct {
	dir     string
	records int
	follow  time.Duration

	out    io.Writer
	org    *salesforcetest.Org
	env    salesforce.Config
	client *salesforce.Org
	policy *minimize.Policy
	rows   *sqlite.Store
	keys   *sqlite.Keys
	vault  *crypto.Vault
	sync   *sfsync.Sync
	opened []io.Closer

	kept     bool   // the directory stays
	customer string // a record id to reveal
}

func (q *quickstart) run(ctx context.Context, out io.Writer) (err error) {
	q.out = out
	q.kept = q.dir != ""
	if !q.kept {
		if q.dir, err = os.MkdirTemp("", "sfsync-quickstart-"); err != nil {
			return errors.New("no temporary directory can be made; name one with -dir")
		}
		defer os.RemoveAll(q.dir)
	}
	defer func() { err = errors.Join(err, q.close()) }()
	for _, step := range []func(context.Context) error{q.startOrg, q.openCopy, q.copyAndFollow, q.showDisk, q.reveal, q.verify} {
		err := step(ctx)
		if err != nil && errors.Is(err, ctx.Err()) {
			return nil // Ctrl-C is no failure, wherever it came
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
	q.pointAtYourOrg()
	return nil
}

func (q *quickstart) say(format string, args ...any) { fmt.Fprintf(q.out, format+"\n", args...) }

// startOrg starts the fake org. Everything after it is what a real job does.
func (q *quickstart) startOrg(context.Context) (err error) {
	q.say("1. A Salesforce org on this machine: a fake that speaks the real protocols. Every person in it is invented.")
	if err := os.MkdirAll(filepath.Join(q.dir, "org"), 0o700); err != nil {
		return errors.New("the directory cannot be written; name another with -dir")
	}
	q.org, err = salesforcetest.New(salesforcetest.Config{Dir: filepath.Join(q.dir, "org"), Records: q.records})
	if err != nil {
		return err
	}
	q.opened = append(q.opened, q.org)
	q.say("   %d contacts, %d orders, %d order items, %d cases; TLS 1.3 under its own certificate authority\n",
		q.org.Count("Contact"), q.org.Count("Order"), q.org.Count("OrderItem"), q.org.Count("Case"))
	return nil
}

// openCopy makes policy, databases and keys: the lines a user writes.
func (q *quickstart) openCopy(ctx context.Context) (err error) {
	path := filepath.Join(q.dir, "policy.yaml")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(path, policyYAML, 0o600); err != nil {
			return errors.New("policy.yaml cannot be written; name another directory with -dir")
		}
	}
	if q.env, err = salesforce.FromEnv(q.org.Getenv); err != nil {
		return err
	}
	if q.client, err = salesforce.New(q.env); err != nil {
		return err
	}
	q.opened = append(q.opened, q.client)
	if q.policy, err = minimize.ParseFile(path); err != nil {
		return err
	}
	if q.rows, err = sqlite.Open(ctx, filepath.Join(q.dir, "data", "crm.db")); err != nil {
		return err
	}
	q.opened = append(q.opened, q.rows)
	if q.keys, err = sqlite.OpenKeys(ctx, filepath.Join(q.dir, "keys", "keys.db")); err != nil {
		return err
	}
	q.opened = append(q.opened, q.keys)
	kek, err := filekek.Open(filepath.Join(q.dir, "keys", "kek.json"), filekek.Colocated("a demonstration on invented people"))
	if err != nil {
		return err
	}
	if q.vault, err = crypto.OpenVault(ctx, q.keys, kek, q.env.OrgID); err != nil {
		return err
	}
	q.opened = append(q.opened, q.vault)
	q.sync, err = sfsync.New(sfsync.Config{Org: q.client, Policy: q.policy, Store: q.rows, Vault: q.vault})
	if err != nil {
		return err
	}
	q.say("2. A policy and keys")
	for _, name := range q.policy.ObjectNames() {
		o := q.policy.Objects[name]
		q.say("   %-10s %2d plain and %2d personal fields, for %v", name, len(o.Plain), len(o.Personal), o.Purpose)
	}
	q.say("   every other field of the org is never decoded\n")
	return nil
}

// close closes what was opened, the last first.
func (q *quickstart) close() error {
	var errs []error
	for _, c := range slices.Backward(q.opened) {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
