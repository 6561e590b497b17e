package sfsync_test

import (
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

func TestFirstCopyAndStream(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 50})
	r := open(t, org, t.TempDir(), shopPolicy)
	r.until("the first copy", r.equal)

	stop := r.start()
	id := org.Insert("Contact", map[string]any{"LastName": "Ünal", "FirstName": "Ada", "Email": "ada@example.com", "DoNotCall": true})
	r.await("an insert", r.equal)
	org.Update("Contact", id, map[string]any{"Email": nil, "MailingStreet": "1 Main St\nApt 2"})
	r.await("an update", r.equal)
	org.Delete("Contact", id)
	r.await("a delete", r.equal)
	org.Undelete("Contact", id)
	r.await("an undelete", r.equal)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

func TestCatchUp(t *testing.T) {
	t.Parallel()
	org := newOrg(t, salesforcetest.Config{Records: 20})
	r := open(t, org, t.TempDir(), shopPolicy)
	for _, step := range []struct {
		name  string
		write func()
	}{
		{"first copy", func() {}},
		{"insert", func() { org.Insert("Contact", map[string]any{"LastName": "Lovelace"}) }},
		{"nothing new", func() {}},
	} {
		step.write()
		if err := r.sync.CatchUp(t.Context()); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if d := r.difference(); d != "" {
			t.Errorf("after %s: %s", step.name, d)
		}
	}
}
