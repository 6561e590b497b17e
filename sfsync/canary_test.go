package sfsync_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// lifePolicy is shopPolicy with more that is personal, numbers too.
const lifePolicy = shopPolicy + `
  Account:
    purpose: [fulfilment]
    person: [Id]
    personal: {Name, Phone, AnnualRevenue, BillingStreet, BillingCity, Description}
`

// fortune is a revenue that no generated customer has.
const fortune = "8675309142.75"

// TestCanary lives through a first copy, a stream, a kill, a resume, a dump of
// all goroutines and a pass, and searches all that is left behind.
func TestCanary(t *testing.T) {
	t.Parallel()
	s := newStage(t, newOrg(t, salesforcetest.Config{Records: 30, Marker: marker}), lifePolicy)
	s.add("fortune", fortune)
	s.addSigner(s.org.JWTKeyFile())
	s.stopped()

	first := s.spawn()
	first.sees("the first copy", s.ids("Account", "Contact", "Case", "Order"))
	account := s.org.Insert("Account", map[string]any{"Name": marker, "Phone": marker, "AnnualRevenue": fortune, "Description": marker})
	id := s.org.Insert("Contact", marked())
	first.sees("two inserts", []string{account, id})
	first.kill(os.Kill)
	s.remains()

	second := s.spawn()
	ticket := s.org.Insert("Case", map[string]any{"ContactId": id, "Subject": marker, "Description": marker, "SuppliedName": marker})
	s.org.Update("Contact", id, map[string]any{"FirstName": "Eve " + marker, "MailingCity": nil})
	second.sees("a case", []string{ticket})
	if runtime.GOOS != "windows" {
		second.kill(syscall.SIGQUIT)
		if !second.said.has("goroutine ") {
			t.Error("the child printed no stacks, so the search of them says nothing")
		}
	} else {
		second.kill(os.Kill)
	}
	s.remains()

	s.open(t, s.org)
	s.must(s.pass())
	s.org.Delete("Contact", id)
	s.must(s.follow(s.equal))
	s.stopped()
	s.clean()
}

// TestCanaryPlanted runs a copy that leaks in every place that the canary tests
// search: they must see each.
func TestCanaryPlanted(t *testing.T) {
	t.Parallel()
	s := newStage(t, newOrg(t, salesforcetest.Config{Records: 3, Marker: marker}), `
version: 1
purposes: {support: "answer a customer"}
objects:
  Contact:
    purpose: [support]
    person: [Id]
    plain: {Description: {category: user.content}}
`)
	s.org.Insert("Contact", marked())
	s.must(s.follow(s.equal))
	foreign := errors.New("no such row: " + rowText)
	logger(s.logs).Error("failed", "cause", foreign)
	s.fails = append(s.fails, fmt.Errorf("it failed: %w", foreign))
	s.must(s.rows.Append(t.Context(), audit.Entry{Kind: audit.KindReveal, Reason: "for " + marker}))
	s.must(s.rows.Append(t.Context(), audit.Entry{Kind: audit.KindReveal, Reason: "of " + s.ids("Contact")[0]}))
	s.must(os.WriteFile(filepath.Join(s.dir, "keys", "notes"), []byte(s.org.ClientSecret()), 0o600))
	s.stopped()
	for _, place := range []string{"log has marker", "error 0 has marker", "error 0 has URL", "ledger has marker", "ledger has record id",
		"batch has marker", "crm.db-wal has marker", "crm.db has marker", "notes has client secret"} {
		if !slices.ContainsFunc(s.leaks, func(leak string) bool { return strings.HasPrefix(leak, place) }) {
			t.Errorf("not seen: %s", place)
		}
	}
}

// addSigner adds the numbers of the key that signs in.
func (s *stage) addSigner(path string) {
	text, err := os.ReadFile(path)
	s.must(err)
	block, _ := pem.Decode(text)
	s.add("signing key", string(block.Bytes[len(block.Bytes)/2:]))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	s.must(err)
	signer := key.(*rsa.PrivateKey)
	for _, n := range append(signer.Primes, signer.D) {
		s.add("signing key", string(n.Bytes()))
		s.add("signing key", n.String()) // as %v prints it
	}
}

func (s *stage) ids(objects ...string) (list []string) {
	for _, object := range objects {
		for id := range s.org.Records(object) {
			list = append(list, id)
		}
	}
	return list
}

// remains searches what a killed process left: a log of the database that was
// not written back is among it.
func (s *stage) remains() {
	s.Helper()
	for _, part := range []string{"data", "keys", "tmp"} {
		s.report(s.files(s.TB, filepath.Join(s.dir, part)))
	}
	if wal, err := os.Stat(filepath.Join(s.dir, "data", "crm.db-wal")); err != nil || wal.Size() == 0 {
		s.Error("the killed process left no write-ahead log to search")
	}
}

// follower is a child process that keeps the copy. It says batches on its standard
// output, and logs on its standard error.
type follower struct {
	*stage
	cmd  *exec.Cmd
	out  records
	said records
}

var settings = []string{"SFSYNC_LOGIN_URL", "SFSYNC_INSTANCE_URL", "SFSYNC_ORG_ID", "SFSYNC_CONSUMER_KEY", "SFSYNC_USERNAME",
	"SFSYNC_JWT_KEY_FILE", "SFSYNC_PUBSUB_ENDPOINT", "SFSYNC_CA_FILE"}

func (s *stage) spawn() *follower {
	s.Helper()
	c := &follower{stage: s}
	s.must(os.MkdirAll(filepath.Join(s.dir, "tmp"), 0o700))
	c.cmd = exec.CommandContext(s.Context(), os.Args[0], "-test.run=^TestCanaryChild$")
	// gRPC logs for those who ask it to; what it says then is ours to answer for.
	c.cmd.Env = append(os.Environ(), "SFSYNC_CANARY_DIR="+s.dir, "TMPDIR="+filepath.Join(s.dir, "tmp"), "GOTRACEBACK=all",
		"GRPC_GO_LOG_SEVERITY_LEVEL=info", "GRPC_GO_LOG_VERBOSITY_LEVEL=2")
	for _, name := range settings {
		c.cmd.Env = append(c.cmd.Env, name+"="+s.org.Getenv(name))
	}
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.said
	s.must(c.cmd.Start())
	s.Cleanup(func() { c.cmd.Process.Kill() })
	return c
}

// sees waits until the records are among the child's batches.
func (c *follower) sees(what string, ids []string) {
	c.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		text := string(c.out.bytes())
		ids = slices.DeleteFunc(ids, func(id string) bool { return strings.Contains(text, id) })
		if len(ids) == 0 {
			return
		}
		if time.Now().After(deadline) {
			c.Fatalf("the child did not see %s: %q lack; it ends with %s", what, ids, tail(c.said.bytes()))
		}
	}
}

// kill ends the child and searches what it said.
func (c *follower) kill(how os.Signal) {
	c.Helper()
	c.must(c.cmd.Process.Signal(how))
	c.cmd.Wait() // an error, as it was killed
	c.report(c.find("standard output", c.out.bytes()))
	c.report(c.find("standard error", c.said.bytes()))
}

// TestCanaryChild is the child of TestCanary.
func TestCanaryChild(t *testing.T) {
	dir := os.Getenv("SFSYNC_CANARY_DIR")
	if dir == "" {
		t.Skip("it runs as the child of TestCanary only")
	}
	r := assemble(t, os.Getenv, dir, lifePolicy, os.Stderr, nil)
	out := json.NewEncoder(os.Stdout)
	for batch, err := range r.sync.Changes(t.Context()) {
		r.must(err)
		r.must(out.Encode(batch))
		r.must(batch.Ack(t.Context()))
	}
}

// tail is the end of a long text.
func tail(text []byte) []byte { return text[max(0, len(text)-8000):] }
