package sfsync

import (
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/store"
)

// A step is an event's replay id, or "=" and the latest id of an empty response.
func TestCursor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		steps    []string
		want     store.Position
		wantEach store.Position // with the rule switched off
	}{
		{"nothing yet", nil, "0", "0"},
		{"one event may have siblings", []string{"1"}, "0", "1"},
		{"another id has followed", []string{"1", "2"}, "1", "2"},
		{"siblings of an enriched event", []string{"1", "2", "2"}, "1", "2"},
		{"an empty response passes the last event", []string{"1", "=1"}, "1", "1"},
		{"an empty response on an idle topic", []string{"=7"}, "7", "7"},
		{"an event after an empty response", []string{"=7", "8"}, "7", "8"},
		{"an empty response without an id", []string{"1", "="}, "0", "1"},
		{"ids are not ordered", []string{"9", "1", "5"}, "1", "5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for disabled, want := range map[rule]store.Position{0: c.want, positionTrails: c.wantEach} {
				cur := cursor{safe: "0"}
				for _, step := range c.steps {
					if latest, ok := cutEmpty(step); ok {
						cur.empty(latest)
					} else {
						cur.event(store.Position(step), disabled)
					}
				}
				if cur.safe != want {
					t.Errorf("with rules off %b: position %q, want %q", disabled, cur.safe, want)
				}
			}
		})
	}
}

func cutEmpty(step string) (store.Position, bool) {
	if step != "" && step[0] == '=' {
		return store.Position(step[1:]), true
	}
	return "", false
}
