package sfsync_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// setUp is what a job is started with: an org, files, and settings.
type setUp struct {
	testing.TB
	org             *salesforcetest.Org
	dir             string
	policy          string
	rows, keys, kek string            // paths below dir
	env             map[string]string // settings that are not the org's
}

func newSetUp(t testing.TB, org *salesforcetest.Org) *setUp {
	return &setUp{TB: t, org: org, dir: t.TempDir(), policy: contactPolicy,
		rows: "data/crm.db", keys: "keys/keys.db", kek: "secret/kek.json",
		env: map[string]string{"SFSYNC_JWT_KEY_FILE": ""}} // signing in with a secret spares making an RSA key
}

func (s *setUp) path(file string) string { return filepath.Join(s.dir, file) }

func (s *setUp) getenv(name string) string {
	if value, set := s.env[name]; set {
		return value
	}
	return s.org.Getenv(name)
}

// assemble does what the main function of a job does. What it opened is closed
// by the rig, or by the end of the test.
func (s *setUp) assemble() (*rig, error) {
	r := &rig{TB: s, org: s.org}
	env, err := salesforce.FromEnv(s.getenv)
	if err != nil {
		return nil, err
	}
	if r.client, err = salesforce.New(env); err != nil {
		return nil, err
	}
	s.Cleanup(func() { r.client.Close() })
	if r.policy, err = minimize.Parse([]byte(s.policy)); err != nil {
		return nil, err
	}
	if r.rows, err = sqlite.Open(s.Context(), s.path(s.rows)); err != nil {
		return nil, err
	}
	s.Cleanup(func() { r.rows.Close() })
	if r.keys, err = sqlite.OpenKeys(s.Context(), s.path(s.keys)); err != nil {
		r.rows.Close()
		return nil, err
	}
	s.Cleanup(func() { r.keys.Close() })
	kek, err := filekek.Open(s.path(s.kek))
	if err == nil {
		r.vault, err = crypto.OpenVault(s.Context(), r.keys, kek, env.OrgID)
	}
	if err == nil {
		r.sync, err = sfsync.New(sfsync.Config{Org: r.client, Policy: r.policy, Store: r.rows, Vault: r.vault})
	}
	if err != nil {
		errors.Join(r.keys.Close(), r.rows.Close())
		return nil, err
	}
	return r, nil
}

// run is the job until it fails.
func (s *setUp) run() error {
	r, err := s.assemble()
	if err != nil {
		return err
	}
	defer r.close()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	return r.sync.Run(ctx)
}

// follow runs the job until the copy is the org, and returns the Seq of a row.
func (s *setUp) follow(id string) int64 {
	s.Helper()
	r, err := s.assemble()
	if err != nil {
		s.Fatal(err)
	}
	defer r.close()
	r.until("a copy equal to the org", r.equal)
	if _, err := audit.Verify(s.Context(), r.rows); err != nil {
		s.Error(err)
	}
	return r.row("Contact", id).Seq
}

// edit changes bytes of a closed file.
func (s *setUp) edit(file string, at int64, to []byte) {
	s.Helper()
	f, err := os.OpenFile(s.path(file), os.O_RDWR, 0)
	if err == nil {
		_, err = f.WriteAt(to, at)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		s.Fatal(err)
	}
}

func (s *setUp) rename(from, to string) {
	s.Helper()
	if err := os.Rename(s.path(from), s.path(to)); err != nil {
		s.Fatal(err)
	}
}

// version adds to SQLite's user_version (sqlite.org/fileformat2.html, 1.3.14).
func (s *setUp) version(file string, add int32) {
	s.Helper()
	header, err := os.ReadFile(s.path(file))
	if err != nil {
		s.Fatal(err)
	}
	s.edit(file, 60, binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(header[60:])+uint32(add)))
}

// other is another org with a copy of its own, whose files can be put in place
// of these.
func (s *setUp) other() *setUp {
	s.Helper()
	o := newSetUp(s, newOrg(s, salesforcetest.Config{}))
	o.follow(o.org.Insert("Contact", map[string]any{"LastName": "elsewhere"}))
	return o
}

// TestRefusals starts a job that had been running over each kind of bad input.
// It must end with one sentence that says what to do and gives nothing away,
// and once mended, the same files go on where they were.
func TestRefusals(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func(*setUp) { return func(s *setUp) { s.env[name] = value } }
	unset := func(name string) func(*setUp) { return func(s *setUp) { delete(s.env, name) } }
	var held *rig // of the second writer
	for _, c := range []struct {
		name string
		harm func(*setUp)
		code fault.Code
		says string // a part of the advice
		mend func(*setUp)
	}{
		{"setting missing", set("SFSYNC_CONSUMER_KEY", ""), fault.ConfigInvalid, "give the consumer key", unset("SFSYNC_CONSUMER_KEY")},
		{"policy with a typing error", func(s *setUp) { s.policy = strings.Replace(contactPolicy, "person:", "persons:", 1) },
			fault.PolicyInvalid, "at line 7, column 5", func(s *setUp) { s.policy = contactPolicy }},
		{"policy with an unknown purpose", func(s *setUp) {
			s.policy = strings.Replace(contactPolicy, "purpose: [support]", "purpose: [selling]", 1)
		},
			fault.PolicyInvalid, "add it to purposes", func(s *setUp) { s.policy = contactPolicy }},
		{"older policy", func(s *setUp) { s.raise(); s.begin().close(); s.policy = contactPolicy }, fault.PolicyOlder, "raise the version of this one", (*setUp).raise},
		{"policy changed under its version", func(s *setUp) { s.policy = strings.Replace(contactPolicy, "LastName, ", "", 1) },
			fault.PolicyInvalid, "raise its version", func(s *setUp) { s.policy = contactPolicy }},

		{"unreachable org", func(s *setUp) { s.env["SFSYNC_INSTANCE_URL"] = "https://" + closedPort(s) }, fault.Unavailable, "check", unset("SFSYNC_INSTANCE_URL")},
		{"user deactivated", func(s *setUp) { s.org.RevokeUser() }, fault.SignInRefused, "; ", func(s *setUp) { s.org.RestoreUser() }},
		{"wrong secret", set("SFSYNC_CLIENT_SECRET", "wrong-secret-9f2"), fault.SignInRefused, "check consumer key, secret", unset("SFSYNC_CLIENT_SECRET")},
		{"credentials of another org", func(s *setUp) {
			o := newOrg(s, salesforcetest.Config{})
			for _, name := range []string{"SFSYNC_LOGIN_URL", "SFSYNC_INSTANCE_URL", "SFSYNC_CONSUMER_KEY", "SFSYNC_CLIENT_SECRET", "SFSYNC_USERNAME", "SFSYNC_CA_FILE"} {
				s.env[name] = o.Getenv(name)
			}
		}, fault.WrongOrg, "check the org id", func(s *setUp) { s.env = newSetUp(s, s.org).env }},
		{"object not selected", func(s *setUp) { s.org.Select("Contact", false) }, fault.NotSelected,
			"select the object under Setup, Change Data Capture, or write changes: poll", func(s *setUp) { s.org.Select("Contact", true) }},
		{"no View All", func(s *setUp) { s.org.SetViewAll("Contact", false) }, fault.Denied, "grant View All on the object", func(s *setUp) { s.org.SetViewAll("Contact", true) }},
		{"field lost", func(s *setUp) { s.org.HideField("Contact", "Email") }, fault.FieldLost, "Contact.Email: ", func(s *setUp) { s.org.ShowField("Contact", "Email") }},
		{"object lost", func(s *setUp) { s.org.DenyObject("Contact") }, fault.ObjectLost, "Contact: ", func(s *setUp) { s.org.AllowObject("Contact") }},

		{"rows of another org", func(s *setUp) { s.swap("data/crm.db", s.other()) }, fault.WrongOrg, "name another path", func(s *setUp) { s.swapBack("data/crm.db") }},
		{"keys of another org", func(s *setUp) { s.swap("keys/keys.db", s.other()) }, fault.WrongOrg, "give the one of this org", func(s *setUp) { s.swapBack("keys/keys.db") }},
		{"rows and keys in one file", func(s *setUp) { s.keys = s.rows }, fault.ConfigInvalid, "OpenKeys the keys", func(s *setUp) { s.keys = "keys/keys.db" }},
		{"newer rows", func(s *setUp) { s.version(s.rows, 90) }, fault.StoreNewer, "use that release", func(s *setUp) { s.version(s.rows, -90) }},
		{"newer keys", func(s *setUp) { s.version(s.keys, 90) }, fault.StoreNewer, "use that release", func(s *setUp) { s.version(s.keys, -90) }},
		{"second writer", func(s *setUp) { held = s.begin() }, fault.StoreBusy, "another process writes this copy; end it", func(s *setUp) { held.must(held.close()) }},

		{"key file missing", func(s *setUp) { s.rename(s.kek, "kept") }, fault.KeyUnavailable, "restore the file from its backup", func(s *setUp) { s.rename("kept", s.kek) }},
		{"another key file", func(s *setUp) { s.swap("secret/kek.json", s.other()) }, fault.KeyUnavailable, "give the file that the database was made with",
			func(s *setUp) { s.swapBack("secret/kek.json") }},
		{"key file beside the keys", func(s *setUp) { s.rename(s.kek, "keys/kek.json"); s.kek = "keys/kek.json" }, fault.ConfigInvalid, "keep it elsewhere",
			func(s *setUp) { s.rename(s.kek, "secret/kek.json"); s.kek = "secret/kek.json" }},
		{"key file beside the rows", func(s *setUp) { s.rename(s.kek, "data/kek.json"); s.kek = "data/kek.json" }, fault.ConfigInvalid, "keep it elsewhere",
			func(s *setUp) { s.rename(s.kek, "secret/kek.json"); s.kek = "secret/kek.json" }},
		{"key file for all to read", func(s *setUp) { s.mode(s.kek, 0o644) }, fault.ConfigInvalid, "; ", func(s *setUp) { s.mode(s.kek, 0o600) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSetUp(t, newOrg(t, salesforcetest.Config{Records: 3, Marker: "CANARY71"}))
			untouched := s.org.Insert("Contact", map[string]any{"LastName": "CANARY71 untouched"})
			changed := s.org.Insert("Contact", map[string]any{"LastName": "CANARY71 first"})
			seq := s.follow(untouched)
			s.org.Update("Contact", changed, map[string]any{"LastName": "CANARY71 second"})
			s.org.Insert("Contact", map[string]any{"LastName": "CANARY71 new"})
			c.harm(s)
			oneSentence(t, s, s.run(), c.code, c.says)
			c.mend(s)
			if now := s.follow(untouched); now != seq {
				t.Errorf("a record that did not change was written again: %d, then %d", seq, now)
			}
		})
	}
}

// oneSentence checks the code, and that the error is one line of ours with
// advice in it, and repeats no setting, path, id or value.
func oneSentence(t testing.TB, s *setUp, err error, code fault.Code, says string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Code() != code {
		t.Errorf("got %v, want %s", err, code)
		return
	}
	text := err.Error()
	if error(e) != err || errors.Unwrap(err) != nil || strings.Contains(text, "\n") || !strings.Contains(text, says) {
		t.Errorf("%q is not one sentence with %q", text, says)
	}
	for _, secret := range []string{"CANARY71", s.dir, s.org.OrgID()[:15], s.org.ConsumerKey(), s.org.ClientSecret(), s.org.Username(),
		s.org.AccessToken(), "127.0.0.1", "localhost", "https://", "wrong-secret"} {
		if secret != "" && strings.Contains(text, secret) {
			t.Errorf("%q repeats %q", text, secret)
		}
	}
}

// closedPort is an address at which nobody listens.
func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// raise gives the policy its next version.
func (s *setUp) raise() { s.policy = strings.Replace(contactPolicy, "version: 1", "version: 2", 1) }

// begin has a writer open the copy and takes a batch without applying it.
func (s *setUp) begin() *rig {
	s.Helper()
	r, err := s.assemble()
	if err != nil {
		s.Fatal(err)
	}
	for _, err := range r.sync.Changes(s.Context()) {
		r.must(err)
		break
	}
	return r
}

// swap puts another set-up's file in the place of this one's.
func (s *setUp) swap(file string, o *setUp) {
	s.Helper()
	s.rename(file, "kept")
	content, err := os.ReadFile(o.path(file))
	if err == nil {
		err = os.WriteFile(s.path(file), content, 0o600)
	}
	if err != nil || bytes.Equal(content, nil) {
		s.Fatal("the other file cannot be taken: ", err)
	}
}

func (s *setUp) swapBack(file string) { s.rename("kept", file) }

func (s *setUp) mode(file string, mode os.FileMode) {
	s.Helper()
	if err := os.Chmod(s.path(file), mode); err != nil {
		s.Fatal(err)
	}
}
