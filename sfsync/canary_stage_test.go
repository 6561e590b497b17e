package sfsync_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/bulk"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/rest"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// sealedPolicy lists nothing personal as plain, so that no marker may be in a
// file.
const sealedPolicy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Contact:
    purpose: [support]
    person: [Id]
    plain: {LeadSource: {category: user.behavior}}
    personal: {FirstName, LastName, Email: {find: email}, MobilePhone: {find: phone}, MailingStreet, MailingCity, Birthdate, Description}
  Case:
    purpose: [support]
    person: [ContactId]
    plain: {Status}
    personal: {Subject, Description, SuppliedName, SuppliedEmail: {find: email}}
`

// born is a birthday that no generated person has.
const born = "1931-07-29"

// marked are the fields of a contact with a marker in each.
func marked() map[string]any {
	return map[string]any{"FirstName": "Ada " + marker, "LastName": "Doe " + marker, "Email": "doe." + marker + "@example.com",
		"MobilePhone": "+1 555 " + marker, "MailingStreet": "1 Main St\n" + marker, "MailingCity": marker, "Birthdate": born,
		"Description": strings.Repeat("tall ", 99) + marker, "Phone": marker}
}

// stage is a copy that says everything it can, and what must not be in that.
type stage struct {
	*rig
	*search
	dir    string
	policy string
	logs   *records
	fails  []error
	seen   records // batches as JSON
	hits   atomic.Int64
	change func(*salesforce.Config)
	leaks  []string
	shown  []*x509.Certificate // by servers of the test's own
	undo   []func()
}

// newStage opens a new copy of an org whose people are marked. The spy comes before
// any fault, so that every token, assertion and secret sent becomes known.
func newStage(t testing.TB, org *salesforcetest.Org, policy string) *stage {
	t.Helper()
	s := &stage{search: newSearch(), dir: t.TempDir(), policy: policy, logs: &records{}}
	org.Intercept(salesforcetest.Fault{Times: -1, Match: func(r *http.Request) bool {
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		s.add("access token", token)
		if r.ParseForm() == nil {
			s.add("client secret", r.PostForm.Get("client_secret"))
			for part := range strings.SplitSeq(r.PostForm.Get("assertion"), ".") {
				s.add("assertion", part)
			}
		}
		return false
	}})
	s.add("client secret", org.ClientSecret())
	s.add("consumer key", org.ConsumerKey())
	s.add("user name", org.Username())
	s.add("birthday", born)
	s.open(t, org)
	return s
}

// open opens the copy, or opens it again.
func (s *stage) open(t testing.TB, org *salesforcetest.Org) {
	t.Helper()
	// The client-credentials flow, as most tests need no RSA key, which takes a
	// while to make.
	getenv := func(name string) string {
		if name == "SFSYNC_JWT_KEY_FILE" {
			return ""
		}
		return org.Getenv(name)
	}
	s.rig = assemble(t, getenv, s.dir, s.policy, s.logs, s.change)
	s.rig.org = org
	s.addKEK(filepath.Join(s.dir, "secret", "kek.json"))
}

// assemble is open with a logger for everything and a change to the
// configuration.
func assemble(t testing.TB, getenv func(string) string, dir, policy string, logs io.Writer, change func(*salesforce.Config)) *rig {
	t.Helper()
	r := &rig{TB: t, policy: parse(t, policy)}
	env, err := salesforce.FromEnv(getenv)
	r.must(err)
	env.Logger = logger(logs)
	if change != nil {
		change(&env)
	}
	r.client, err = salesforce.New(env)
	r.must(err)
	r.rows, err = sqlite.Open(t.Context(), filepath.Join(dir, "data", "crm.db"))
	r.must(err)
	r.keys, err = sqlite.OpenKeys(t.Context(), filepath.Join(dir, "keys", "keys.db"))
	r.must(err)
	kek, err := filekek.Open(filepath.Join(dir, "secret", "kek.json"))
	r.must(err)
	r.vault, err = crypto.OpenVault(t.Context(), r.keys, kek, env.OrgID)
	r.must(err)
	r.sync, err = sfsync.New(sfsync.Config{Org: r.client, Policy: r.policy, Store: r.rows, Vault: r.vault, Logger: env.Logger})
	r.must(err)
	t.Cleanup(func() { r.close() })
	return r
}

// addKEK adds the key-encryption key: the last 32 bytes of the Tink key.
func (s *stage) addKEK(path string) {
	var keyset struct {
		Key []struct{ KeyData struct{ Value string } }
	}
	text, err := os.ReadFile(path)
	s.must(errors.Join(err, json.Unmarshal(text, &keyset)))
	for _, k := range keyset.Key {
		raw, err := base64.StdEncoding.DecodeString(k.KeyData.Value)
		s.must(err)
		s.add("key-encryption key", string(raw[max(0, len(raw)-32):]))
	}
	if len(keyset.Key) == 0 {
		s.Fatal("the key file has no key")
	}
}

// arm arms a fault and counts the calls that it happens to.
func (s *stage) arm(f salesforcetest.Fault) {
	match := f.Match
	f.Match = func(r *http.Request) bool {
		if match != nil && !match(r) {
			return false
		}
		s.hits.Add(1)
		return true
	}
	s.undo = append(s.undo, s.org.Intercept(f))
}

// pass makes one pass.
func (s *stage) pass() error { return s.sync.CatchUp(s.Context()) }

// follow applies batches until done, or returns the fault that ends them.
func (s *stage) follow(done func() bool) error {
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.apply(ctx) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err == nil {
				err = fmt.Errorf("what was waited for did not happen: %s", s.difference())
			}
			return err
		case <-tick.C:
			if done() {
				cancel()
				return <-ended
			}
		}
	}
}

func (s *stage) apply(ctx context.Context) error {
	for batch, err := range s.sync.Changes(ctx) {
		if err != nil {
			return err
		}
		text, err := json.Marshal(batch)
		if err == nil {
			_, err = s.seen.Write(text)
		}
		if err == nil {
			err = batch.Ack(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// logged reports whether a fault of the code was logged.
func (s *stage) logged(code fault.Code) bool {
	return s.logs.has(`"code":"` + string(code) + `"`)
}

// restart stops the copy and opens it again, faults and all being over.
func (s *stage) restart() {
	s.Helper()
	for _, undo := range s.undo {
		undo()
	}
	s.undo, s.change = nil, nil
	s.stopped()
	s.open(s.TB, s.org)
}

// stopped searches the copy, closes it and searches what is left.
func (s *stage) stopped() {
	s.Helper()
	s.check()
	running := s.rig
	s.must(running.close())
	var b bytes.Buffer
	for _, v := range []any{running.sync, running.client, running.rows, running.keys} {
		show(&b, v)
	}
	s.report(s.find("printed object", b.Bytes()))
	s.report(s.files(s.TB, filepath.Join(s.dir, "data")))
	s.report(s.files(s.TB, filepath.Join(s.dir, "keys")))
}

// check searches all that the copy has said so far.
func (s *stage) check() {
	s.Helper()
	open := map[string][]byte{"log": s.logs.bytes()}
	for i, err := range s.fails {
		open[fmt.Sprint("error ", i)] = said(err)
	}
	var b bytes.Buffer
	for _, v := range []any{s.sync, s.client, rest.New(s.client), bulk.New(s.client), pubsub.New(s.client, pubsub.Options{})} {
		show(&b, v) // while it runs, too
	}
	show(&b, s.sync.Status())
	open["status"] = b.Bytes()
	ledger, err := exported(s.Context(), s.rows)
	s.must(err)
	open["ledger"] = ledger
	unsaid := s.unsaid()
	for where, hay := range open {
		s.report(s.find(where, hay))
		s.report(unsaid.find(where, hay))
	}
	s.report(s.find("batch", s.seen.bytes()))
	s.report(s.files(s.TB, filepath.Join(s.dir, "data")))
	s.report(s.files(s.TB, filepath.Join(s.dir, "keys")))
}

// unsaid is what may be in the copy but in no error, log or ledger: record ids,
// queries and URLs.
func (s *stage) unsaid() *search {
	list := &search{known: map[string]bool{}}
	for _, object := range []string{"Account", "Contact", "Case", "Order"} {
		for id := range s.org.Records(object) {
			list.add("record id", id)
			list.add("record id", id[:15])
		}
	}
	list.add("record id", "003AA0000000001") // of rowText
	list.add("query", "SELECT Id,")
	list.add("URL", "/services/data/v")
	list.add("URL", strings.TrimPrefix(s.org.InstanceURL(), "https://"))
	list.add("URL", s.org.PubSubAddress())
	return list
}

func (s *stage) report(found []string) { s.leaks = append(s.leaks, found...) }

// clean ends the test with what was found.
func (s *stage) clean() {
	s.Helper()
	for _, leak := range s.leaks {
		s.Error(leak)
	}
}
