package sfsync_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// forgetEnv holds the orders of a process that TestForgetKilled started, and
// forgetWho the record of the person to forget.
const (
	forgetEnv = "SFSYNC_FORGET_CHILD"
	forgetWho = "SFSYNC_FORGET_WHO"
)

func (s doomedStore) Bury(ctx context.Context, persons []crypto.Person, entry audit.Entry) error {
	defer s.call("Bury")()
	return s.Store.Bury(ctx, persons, entry)
}

func (s doomedStore) Erase(ctx context.Context, persons []crypto.Person, plain []string) (int64, error) {
	defer s.call("Erase")()
	return s.Store.Erase(ctx, persons, plain)
}

func (k doomedKeys) Forget(ctx context.Context, persons []crypto.Person, mint crypto.Mint) ([]crypto.Person, error) {
	defer k.call("Forget")()
	return k.indexedKeys.Forget(ctx, persons, mint)
}

// forgetting is the child: it forgets, and kills itself on the way.
func forgetting(t *testing.T, text string) {
	d := &doomed{calls: map[string]int{}}
	noError(t, json.Unmarshal([]byte(text), &d.orders))
	env, err := salesforce.FromEnv(os.Getenv)
	noError(t, err)
	org, err := salesforce.New(env)
	noError(t, err)
	rows, err := sqlite.Open(t.Context(), filepath.Join(d.Dir, "data", "crm.db"))
	noError(t, err)
	keys, err := sqlite.OpenKeys(t.Context(), filepath.Join(d.Dir, "keys", "keys.db"))
	noError(t, err)
	kek, err := filekek.Open(filepath.Join(d.Dir, "secret", "kek.json"))
	noError(t, err)
	vault, err := crypto.OpenVault(t.Context(), doomedKeys{keys, d}, kek, env.OrgID)
	noError(t, err)
	s, err := sfsync.New(sfsync.Config{Org: org, Policy: parse(t, forgetPolicy), Store: doomedStore{rows, d}, Vault: vault})
	noError(t, err)
	_, err = s.Forget(t.Context(), sfsync.Who{Record: os.Getenv(forgetWho)}, "request 7")
	t.Fatal("it was not killed: ", err)
}

// A process that is killed at any step of a forgetting leaves no live row that
// does not open once the next session has begun, and no key of the person once
// the person is buried.
func TestForgetKilled(t *testing.T) {
	if text := os.Getenv(forgetEnv); text != "" {
		forgetting(t, text)
	}
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("only on Unix does the exit status tell that a process was killed")
	}
	for _, call := range []string{"Bury", "Forget", "Erase"} {
		for _, when := range []moment{dieBefore, dieDuring, dieAfter} {
			t.Run(string(when)+" "+call, func(t *testing.T) {
				t.Parallel()
				org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
				r := open(t, org, dir, forgetPolicy)
				contact, order, inquiry := customer(org, "Ada")
				other, _, _ := customer(org, "Grace")
				r.until("the first copy", r.equal)
				r.must(r.close())
				dies(t, org, orders{Dir: dir, Call: call, Nth: 1, When: when, In: 300 * time.Microsecond}, contact)

				r = open(t, org, dir, forgetPolicy)
				r.must(r.sync.CatchUp(t.Context()))
				all, left, err := r.rows.Buried(t.Context())
				r.must(err)
				if len(left) != 0 {
					t.Error("the next session did not finish it")
				}
				if !r.whole("Contact", other) {
					t.Error("the other person is not whole")
				}
				if len(all) == 0 { // nothing had begun: the copy is as it was
					if call != "Bury" || when == dieAfter || !r.equal() {
						t.Errorf("the forgetting is lost: %s", r.difference())
					}
					return
				}
				if d := r.away(contact, order, inquiry); d != "" {
					t.Error(d)
				}
				if keyed, err := r.vault.Keyed(t.Context(), all); err != nil || len(keyed) != 0 {
					t.Errorf("%d forgotten persons have keys: %v", len(keyed), err)
				}
			})
		}
	}
}

// dies runs a child that must be killed.
func dies(t *testing.T, org *salesforcetest.Org, o orders, who string) {
	t.Helper()
	text, err := json.Marshal(o)
	noError(t, err)
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestForgetKilled$")
	c.Env = append(os.Environ(), forgetEnv+"="+string(text), forgetWho+"="+who)
	for _, name := range []string{"LOGIN_URL", "INSTANCE_URL", "ORG_ID", "CONSUMER_KEY", "USERNAME", "JWT_KEY_FILE", "PUBSUB_ENDPOINT", "CA_FILE"} {
		c.Env = append(c.Env, "SFSYNC_"+name+"="+org.Getenv("SFSYNC_"+name))
	}
	if out, _ := c.CombinedOutput(); c.ProcessState.ExitCode() != -1 {
		t.Fatalf("the process ended by itself: %s", out)
	}
}

// Keys that are put back from a backup are destroyed before anything is sealed.
func TestForgottenKeysPutBack(t *testing.T) {
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	r := open(t, org, dir, forgetPolicy)
	contact, order, inquiry := customer(org, "Ada")
	r.until("the first copy", r.equal)
	row := r.row("Contact", contact)
	r.must(r.close())
	backup, err := os.ReadFile(filepath.Join(dir, "keys", "keys.db"))
	r.must(err)
	r = open(t, org, dir, forgetPolicy)
	_, err = r.sync.Forget(t.Context(), sfsync.Who{Person: row.Persons[0]}, "request 7")
	r.must(err)
	r.must(r.close())
	r.must(os.WriteFile(filepath.Join(dir, "keys", "keys.db"), backup, 0o600))
	r = open(t, org, dir, forgetPolicy)
	if keyed, err := r.vault.Keyed(t.Context(), row.Persons); err != nil || len(keyed) != 1 {
		t.Fatalf("the backup has no key: %v", err)
	}
	r.must(r.sync.CatchUp(t.Context()))
	if d := r.away(contact, order, inquiry); d != "" {
		t.Error(d)
	}
	opener, err := r.vault.Opener(anyone{})
	r.must(err)
	table, err := r.rows.Table(t.Context(), "Contact")
	r.must(err)
	for i, cell := range row.Cells {
		if table.Columns[i].Sealed && cell.State == store.Value {
			if _, err := reveal(opener, table, row, i); fault.CodeOf(err) != fault.Forgotten {
				t.Errorf("an old sealed value: %v", err)
			}
		}
	}
}
