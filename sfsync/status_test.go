package sfsync_test

import (
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

func TestReady(t *testing.T) {
	t.Parallel()
	now := time.Now()
	running := func(change func(*sfsync.Status)) sfsync.Status {
		s := sfsync.Status{Phase: "running", Objects: map[string]sfsync.ObjectStatus{"Contact": {}},
			Topics: map[string]sfsync.TopicStatus{"/data/ContactChangeEvent": {AsOf: now}}}
		change(&s)
		return s
	}
	for _, c := range []struct {
		name   string
		status sfsync.Status
		want   bool
	}{
		{"complete and current", running(func(*sfsync.Status) {}), true},
		{"not running", running(func(s *sfsync.Status) { s.Phase = "stopped" }), false},
		{"a read is owed", running(func(s *sfsync.Status) { s.Objects["Contact"] = sfsync.ObjectStatus{Owed: true} }), false},
		{"waiting", running(func(s *sfsync.Status) { s.Waiting = map[string]sfsync.Wait{"Contact": {Code: fault.Throttled}} }), false},
		{"no position yet", running(func(s *sfsync.Status) { s.Topics["/data/ContactChangeEvent"] = sfsync.TopicStatus{} }), false},
		{"lagging", running(func(s *sfsync.Status) {
			s.Topics["/data/ContactChangeEvent"] = sfsync.TopicStatus{AsOf: now.Add(-time.Hour)}
		}), false},
	} {
		if got := c.status.Ready(10 * time.Minute); got != c.want {
			t.Errorf("%s: ready is %v", c.name, got)
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 10, APICalls: 5000})
	r := open(t, org, t.TempDir(), shopPolicy)
	if s := r.sync.Status(); s.Phase != "new" || s.CallsLeft != -1 {
		t.Errorf("before the first run: phase %q, %d calls left", s.Phase, s.CallsLeft)
	}
	stop := r.start()
	defer stop()
	r.await("ready", func() bool { return r.sync.Status().Ready(10 * time.Minute) })
	s := r.sync.Status()
	if contacts := s.Objects["Contact"]; contacts.Total != 10 || contacts.Rows != 10 {
		t.Errorf("the first copy of Contact: %d of %d rows", contacts.Rows, contacts.Total)
	}
	if s.CallsLeft <= 0 || s.CallsLeft >= 5000 {
		t.Errorf("%d calls left of 5000", s.CallsLeft)
	}
	r.must(stop())
	if s := r.sync.Status(); s.Phase != "stopped" || s.Ready(time.Hour) {
		t.Errorf("after the run: phase %q", s.Phase)
	}
}
