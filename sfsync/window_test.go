package sfsync

import (
	"testing"
	"time"
)

func TestWindow(t *testing.T) {
	t.Parallel()
	const double = time.Minute
	for _, c := range []struct {
		name   string
		limit  window
		lasted []time.Duration // of the streams
		want   window
	}{
		{"no cut", 100, nil, 100},
		{"one cut after days", 100, []time.Duration{72 * time.Hour}, 50},
		{"cut after cut", 100, []time.Duration{0, time.Second, time.Second}, 12},
		{"never below the least", 100, make([]time.Duration, 20), 8},
		{"a limit below the least", 5, make([]time.Duration, 20), 5},
		{"quiet for a while", 100, []time.Duration{0, 0, 0, double}, 12},
		{"quiet for long", 100, []time.Duration{0, 0, 0, 0, 10 * double}, 50},
	} {
		w := c.limit
		for _, lasted := range c.lasted {
			w = w.cut(c.limit, lasted, double)
		}
		if w != c.want {
			t.Errorf("%s: %d, want %d", c.name, w, c.want)
		}
	}
}
