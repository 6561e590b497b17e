//go:build unix

package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// patience bounds every wait for the program.
const patience = time.Minute

const policy = `
version: 1
purposes: {support: "answer a customer"}
objects:
  Contact:
    purpose: [support]
    person: [Id]
    plain: {LeadSource: {category: user.behavior}}
    personal: {FirstName, LastName, Email}
`

// program is the built job, which every user may run.
var program string

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "job")
	if err == nil {
		defer os.RemoveAll(dir)
		err = os.Chmod(dir, 0o755)
	}
	program = filepath.Join(dir, "job")
	if out, e := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil || e != nil {
		fmt.Fprintf(os.Stderr, "the job cannot be built: %v %v\n%s", err, e, out)
		return 1
	}
	return m.Run()
}

// deployment is a directory and an environment that the job runs in.
type deployment struct {
	testing.TB
	org *salesforcetest.Org
	dir string
	env map[string]string
}

func deploy(t testing.TB) *deployment {
	t.Helper()
	org, err := salesforcetest.New(salesforcetest.Config{Records: 5, Marker: "CANARY44", PubSub: salesforcetest.PubSub{KeepAlive: 100 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { org.Close() })
	d := &deployment{TB: t, org: org, dir: t.TempDir(), env: map[string]string{"SFSYNC_HEALTH": "off", "PATH": os.Getenv("PATH")}}
	for _, name := range []string{"LOGIN_URL", "INSTANCE_URL", "ORG_ID", "CONSUMER_KEY", "USERNAME", "CLIENT_SECRET", "PUBSUB_ENDPOINT"} {
		d.env["SFSYNC_"+name] = org.Getenv("SFSYNC_" + name)
	}
	ca, err := os.ReadFile(org.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	d.write("ca.pem", string(ca))
	d.env["SFSYNC_CA_FILE"] = filepath.Join(d.dir, "ca.pem")
	d.write("policy.yaml", policy)
	return d
}

func (d *deployment) write(name, content string) {
	d.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(content), 0o644); err != nil {
		d.Fatal(err)
	}
}

// command is the job, or another program that runs it, in the deployment.
func (d *deployment) command(name string, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.Context()), patience) // it is stopped in a clean-up
	d.Cleanup(cancel)
	cmd = exec.CommandContext(ctx, name, args...)
	cmd.Dir = d.dir
	for key, value := range d.env {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, stdout, stderr
}

// serving is a job that runs.
type serving struct {
	*deployment
	cmd            *exec.Cmd
	stdout, stderr *bytes.Buffer
	status         string // as the health endpoint said it
}

// serve starts the job, or another program that runs it, with a health endpoint
// and waits until it is healthy.
func (d *deployment) serve(name string, args ...string) *serving {
	d.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.Fatal(err)
	}
	d.env["SFSYNC_HEALTH"] = l.Addr().String()
	l.Close()
	cmd, stdout, stderr := d.command(name, args...)
	if err := cmd.Start(); err != nil {
		d.Fatal(err)
	}
	s := &serving{d, cmd, stdout, stderr, ""}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		if status, body := s.health(); status == http.StatusOK {
			if !strings.Contains(body, `"Phase":"running"`) || !strings.Contains(body, `"Contact"`) {
				d.Errorf("healthy with the status %s", body)
			}
			s.status = body
			return s
		} else if status != 0 && status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			cmd.Process.Kill()
			cmd.Wait()
			d.Fatalf("health answers %d %s\n%s", status, body, stderr)
		}
	}
}

func (s *serving) health() (status int, body string) {
	client := http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + s.env["SFSYNC_HEALTH"] + "/healthz")
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	text.ReadFrom(resp.Body)
	return resp.StatusCode, text.String()
}

// stop ends the job as an orchestrator does.
func (s *serving) stop() {
	s.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.Errorf("after SIGTERM: %v, want exit status 0\n%s", err, s.stderr)
	}
	if text := s.stderr.String(); strings.Contains(text, "CANARY44") {
		s.Errorf("the log has a value:\n%s", text)
	}
}

// The job plans, copies, is healthy, stops on SIGTERM, resumes, and plans what
// a change of policy would do.
func TestJob(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	if plan := d.plan(); plan.Version != 1 || len(plan.Objects) != 1 || !plan.Objects[0].Create {
		t.Errorf("the first plan is %+v", plan)
	}
	d.serve(program).stop()
	if plan := d.plan(); !plan.Empty() {
		t.Errorf("after the first copy the plan is %+v", plan)
	}
	again := d.serve(program)
	again.stop()
	if text := again.stderr.String(); strings.Contains(text, "reading all records") {
		t.Errorf("the second run reads all again:\n%s", text)
	}
	d.write("policy.yaml", strings.NewReplacer("version: 1", "version: 2", ", Email", "").Replace(policy))
	plan := d.plan()
	if plan.Policy != 1 || plan.Version != 2 || len(plan.Objects) != 1 || fmt.Sprint(plan.Objects[0].Remove) != "[Email]" || plan.Objects[0].Rows != 5 {
		t.Errorf("the plan of a narrower policy is %+v", plan)
	}
}

func (d *deployment) plan() (plan store.Plan) {
	d.Helper()
	cmd, stdout, stderr := d.command(program, "-plan")
	if err := cmd.Run(); err != nil {
		d.Fatalf("-plan: %v\n%s", err, stderr)
	}
	if err := json.Unmarshal(stdout.Bytes(), &plan); err != nil {
		d.Fatalf("-plan prints %q: %v", stdout, err)
	}
	return plan
}

// TestRefusals runs the job over bad input: exit status 1, and one line.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		harm func(d *deployment)
		says string
	}{
		{"no settings", func(d *deployment) { clear(d.env) }, "config_invalid: ConsumerKey: give the consumer key of the app"},
		{"no policy", func(d *deployment) { os.Remove(filepath.Join(d.dir, "policy.yaml")) }, "config_invalid: the policy file does not exist; check its path"},
		{"wrong policy", func(d *deployment) { d.write("policy.yaml", strings.Replace(policy, "Email", "Jigsaw", 1)) }, "field_lost: Contact.Jigsaw: "},
		{"unreadable policy", func(d *deployment) { d.write("policy.yaml", strings.Replace(policy, "plain:", "plane:", 1)) }, "policy_invalid at line 8, column 5: the key is not known here; check its spelling"},
		{"unreachable org", func(d *deployment) { d.env["SFSYNC_INSTANCE_URL"] = "https://127.0.0.1:1" }, "unavailable: the host cannot be reached; check the URL, DNS and the firewall"},
		{"refused sign-in", func(d *deployment) { d.env["SFSYNC_CLIENT_SECRET"] = "wrong" }, "sign_in_refused: "},
		{"not selected", func(d *deployment) { d.org.Select("Contact", false) }, "not_selected: Contact: there is no such topic; select the object under Setup, Change Data Capture, or write changes: poll in the policy"},
		{"rows and keys in one file", func(d *deployment) { d.env["SFSYNC_KEYS"] = "data/crm.db" }, "config_invalid: the file is the other of the two databases"},
		{"health address taken", func(d *deployment) { d.env["SFSYNC_HEALTH"] = strings.TrimPrefix(d.org.InstanceURL(), "https://") }, "set SFSYNC_HEALTH"},
		{"second writer", func(d *deployment) {
			first := d.serve(program)
			d.Cleanup(first.stop)
			d.env["SFSYNC_HEALTH"] = "off"
		}, "store_busy: another process writes this copy; end it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := deploy(t)
			c.harm(d)
			cmd, stdout, stderr := d.command(program)
			err := cmd.Run()
			if cmd.ProcessState.ExitCode() != 1 || stdout.Len() > 0 {
				t.Errorf("%v, %q; want exit status 1 and nothing printed", err, stdout)
			}
			d.oneLine(stderr.String(), c.says)
		})
	}
}

// oneLine checks that the standard error ends in one line for a person, that
// all before it is the log, and that it repeats no secret.
func (d *deployment) oneLine(text, says string) {
	d.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, "job: ") || !strings.Contains(last, says) {
		d.Errorf("the last line is %q, want one with %q", last, says)
	}
	for _, line := range lines[:len(lines)-1] {
		if !json.Valid([]byte(line)) {
			d.Errorf("a line that is no log entry: %q", line)
		}
	}
	for _, secret := range []string{d.org.ClientSecret(), d.org.ConsumerKey(), d.org.Username(), d.org.OrgID()[:15], "CANARY44"} {
		if strings.Contains(text, secret) {
			d.Errorf("the standard error repeats %q", secret)
		}
	}
}

// A job that may read its directories but not write says so, and goes on when
// it may. As root may write everything, it runs as somebody else.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	nobody := func(cmd *exec.Cmd) {}
	if os.Getuid() == 0 {
		nobody = func(cmd *exec.Cmd) {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
	}
	for dir := d.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		os.Chmod(dir, 0o755)
	}
	d.mode(0o555)
	t.Cleanup(func() { os.Chmod(d.dir, 0o755) })
	cmd, _, stderr := d.command(program)
	nobody(cmd)
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("in a directory that is read-only: %v, want exit status 1", err)
	}
	d.oneLine(stderr.String(), "store_read_only: the database file or its directory cannot be written; check their owner, mode and mount")

	d.mode(0o777)
	cmd, _, stderr = d.command(program, "-plan")
	nobody(cmd)
	if err := cmd.Run(); err != nil {
		t.Errorf("once it may write: %v\n%s", err, stderr)
	}
}

func (d *deployment) mode(mode os.FileMode) {
	d.Helper()
	if err := os.Chmod(d.dir, mode); err != nil {
		d.Fatal(err)
	}
}

// A job whose disk fills up says so, and with space again goes on where it was.
// The disk is a small file system in memory, in a mount namespace of its own.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" || exec.Command("unshare", "-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt").Run() != nil {
		t.Skip("this machine lets nobody mount a small file system to fill up")
	}
	d := deploy(t)
	if err := d.org.Populate(1500); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(d.dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := d.serve("unshare", "-Urm", "sh", "-c", `
		mount -t tmpfs -o size=600k,mode=700 tmpfs data
		"$0"
		echo "ended with $?, beside $(ls data/crm.db)"
		mount -o remount,size=64m data
		exec "$0"`, program)
	s.stop()
	if got, want := s.stdout.String(), "ended with 1, beside data/crm.db\n"; got != want {
		t.Errorf("with a full disk it %q, want %q", got, want)
	}
	first, _, _ := strings.Cut(s.stderr.String(), "nothing is lost\n")
	d.oneLine(first, "store_full: there is no space left for the database; free some and start again, ")
	if !strings.Contains(s.status, `"Rows":1505,`) {
		t.Errorf("with space again the status is %s; want all 1,505 rows", s.status)
	}
}
