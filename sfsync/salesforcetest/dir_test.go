package salesforcetest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

func truth(org *salesforcetest.Org, objects ...string) map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, object := range objects {
		for id, fields := range org.Records(object) {
			all[id] = fields
		}
	}
	return all
}

func equalTruth(a, b map[string]map[string]string) bool {
	return maps.EqualFunc(a, b, func(x, y map[string]string) bool { return maps.Equal(x, y) })
}

func TestSecondRunIsTheSameOrg(t *testing.T) {
	t.Parallel()
	cfg := salesforcetest.Config{Dir: t.TempDir(), Records: 30}
	first, err := salesforcetest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	id := first.Insert("Contact", map[string]any{"LastName": "Weber", "Email": "a@example.com"})
	first.Update("Contact", id, map[string]any{"Email": nil, "FirstName": "Ada"})
	gone := first.Insert("Contact", map[string]any{"LastName": "Gone"})
	first.Delete("Contact", gone)
	purged := first.Insert("Contact", map[string]any{"LastName": "Purged"})
	first.Delete("Contact", purged)
	first.Purge("Contact", purged)
	first.AddField("Contact", "Nickname__c", "string", 20)
	first.Update("Contact", id, map[string]any{"Nickname__c": "Ace"})
	first.DropField("Contact", "Salutation")
	want := truth(first, "Account", "Contact", "Order", "OrderItem", "Case", "Lead", "User")
	identity := []string{first.OrgID(), first.UserID(), first.ConsumerKey(), first.ClientSecret(), first.InstanceURL(), first.PubSubAddress()}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	c := newClient(t, cfg)
	if got := truth(c.Org, "Account", "Contact", "Order", "OrderItem", "Case", "Lead", "User"); !equalTruth(got, want) {
		t.Errorf("%d records, want %d", len(got), len(want))
	}
	if got := []string{c.OrgID(), c.UserID(), c.ConsumerKey(), c.ClientSecret(), c.InstanceURL(), c.PubSubAddress()}; fmt.Sprint(got) != fmt.Sprint(identity) {
		t.Errorf("got %v, want %v", got, identity)
	}
	if p := c.query("SELECT Id FROM Contact WHERE Email = null AND FirstName = 'Ada' AND LastName = 'Weber' AND Nickname__c = 'Ace'"); p.TotalSize != 1 {
		t.Errorf("the record as last written is not found")
	}
	c.Undelete("Contact", gone)
	if next := c.Insert("Contact", map[string]any{"LastName": "New"}); want[next] != nil || next == gone || next == purged {
		t.Errorf("the id %s was given twice", next)
	}
}

func TestTornLogIsCut(t *testing.T) {
	t.Parallel()
	cfg := salesforcetest.Config{Dir: t.TempDir()}
	org, err := salesforcetest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	kept := org.Insert("Account", map[string]any{"Name": "Kept"})
	path := filepath.Join(cfg.Dir, "records.log")
	whole, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	torn := org.Insert("Account", map[string]any{"Name": "Torn"})
	if err := org.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, whole.Size()+9); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, cfg)
	if c.Record("Account", kept) == nil || c.Record("Account", torn) != nil {
		t.Errorf("after a torn write: %v", truth(c.Org, "Account"))
	}
	if next := c.Insert("Account", map[string]any{"Name": "Next"}); c.Record("Account", next)["Name"] != "Next" {
		t.Error("the org does not go on")
	}
}

func TestDamagedLogIsCut(t *testing.T) {
	t.Parallel()
	cfg := salesforcetest.Config{Dir: t.TempDir()}
	org, err := salesforcetest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	kept := org.Insert("Account", map[string]any{"Name": "Kept"})
	damaged := org.Insert("Account", map[string]any{"Name": "Damaged"})
	if err := org.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cfg.Dir, "records.log")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(raw, []byte("Damaged"), []byte("Damages"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, cfg)
	if c.Record("Account", kept) == nil || c.Record("Account", damaged) != nil {
		t.Errorf("after a bit changed: %v", truth(c.Org, "Account"))
	}
}

// TestKill kills an org that acknowledges what it wrote, and finds it all.
func TestKill(t *testing.T) {
	if dir := os.Getenv("SALESFORCETEST_KILL_DIR"); dir != "" {
		writeForever(dir)
	}
	dir := t.TempDir()
	acknowledged := map[string]string{}
	for round := range 3 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "SALESFORCETEST_KILL_DIR="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 100+37*round && lines.Scan(); n++ {
			id, name, _ := strings.Cut(lines.Text(), " ")
			acknowledged[id] = name
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what was acknowledged before the kill arrived
			if id, name, found := strings.Cut(lines.Text(), " "); found {
				acknowledged[id] = name
			}
		}
		_ = cmd.Wait() // it was killed
	}
	if len(acknowledged) < 300 {
		t.Fatalf("%d writes were acknowledged", len(acknowledged))
	}
	org, err := salesforcetest.New(salesforcetest.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer org.Close()
	for id, name := range acknowledged {
		if got := org.Record("Account", id)["Name"]; got != name {
			t.Errorf("%s is %q, %q was acknowledged", id, got, name)
		}
	}
}

func writeForever(dir string) {
	org, err := salesforcetest.New(salesforcetest.Config{Dir: dir})
	if err != nil {
		panic(err)
	}
	for n := 0; ; n++ {
		name := fmt.Sprintf("Account-%d-%d", os.Getpid(), n)
		fmt.Println(org.Insert("Account", map[string]any{"Name": name}), name)
	}
}

func TestFilesOfAnOrg(t *testing.T) {
	t.Parallel()
	c := newClient(t, salesforcetest.Config{Dir: t.TempDir()})
	for _, name := range []string{c.JWTKeyFile(), filepath.Join(filepath.Dir(c.CAFile()), "org.json")} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", filepath.Base(name), info, err)
		}
	}
	raw, err := os.ReadFile(c.CAFile())
	if err != nil || strings.Contains(string(raw), "PRIVATE") {
		t.Errorf("the CA file: %v", err)
	}
	var state map[string]any
	raw, err = os.ReadFile(filepath.Join(filepath.Dir(c.CAFile()), "org.json"))
	if err != nil || json.Unmarshal(raw, &state) != nil {
		t.Errorf("org.json: %v", err)
	}
}
