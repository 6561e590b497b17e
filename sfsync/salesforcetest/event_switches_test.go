package salesforcetest_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/avro"
	"google.golang.org/grpc/codes"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

const accounts = "/data/AccountChangeEvent"

func TestHiddenFieldArrivesNull(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		drop    bool
		changed []string
	}{
		"its bit stays": {false, []string{"BillingAddress.City", "LastModifiedDate", "Phone"}},
		"its bit goes":  {true, []string{"LastModifiedDate"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{PubSub: salesforcetest.PubSub{DropHiddenBits: c.drop}})
			b := dial(t, org)
			id := org.Insert("Account", map[string]any{"Name": "Acme", "Phone": "555-0100", "BillingCity": "Bonn", "Fax": "555-0101"})
			org.Update("Account", id, map[string]any{"Phone": "555-0102", "BillingCity": "Köln"})
			org.HideField("Account", "Phone")
			org.HideField("Account", "BillingCity")
			all := events(t, b.earliest(t, accounts, 2), 2)
			_, body := b.decode(t, all[0])
			if body["Phone"] != nil || body["Name"] != "Acme" || body["Fax"] != "555-0101" || body["BillingAddress"].(map[string]any)["City"] != nil {
				t.Errorf("the reader gets %v", body)
			}
			header, body := b.decode(t, all[1])
			if got := b.names(t, all[1], header["changedFields"]); !reflect.DeepEqual(got, c.changed) || body["Phone"] != nil {
				t.Errorf("changed %v with Phone %v, want %v and null", got, body["Phone"], c.changed)
			}
			org.ShowField("Account", "Phone")
			if _, body := b.decode(t, events(t, b.earliest(t, accounts, 1), 1)[0]); body["Phone"] != "555-0100" {
				t.Errorf("shown again, Phone is %v", body["Phone"])
			}
		})
	}
}

func TestHoldPublish(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	b := dial(t, org)
	s, before := b.latest(t, accounts, 100)
	release := org.HoldPublish()
	id := org.Insert("Account", map[string]any{"Name": "Late"})
	if org.Record("Account", id)["Name"] != "Late" {
		t.Error("the row is not there before its event")
	}
	_, during := b.latest(t, accounts, 1)
	release()
	release() // does nothing
	e := events(t, s, 1)[0]
	if fmt.Sprintf("%x", e.ReplayId) <= fmt.Sprintf("%x", during) || fmt.Sprintf("%x", during) <= fmt.Sprintf("%x", before) {
		t.Errorf("replay ids %x, %x and of the event %x do not rise", before, during, e.ReplayId)
	}
}

func TestMishaps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arrange func(*salesforcetest.Org)
		want    []string
	}{
		"gap":           {func(o *salesforcetest.Org) { o.GapNext("") }, []string{"GAP_CREATE 003", "GAP_UPDATE 001"}},
		"gap of a kind": {func(o *salesforcetest.Org) { o.GapNext(salesforcetest.Delete) }, []string{"GAP_DELETE 003", "GAP_DELETE 001"}},
		"overflow":      {(*salesforcetest.Org).OverflowNext, []string{"GAP_OVERFLOW 000000000000000AAA", "GAP_OVERFLOW 000000000000000AAA"}},
		"wildcard":      {(*salesforcetest.Org).WildcardNext, []string{"UPDATE 003*", "UPDATE 001*"}},
		"lost":          {(*salesforcetest.Org).LoseNext, nil},
		"work of its own": {func(o *salesforcetest.Org) {
			_ = o.Gap("Account", salesforcetest.Update, "001000000000001AAA")
			o.LoseNext()
		}, []string{"GAP_UPDATE 001"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, salesforcetest.Config{})
			b := dial(t, org)
			id := org.Insert("Account", map[string]any{"Name": "Acme"})
			s, _ := b.latest(t, "/data/ChangeEvents", 100)
			c.arrange(org)
			if err := org.Transaction(func(tx *salesforcetest.Tx) error {
				_, err := tx.Insert("Contact", map[string]any{"LastName": "Byron"})
				if err == nil {
					return tx.Update("Account", id, map[string]any{"Phone": "555-0100"})
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
			org.Insert("Case", map[string]any{"Subject": "the next transaction is whole"})
			var got []string
			for _, e := range events(t, s, len(c.want)+1) {
				header, body := b.decode(t, e)
				if header["entityName"] == "Case" {
					break
				}
				if len(body) > 0 || len(header["changedFields"].([]any)) > 0 {
					t.Errorf("%v has a body or changed fields", header)
				}
				ids := list(header["recordIds"])[0]
				if len(ids) == 18 && ids != "000000000000000AAA" {
					ids = ids[:3]
				}
				got = append(got, header["changeType"].(string)+" "+ids)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestUndecodable(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	b := dial(t, org)
	org.UndecodableNext()
	org.HideField("Account", "Phone")
	org.Insert("Account", map[string]any{"Name": "Acme"})
	e := events(t, b.earliest(t, accounts, 1), 1)[0]
	info, err := b.GetSchema(b.ctx, &pubsubpb.SchemaRequest{SchemaId: e.Event.SchemaId})
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if _, err := avro.MustParse(info.SchemaJson).Decode(e.Event.Payload, &v); err == nil {
		t.Errorf("the payload decodes to %v", v)
	}
}

func TestRedeliver(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	b := dial(t, org)
	for i := range 3 {
		org.Insert("Account", map[string]any{"Name": fmt.Sprint("Acme ", i)})
	}
	if err := org.Redeliver(2); err != nil {
		t.Fatal(err)
	}
	all := events(t, b.earliest(t, accounts, 100), 5)
	for i := range 2 {
		first, again := all[i+1], all[i+3]
		if first.Event.Id != again.Event.Id || string(first.Event.Payload) != string(again.Event.Payload) || string(first.ReplayId) == string(again.ReplayId) {
			t.Errorf("event %d came again as %v", i, again)
		}
	}
}

func TestExpire(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	org := newOrg(t, salesforcetest.Config{Dir: dir})
	b := dial(t, org)
	s, first := b.latest(t, accounts, 100)
	org.Insert("Account", map[string]any{"Name": "Old"})
	last := events(t, s, 1)[0].ReplayId
	if err := org.Expire(); err != nil {
		t.Fatal(err)
	}
	org.Insert("Account", map[string]any{"Name": "New"})
	check := func(org *salesforcetest.Org, b *bus) {
		for _, id := range [][]byte{first, last} {
			s := b.subscribe(t, &pubsubpb.FetchRequest{TopicName: accounts, ReplayPreset: pubsubpb.ReplayPreset_CUSTOM, ReplayId: id, NumRequested: 1})
			_, err := drain(s)
			if code, suffix := refusal(err, s.Trailer()); code != codes.InvalidArgument || suffix != "subscription.fetch.replayid.corrupted" {
				t.Errorf("an expired id: %v with %q", err, suffix)
			}
		}
		if _, body := b.decode(t, events(t, b.earliest(t, accounts, 1), 1)[0]); body["Name"] != "New" {
			t.Errorf("EARLIEST starts with %v", body["Name"])
		}
	}
	check(org, b)
	if err := org.Close(); err != nil {
		t.Fatal(err)
	}
	again := newOrg(t, salesforcetest.Config{Dir: dir})
	check(again, dial(t, again))
}

func TestRetention(t *testing.T) {
	t.Parallel()
	var later atomic.Int64
	org := newOrg(t, salesforcetest.Config{Now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) }, SessionTimeout: 1000 * time.Hour})
	b := dial(t, org)
	org.Insert("Account", map[string]any{"Name": "Old"})
	old := events(t, b.earliest(t, accounts, 1), 1)[0].ReplayId
	later.Store(int64(73 * time.Hour))
	_, fresh := b.latest(t, accounts, 1)
	for name, c := range map[string]struct {
		id   []byte
		want codes.Code
	}{
		"an event 73 h old":                {old, codes.InvalidArgument},
		"the id of a keepalive since then": {fresh, codes.OK},
	} {
		s := b.subscribe(t, &pubsubpb.FetchRequest{TopicName: accounts, ReplayPreset: pubsubpb.ReplayPreset_CUSTOM, ReplayId: c.id, NumRequested: 1})
		_, err := s.Recv()
		if code, _ := refusal(err, s.Trailer()); code != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestResumeByCustom(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{})
	b := dial(t, org)
	for i := range 10 {
		org.Insert("Account", map[string]any{"Name": fmt.Sprint("Acme ", i)})
		org.Insert("Contact", map[string]any{"LastName": "Between"})
	}
	all := events(t, b.earliest(t, accounts, 100), 10)
	for _, size := range []int{8, 10} {
		s := b.subscribe(t, &pubsubpb.FetchRequest{TopicName: accounts, ReplayPreset: pubsubpb.ReplayPreset_CUSTOM, ReplayId: all[3].ReplayId[:size], NumRequested: 100})
		rest := events(t, s, 6)
		if string(rest[0].ReplayId) != string(all[4].ReplayId) {
			t.Errorf("an id of %d bytes goes on at %x, want %x", size, rest[0].ReplayId, all[4].ReplayId)
		}
	}
}

func TestRestartFromDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	org := newOrg(t, salesforcetest.Config{Dir: dir})
	b := dial(t, org)
	org.Insert("Account", map[string]any{"Name": "First"})
	s, _ := b.latest(t, accounts, 1)
	_ = s
	org.AddField("Account", "Later__c", "string", 20)
	org.Insert("Account", map[string]any{"Name": "Second", "Later__c": "x"})
	org.HoldPublish()
	org.Insert("Account", map[string]any{"Name": "Held"})
	before := events(t, b.earliest(t, accounts, 100), 2)
	if err := org.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "events.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// What a kill can leave: an event whose transaction did not commit, and half a line.
	lines := strings.SplitAfter(string(text), "\n")
	last := lines[len(lines)-2]
	number := regexp.MustCompile(`"commit":\d+`)
	if !number.MatchString(last) {
		t.Fatalf("the last line of the log is %s", last)
	}
	text = append(text, number.ReplaceAllString(last, `"commit":99999`)+`{"event":{"n":`...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		again := newOrg(t, salesforcetest.Config{Dir: dir})
		b = dial(t, again)
		after := events(t, b.earliest(t, accounts, 100), 3)
		for i, e := range before {
			if string(after[i].ReplayId) != string(e.ReplayId) || string(after[i].Event.Payload) != string(e.Event.Payload) || after[i].Event.SchemaId != e.Event.SchemaId {
				t.Errorf("event %d is another after the restart", i)
			}
			b.decode(t, after[i])
		}
		if before[0].Event.SchemaId == before[1].Event.SchemaId {
			t.Error("the new field did not change the schema id")
		}
		if _, body := b.decode(t, after[2]); body["Name"] != "Held" {
			t.Errorf("the held event is %v", body["Name"])
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLongTextDiff applies the diff as a reader would and checks it against
// the digest that it carries.
func TestLongTextDiff(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{PubSub: salesforcetest.PubSub{DiffText: true}})
	b := dial(t, org)
	lines := strings.Split(strings.Repeat("a line of some forty characters, or so..\n", 50), "\n")
	before := strings.Join(lines, "\n")
	lines[20] = "another line"
	lines = append(lines[:30], lines[31:]...)
	after := strings.Join(lines, "\n")
	id := org.Insert("Account", map[string]any{"Name": "Acme", "Description": before})
	org.Update("Account", id, map[string]any{"Description": after})
	org.Update("Account", id, map[string]any{"Description": "short"})
	all := events(t, b.earliest(t, accounts, 100), 3)
	header, body := b.decode(t, all[1])
	diff := body["Description"].(string)
	if got := b.names(t, all[1], header["diffFields"]); !reflect.DeepEqual(got, []string{"Description"}) {
		t.Fatalf("diffFields %v", got)
	}
	// The org trims what it stores, so the truth is what it holds now.
	want := fmt.Sprintf("%x", sha256.Sum256([]byte(strings.TrimSpace(after))))
	if !strings.HasPrefix(diff, "--- \n+++ "+want+"\n@@ -") && !strings.HasPrefix(diff, fmt.Sprintf("--- \n+++ %x\n@@ -", sha256.Sum256([]byte(after)))) {
		t.Errorf("the diff starts %.120s", diff)
	}
	if got := patch(t, before, diff); strings.TrimSpace(got) != strings.TrimSpace(after) {
		t.Errorf("the patched text is not the new one:\n%s", diff)
	}
	if header, body := b.decode(t, all[2]); body["Description"] != "short" || len(header["diffFields"].([]any)) > 0 {
		t.Errorf("a much shorter text comes as %v, want it whole", body["Description"])
	}
}

// patch applies a unified diff of one hunk.
func patch(t *testing.T, text, diff string) string {
	t.Helper()
	var start, from, to, toLines int
	rows := strings.Split(strings.TrimSuffix(diff, "\n"), "\n")
	if _, err := fmt.Sscanf(rows[2], "@@ -%d,%d +%d,%d @@", &start, &from, &to, &toLines); err != nil {
		t.Fatalf("%v in %q", err, rows[2])
	}
	old := strings.Split(text, "\n")
	out := append([]string{}, old[:start-1]...)
	at, written := start-1, 0
	for _, row := range rows[3:] {
		if row[0] != '+' {
			if old[at] != row[1:] {
				t.Fatalf("line %d of the text is %q, the diff says %q", at+1, old[at], row[1:])
			}
			at++
		}
		if row[0] != '-' {
			out = append(out, row[1:])
			written++
		}
	}
	if at-start+1 != from || written != toLines {
		t.Errorf("the hunk %q covers %d and %d lines", rows[2], at-start+1, written)
	}
	return strings.Join(append(out, old[at:]...), "\n")
}
