package sfsync_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// paused is a running copy of Contact and Case, of which Contact will be lost.
type paused struct {
	*rig
	dir        string
	logs       *records
	stop       func() error
	first, two string // contacts
	kase       string
	lastJob    atomic.Int64 // unix milliseconds at which the last Bulk job was made
}

// hasten makes the hour between two looks 6 seconds, and the five minutes
// between those at a held object half a second; lag is the quarter of an hour after which
// one that is regained is read again.
const (
	hasten = 600
	lag    = 15 * time.Minute / hasten
)

func newPaused(t *testing.T) *paused {
	p := &paused{rig: &rig{TB: t}, dir: t.TempDir(), logs: &records{}}
	org := newOrg(t, salesforcetest.Config{})
	p.first = org.Insert("Contact", map[string]any{"LastName": "First", "Email": "first@example.com", "Department": "one"})
	p.two = org.Insert("Contact", map[string]any{"LastName": "Second", "Email": "second@example.com", "Department": "two"})
	p.kase = org.Insert("Case", map[string]any{"ContactId": p.first, "Subject": "mine", "Status": "New"})
	org.Intercept(salesforcetest.Fault{Times: -1, Match: func(r *http.Request) bool {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/jobs/query") {
			p.lastJob.Store(time.Now().UnixMilli())
		}
		return false
	}})
	p.reopen(org)
	p.run()
	p.await("the first copy", p.settledAndEqual)
	return p
}

// reopen opens the copy as a new process does.
func (p *paused) reopen(org *salesforcetest.Org) { p.open(org, hasten) }

func (p *paused) open(org *salesforcetest.Org, hasten int) {
	p.Helper()
	p.rig = open(p.TB, org, p.dir, startPolicy)
	var err error
	p.sync, err = sfsync.New(sfsync.Config{Org: p.client, Policy: p.policy, Store: p.rows, Vault: p.vault, Logger: logger(p.logs)})
	p.must(err)
	p.sync.Hasten(hasten)
}

// stale has open streams go on as if no permission had changed.
func (p *paused) stale() {
	p.org.SetPubSub(salesforcetest.PubSub{KeepAlive: 100 * time.Millisecond, DropHiddenBits: true, PermissionDelay: time.Hour})
}

func (p *paused) run() {
	p.stop = p.start()
	p.Cleanup(func() { p.stop() })
}

func (p *paused) code() fault.Code { return p.sync.Status().Objects["Contact"].Paused }

// othersGoOn: a change of the other object arrives while Contact is paused.
func (p *paused) othersGoOn() {
	p.Helper()
	p.org.Update("Case", p.kase, map[string]any{"Subject": time.Now().String()})
	p.await("a change of the other object", func() bool { return p.differenceIn("Case") == "" })
	if s := p.sync.Status(); s.Objects["Contact"].Paused == "" || s.Objects["Case"].Paused != "" || len(s.Waiting) > 0 || s.Ready(time.Hour) {
		p.Errorf("while Contact is paused: %+v", s)
	}
}

// readTwice waits for a copy equal to the org, and for the second read of all
// records after an object is regained.
func (p *paused) readTwice() {
	p.Helper()
	again := time.Now().Add(lag - 100*time.Millisecond)
	p.await("a copy equal to the org", p.settledAndEqual)
	p.await("another read of all records", func() bool { return p.lastJob.Load() >= again.UnixMilli() && p.settledAndEqual() })
}

// An object that is lost pauses alone: the other goes on, and once it is shown
// again the copy equals the org, with all that happened meanwhile.
func TestLostObjectPausesAlone(t *testing.T) {
	t.Parallel()
	email := func(p *paused) { p.org.HideField("Contact", "Email") }
	back := func(p *paused) { p.org.ShowField("Contact", "Email") }
	for _, c := range []struct {
		name       string
		lose, mend func(*paused)
		codes      []fault.Code
	}{
		{"field hidden", email, back, []fault.Code{fault.FieldLost}},
		{"field hidden, changed bits too", func(p *paused) {
			p.org.SetPubSub(salesforcetest.PubSub{KeepAlive: 100 * time.Millisecond, DropHiddenBits: true})
			email(p)
		}, back, []fault.Code{fault.FieldLost}},
		{"field dropped", func(p *paused) { p.org.DropField("Contact", "Department") },
			func(p *paused) { p.org.AddField("Contact", "Department", "string", 80) }, []fault.Code{fault.FieldLost}},
		{"field dropped, back as another type", func(p *paused) { p.org.DropField("Contact", "Department") },
			func(p *paused) { p.org.AddField("Contact", "Department", "boolean", 0) }, []fault.Code{fault.FieldLost}},
		{"object hidden", func(p *paused) { p.org.DenyObject("Contact") }, func(p *paused) { p.org.AllowObject("Contact") },
			[]fault.Code{fault.ObjectLost, fault.Denied}}, // whichever call comes first
		{"View All lost", func(p *paused) { p.org.SetViewAll("Contact", false) }, func(p *paused) { p.org.SetViewAll("Contact", true) }, []fault.Code{fault.Denied}},
		{"no longer selected, the stream silent", func(p *paused) { p.org.Select("Contact", false) },
			func(p *paused) { p.org.Select("Contact", true) }, []fault.Code{fault.NotSelected}},
		{"no longer selected, the stream cut", func(p *paused) { p.org.Select("Contact", false); p.org.CutStreams() },
			func(p *paused) { p.org.Select("Contact", true) }, []fault.Code{fault.NotSelected}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPaused(t)
			c.lose(p)
			// Before the loss is noticed, and what is hidden is not even marked.
			unnoticed := p.org.Insert("Contact", map[string]any{"LastName": "Third", "Email": "third@example.com"})
			p.await("the pause", func() bool { return p.code() != "" })
			if !slices.Contains(c.codes, p.code()) {
				t.Errorf("paused for %s, want %s", p.code(), c.codes)
			}
			began, calls := time.Now(), p.org.APICalls()
			p.othersGoOn()
			p.org.Update("Contact", p.first, map[string]any{"LastName": "Changed", "Email": "changed@example.com"})
			p.org.Delete("Contact", p.two)
			unseen := p.org.Insert("Contact", map[string]any{"LastName": "New", "Email": "new@example.com"})
			p.othersGoOn()
			if got := p.row("Contact", unseen); got.Mark != store.Absent {
				t.Error("what an event says of the object is kept while it may hide something")
			}
			looks := int(time.Since(began)/(5*time.Minute/hasten)) + 1
			if calls := p.org.APICalls() - calls; calls > 10+3*looks {
				t.Errorf("%d calls while Contact is looked at %d times", calls, looks)
			}
			c.mend(p)
			p.await("the end of the pause", func() bool { return p.code() == "" })
			p.readTwice()
			if got := p.row("Contact", unnoticed); got.Mark != store.Live {
				t.Errorf("the record made unnoticed is %d", got.Mark)
			}
			p.must(p.stop())
		})
	}
}

// Without View All a record that another user owns looks deleted: it stays in
// the copy, and the object pauses, even while the stream goes on as before.
func TestUnsharedIsNotDeleted(t *testing.T) {
	t.Parallel()
	p := newPaused(t)
	p.stale()
	p.org.SetSharing("Contact", func(string) bool { return false })
	p.org.SetViewAll("Contact", false)
	p.org.GapNext("")
	p.org.Update("Contact", p.two, map[string]any{"LastName": "Changed"})
	p.await("the pause", func() bool { return p.code() == fault.Denied })
	if row := p.row("Contact", p.two); row.Mark != store.Live || row.Stub() {
		t.Errorf("the record is %+v", row)
	}
	p.othersGoOn()
	p.org.SetViewAll("Contact", true)
	p.await("a copy equal to the org", p.settledAndEqual)
	p.must(p.stop())
}

// The stream follows a change of permissions ten minutes late: what it still
// hides after the first read of a regained object is found by the second.
func TestStreamLagsBehindPermissions(t *testing.T) {
	t.Parallel()
	p := newPaused(t)
	p.must(p.stop())
	p.must(p.close())
	p.open(p.org, hasten/5) // so that what follows comes between the two reads
	p.run()
	p.await("the copy", p.settledAndEqual)
	p.org.SetPubSub(salesforcetest.PubSub{KeepAlive: 100 * time.Millisecond, DropHiddenBits: true})
	p.org.HideField("Contact", "Email")
	p.org.GapNext("")
	p.org.Update("Contact", p.two, map[string]any{"LastName": "Changed"})
	p.await("the pause", func() bool { return p.code() == fault.FieldLost })
	p.stale()
	p.org.ShowField("Contact", "Email")
	p.await("the first read", func() bool { return p.code() == "" && p.settledAndEqual() })
	p.org.Update("Contact", p.first, map[string]any{"LastName": "Seen", "Email": "hidden@example.com"})
	id := p.org.Insert("Contact", map[string]any{"LastName": "Hidden", "Email": "hidden too@example.com"})
	p.await("the events", func() bool { return p.row("Contact", id).Mark == store.Live })
	if p.equal() {
		t.Fatal("nothing was hidden: the test shows nothing")
	}
	p.await("the second read", p.settledAndEqual)
	p.must(p.stop())
}

// An object that the org describes and does not let be read is looked at less
// and less often, as each release costs a read of everything.
func TestContradictionsGetRare(t *testing.T) {
	t.Parallel()
	p := newPaused(t)
	p.org.Intercept(salesforcetest.Fault{Times: -1, Method: http.MethodPost, Path: "/jobs/query", Status: http.StatusForbidden, Code: "INSUFFICIENT_ACCESS"})
	p.org.OverflowNext()
	p.org.Update("Contact", p.first, map[string]any{"LastName": "Changed"})
	var pauses []time.Time
	p.await("five pauses", func() bool {
		s := p.sync.Status().Objects["Contact"]
		if s.Paused == fault.Denied && (len(pauses) == 0 || s.Since.After(pauses[len(pauses)-1])) {
			pauses = append(pauses, s.Since)
		}
		return len(pauses) == 5
	})
	if last := pauses[4].Sub(pauses[3]); last < 8*5*time.Minute/hasten {
		t.Errorf("the pauses of an object that is lost again and again began at %v", pauses)
	}
	p.must(p.stop())
}
