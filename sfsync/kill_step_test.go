package sfsync_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// stepEnv holds the orders of a process that a stepwise started, as JSON.
const stepEnv = "SFSYNC_STEP_CHILD"

// stepwise kills processes at every step of what they do.
type stepwise struct {
	*testing.T
	org *salesforcetest.Org
	do  func(d *doomed, getenv func(string) string) error
}

// newStepwise returns in the parent alone; a child does what it is there for.
func newStepwise(t *testing.T, do func(d *doomed, getenv func(string) string) error) *stepwise {
	t.Helper()
	if text := os.Getenv(stepEnv); text != "" {
		d := &doomed{calls: map[string]int{}}
		noError(t, json.Unmarshal([]byte(text), &d.orders))
		t.Fatal("it was not killed: ", do(d, os.Getenv))
	}
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("only on Unix does the exit status tell that a process was killed")
	}
	return &stepwise{t, newOrg(t, salesforcetest.Config{}), do}
}

// rehearse lets it be done once, to a duplicate, and returns which steps there
// are. The calls are to be these: one that is not seen would not be died at.
func (k *stepwise) rehearse(from orders, calls ...string) []madeCall {
	k.Helper()
	d := &doomed{orders: k.elsewhere(k.T, from), calls: map[string]int{}}
	noError(k.T, k.do(d, k.org.Getenv))
	var seen []string
	for _, s := range d.made {
		seen = append(seen, s.name)
	}
	if !slices.Equal(seen, calls) {
		k.Fatalf("the steps are %q, want %q", seen, calls)
	}
	return d.made
}

// elsewhere are the orders, for a duplicate.
func (k *stepwise) elsewhere(t *testing.T, o orders) orders {
	t.Helper()
	from := o.Dir
	o.Dir = t.TempDir()
	duplicate(t, from, o.Dir)
	return o
}

// each lets a process die before, early and late during, and after each step,
// each over a duplicate of its own, and then checks that.
func (k *stepwise) each(from orders, steps []madeCall, check func(*testing.T, orders)) {
	for _, s := range steps {
		for _, end := range []struct {
			name string
			when moment
			in   time.Duration
		}{{"before", dieBefore, 0}, {"early in", dieDuring, s.took / 4}, {"late in", dieDuring, s.took * 3 / 4}, {"after", dieAfter, 0}} {
			k.Run(fmt.Sprintf("%s %s %d", end.name, s.name, s.nth), func(t *testing.T) {
				t.Parallel()
				o := k.elsewhere(t, from)
				o.Call, o.Nth, o.When, o.In = s.name, s.nth, end.when, end.in
				k.dies(t, o)
				check(t, o)
			})
		}
	}
}

// dies runs a process that must be killed.
func (k *stepwise) dies(t *testing.T, o orders) {
	t.Helper()
	text, err := json.Marshal(o)
	noError(t, err)
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+k.Name()+"$")
	c.Env = append(signIn(k.org), stepEnv+"="+string(text))
	if out, _ := c.CombinedOutput(); c.ProcessState.ExitCode() != -1 {
		t.Fatalf("the process ended by itself: %s", out)
	}
}
