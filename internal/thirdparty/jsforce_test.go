package thirdparty_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestJsforce runs jsforce.js, where Node is present. SFSYNC_JSFORCE names a
// folder in which npm ci was run already; without it that is done here, by the
// lock file, without running a script of any package.
func TestJsforce(t *testing.T) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not there: install nodejs and npm to test with jsforce", program)
		}
	}
	dir := os.Getenv("SFSYNC_JSFORCE")
	if dir == "" {
		dir = install(t)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	script, err := filepath.Abs("jsforce.js")
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(ctx, "node", script)
	node.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(dir, "node_modules"), "NODE_EXTRA_CA_CERTS="+org.CAFile(),
		"LOGIN_URL="+org.LoginURL(), "INSTANCE_URL="+org.InstanceURL(), "USERNAME="+org.Username(), "PASSWORD="+org.Password(),
		"CONSUMER_KEY="+org.ConsumerKey(), "CONSUMER_SECRET="+org.ClientSecret(), fmt.Sprint("PEOPLE=", people))
	out, err := node.CombinedOutput()
	want := []string{
		`login "` + org.InstanceURL() + `"`,
		`authorize "` + org.InstanceURL() + `"`,
		`identity "` + org.OrgID() + `"`,
		`paged true`,
		`count true`,
		`describe "003"`,
		`global true`,
		`limits 100000`,
		`error ["INVALID_FIELD","INVALID_FIELD"]`,
		`upsert true`,
		`retrieve "Ada Lovelace"`,
		`collection [true,"REQUIRED_FIELD_MISSING"]`,
		`updated true`,
		`destroy [true,true]`,
		`deleted true`,
		`bulk query "Id,LastName"`,
		`bulk insert [20,1,0]`,
		`bulk delete 20`,
	}
	if got := strings.Split(strings.TrimSpace(string(out)), "\n"); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v; got\n%s\nwant\n%s", err, out, strings.Join(want, "\n"))
	}
}

// install puts jsforce into a folder of its own.
func install(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json"} {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		t.Logf("%s", out)
		t.Skip("npm ci failed: the registry has to be reachable to test with jsforce, or SFSYNC_JSFORCE has to name an installed folder")
	}
	return dir
}
