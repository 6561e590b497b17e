package sfsync_test

import (
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// A delete is applied although the object is paused: it needs nothing that was
// lost.
func TestDeletesOfAPausedObject(t *testing.T) {
	t.Parallel()
	p := newPaused(t)
	p.org.HideField("Contact", "Email")
	p.await("the pause", func() bool { return p.code() == fault.FieldLost })
	p.org.Delete("Contact", p.two)
	p.await("the delete", func() bool { return p.row("Contact", p.two).Mark != store.Live })
	p.must(p.stop())
}

// loseUnnoticed hides a field, and changes it before the loss is noticed in a
// way that events do not show.
func (p *paused) loseUnnoticed() {
	p.Helper()
	p.org.SetPubSub(salesforcetest.PubSub{KeepAlive: 100 * time.Millisecond, DropHiddenBits: true})
	p.org.HideField("Contact", "Email")
	p.org.Update("Contact", p.first, map[string]any{"LastName": "Changed", "Email": "changed@example.com"})
	p.org.Insert("Contact", map[string]any{"LastName": "Third", "Email": "third@example.com"})
	p.await("the pause", func() bool { return p.code() == fault.FieldLost && p.faults("Contact") > 0 })
	p.must(p.stop())
}

// faults counts what the ledger says of an object, which commits with the debt.
func (p *paused) faults(object string) (n int) {
	for e, err := range p.rows.Entries(p.Context(), 0) {
		p.must(err)
		if e.Entry.Kind == audit.KindFault && e.Entry.Object == object {
			n++
		}
	}
	return n
}

// A run that begins again while an object is lost goes on without it; a new
// process, in which nothing has been seen yet, refuses.
func TestRestartWhileLost(t *testing.T) {
	t.Parallel()
	p := newPaused(t)
	p.loseUnnoticed()
	p.run()
	p.othersGoOn()
	p.must(p.stop())
	if err := p.sync.CatchUp(t.Context()); fault.CodeOf(err) != fault.FieldLost {
		t.Errorf("a pass: %v, want %s", err, fault.FieldLost)
	}
	p.must(p.close())
	p.reopen(p.org)
	if err := p.sync.Run(t.Context()); fault.CodeOf(err) != fault.FieldLost {
		t.Errorf("a new process: %v, want %s", err, fault.FieldLost)
	}
}

// What happened before a loss was noticed is made good even if the process did
// not live to see the end of it.
func TestRestartWhenRegained(t *testing.T) {
	t.Parallel()
	p := newPaused(t)
	p.loseUnnoticed()
	p.must(p.close())
	p.org.ShowField("Contact", "Email")
	p.reopen(p.org)
	p.run()
	p.readTwice()
	p.must(p.stop())
}

// A pass without a stream brings the other objects up to date before it says
// that one is lost.
func TestCatchUpWhileLost(t *testing.T) {
	t.Parallel()
	p := newPaused(t)
	p.must(p.stop())
	p.must(p.sync.CatchUp(t.Context()))
	p.org.HideField("Contact", "Email")
	p.org.Update("Contact", p.first, map[string]any{"Email": "changed@example.com"})
	p.org.Update("Case", p.kase, map[string]any{"Subject": "changed"})
	if err := p.sync.CatchUp(t.Context()); fault.CodeOf(err) != fault.FieldLost {
		t.Errorf("got %v, want %s", err, fault.FieldLost)
	}
	if d := p.differenceIn("Case"); d != "" {
		t.Error(d)
	}
	p.org.ShowField("Contact", "Email")
	p.must(p.sync.CatchUp(t.Context()))
	if d := p.difference(); d != "" || p.code() != "" {
		t.Errorf("paused for %q, and %s", p.code(), d)
	}
	first := p.lastJob.Load()
	again := time.Now().Add(lag + time.Second)
	p.await("the quarter of an hour", func() bool { return time.Now().After(again) })
	p.must(p.sync.CatchUp(t.Context()))
	if p.lastJob.Load() == first {
		t.Error("the records of the regained object were not all read again")
	}
}

// A field is changed in the org without any event that says so: the copy has
// what the org has then, in every record, and the other object goes on.
func TestFieldChangesUnderWay(t *testing.T) {
	t.Parallel()
	replace := func(kind string, length int) func(*paused) {
		return func(p *paused) {
			p.org.DropField("Contact", "Department")
			p.org.AddField("Contact", "Department", kind, length)
		}
	}
	for _, c := range []struct {
		name   string
		change func(*paused)
	}{
		{"to another type", replace("boolean", 0)},
		{"to a longer text", replace("string", 120)},
		{"to the same, as an event shows", func(p *paused) {
			release := p.org.HoldPublish() // until the field is back
			p.org.DropField("Contact", "Department")
			p.org.Update("Contact", p.first, map[string]any{"LastName": "meanwhile"})
			p.org.AddField("Contact", "Department", "string", 80)
			release()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPaused(t)
			c.change(p)
			p.org.Update("Case", p.kase, map[string]any{"Subject": "changed"})
			p.await("a copy equal to the org", p.settledAndEqual)
			p.org.Update("Contact", p.two, map[string]any{"LastName": "after"})
			p.await("the stream after it", p.settledAndEqual)
			p.must(p.stop())
		})
	}
}

// A field that the org gains is reported by name, once, and not kept.
func TestGainedField(t *testing.T) {
	t.Parallel()
	p := newPaused(t)
	p.org.AddField("Contact", "Shoe_Size__c", "string", 20)
	p.org.Update("Contact", p.first, map[string]any{"Shoe_Size__c": "MARKER-61c2", "LastName": "Changed"})
	p.await("the report", func() bool { return p.logs.has(`"fields":["Shoe_Size__c"]`) })
	p.await("the change beside it", p.settledAndEqual)
	p.must(p.stop())
	if files := filesWith(t, p.dir, []byte("MARKER-61c2")); files != nil || p.logs.has("MARKER-61c2") {
		t.Errorf("the field's value is in %v or the log", files)
	}
}
