package sfsync_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// seedEnv repeats the kills and changes of an earlier run of TestKill.
const seedEnv = "SFSYNC_KILL_SEED"

// TestKill kills the process that keeps a copy, again and again, and lets the
// next one resume, while the org goes on changing. A third of the kills walk
// through the writes to the two databases, each one further; a third aim at
// calls of one kind; and a third come at any moment. It is blind to a missing
// fsync: what a process has written outlives it, only a power cut tells.
func TestKill(t *testing.T) {
	if text := os.Getenv(childEnv); text != "" {
		child(t, text)
	}
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("only on Unix does the exit status tell that a process was killed")
	}
	seed, err := strconv.ParseUint(os.Getenv(seedEnv), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	kills := 105
	if testing.Short() {
		kills = 20
	}
	t.Logf("%s=%d repeats the kills and the changes, as far as they depend on no clock", seedEnv, seed)
	for name, n := range map[string]int{"long": kills, "short": kills / 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newKilling(t, seed+uint64(n)).run(n)
		})
	}
}

// killing is one copy with all the processes that kept it.
type killing struct {
	*testing.T
	org    *salesforcetest.Org
	shop   *shop
	random *rand.Rand
	dir    string
	noted  []audit.Head   // of the ledger, at each rest
	hits   map[string]int // kills by the call and the moment they met
}

func newKilling(t *testing.T, seed uint64) *killing {
	org := newOrg(t, salesforcetest.Config{Records: 200, Seed: seed, BulkPage: 30})
	return &killing{T: t, org: org, shop: newShop(org, seed), random: rand.New(rand.NewPCG(seed, 2)), dir: t.TempDir(), hits: map[string]int{}}
}

func (k *killing) run(kills int) {
	defer func() { k.Logf("%d changes, met %v", k.shop.changes, k.hits) }()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { defer close(stopped); k.shop.work(8*time.Millisecond, stop) }()
	defer func() { close(stop); <-stopped }()
	for i := range kills {
		k.kill(i)
		if i%3 == 0 {
			k.inspect()
		}
		if i%10 == 9 || i == kills-1 {
			k.rest()
		}
	}
	k.sweep()
}

// kill starts a process and kills it, or waits until it has killed itself.
func (k *killing) kill(i int) {
	o, limit := k.plan(i)
	p := k.spawn(o)
	met := "any moment"
	select {
	case <-p.ended:
		met = strings.TrimSpace(string(o.When) + " " + o.Call)
	case <-time.After(limit):
		_ = p.Process.Kill()
		<-p.ended
	}
	p.killed()
	k.hits[met]++
}

// plan draws the next kill, and how long to wait for the process to meet it.
func (k *killing) plan(i int) (orders, time.Duration) {
	moments := []moment{dieBefore, dieDuring, dieAfter}
	o := orders{Nth: 1 + i/3%24, When: moments[k.random.IntN(3)], In: time.Duration(k.random.IntN(3000)) * time.Microsecond}
	switch i % 3 {
	case 1:
		calls := []struct {
			name string
			most int
		}{{"Open", 1}, {"Prepare", 1}, {"Apply", 25}, {"Apply", 5}, {"Root", 15}, {"Add", 2}, {"Link", 10}, {"Keys", 10}, {"Put", 5}, {"Prune", 5}}
		call := calls[k.random.IntN(len(calls))]
		o.Call, o.Nth = call.name, 1+k.random.IntN(call.most)
	case 2:
		return orders{}, time.Duration(20+k.random.IntN(500)) * time.Millisecond
	}
	return o, time.Second
}

// victim is a child under way.
type victim struct {
	*killing
	*exec.Cmd
	output bytes.Buffer
	ended  chan struct{}
}

// spawn starts a process. More settings of its environment win over the org's.
func (k *killing) spawn(o orders, settings ...string) *victim {
	k.Helper()
	o.Dir = k.dir
	text, err := json.Marshal(o)
	noError(k.T, err)
	p := &victim{killing: k, Cmd: exec.CommandContext(k.Context(), os.Args[0], "-test.run=^TestKill$"), ended: make(chan struct{})}
	p.Env = append(append(signIn(k.org), childEnv+"="+string(text)), settings...)
	p.Stdout, p.Stderr = &p.output, &p.output
	_, err = p.StdinPipe() // open as long as this process lives
	noError(k.T, err)
	noError(k.T, p.Start())
	go func() { defer close(p.ended); _ = p.Wait() }()
	return p
}

// signIn is the environment of a child, by which it reaches the org.
func signIn(org *salesforcetest.Org) []string {
	env := os.Environ()
	for _, name := range []string{"LOGIN_URL", "INSTANCE_URL", "ORG_ID", "CONSUMER_KEY", "USERNAME", "JWT_KEY_FILE", "PUBSUB_ENDPOINT", "CA_FILE"} {
		env = append(env, "SFSYNC_"+name+"="+org.Getenv("SFSYNC_"+name))
	}
	return env
}

// killed checks that the process was, and did not end for another reason.
func (p *victim) killed() {
	p.killing.Helper()
	if p.ProcessState.ExitCode() != -1 {
		p.Fatalf("the process ended by itself: %s", p.output.String())
	}
}

// rest lets the org stand still and a process catch up, compares, and kills it.
func (k *killing) rest() {
	k.Helper()
	k.shop.pause.Lock()
	defer k.shop.pause.Unlock()
	p := k.spawn(orders{})
	r := k.quiet(p)
	_ = p.Process.Kill()
	<-p.ended
	p.killed()
	k.verify(r)
	if d := cmp.Or(r.unfound(shopFields), r.misfiled()); d != "" {
		k.Fatal(d)
	}
	noError(k.T, r.close())
}

// shopFields are those that the policy of the shop finds.
var shopFields = map[string]crypto.IndexType{"Contact.Email": crypto.EmailIndex, "Contact.MobilePhone": crypto.PhoneIndex, "Case.SuppliedEmail": crypto.EmailIndex}

// sweep lets a reconcile remove what kills left in the index, and checks that
// every record that is still there is in the org.
func (k *killing) sweep() {
	k.Helper()
	k.shop.pause.Lock()
	defer k.shop.pause.Unlock()
	r := open(k, k.org, k.dir, shopPolicy)
	_, err := r.sync.Reconcile(k.Context())
	noError(k.T, err)
	if d := r.unfound(shopFields); d != "" {
		k.Error(d)
	}
	for _, object := range []string{"Contact", "Case"} {
		live := maps.Collect(k.org.Records(object))
		for after, more := int64(0), true; more; more = after != 0 {
			places, next, err := r.keys.Places(k.Context(), object, after)
			noError(k.T, err)
			for _, p := range places {
				if live[p.Record] == nil {
					k.Errorf("the index has %s of %s, which is gone", p.Field, p.Record)
				}
			}
			after = next
		}
	}
	noError(k.T, r.close())
}

// quiet waits until the process has changed no object for as long as three
// keepalives take and the copy is the org.
func (k *killing) quiet(p *victim) *rig {
	k.Helper()
	var r *rig
	tick, count, since, difference := time.NewTicker(20*time.Millisecond), -1, time.Now(), "it goes on changing"
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		if now := k.batches(); now != count {
			count, since = now, time.Now()
		}
		if time.Since(since) < 300*time.Millisecond || count == 0 {
			continue
		}
		if r == nil {
			r = open(k, k.org, k.dir, shopPolicy)
		}
		if difference = r.difference(); difference == "" {
			return r
		}
		since = time.Now()
	}
	_ = p.Process.Kill()
	<-p.ended
	k.Fatalf("the copy does not become the org: %s\n%s", difference, p.output.String())
	return nil
}

func (k *killing) journal() string { return filepath.Join(k.dir, "journal") }

// batches counts the batches of an object that were begun.
func (k *killing) batches() int {
	text, _ := os.ReadFile(k.journal()) // there is none before the first call
	return bytes.Count(text, []byte(`"N":{"`))
}
