package sfsync_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// TestLeaks starts and stops Run over and over while records change, at any
// moment of its life, and now and then the whole client with it. What Run
// started has ended when it returns, connections are used again and closed, and
// the heap does not grow. Not parallel: it looks at the goroutines and the heap
// of the whole process.
func TestLeaks(t *testing.T) {
	cycles := 1000
	if testing.Short() {
		cycles = 50
	}
	before := runtime.NumGoroutine()
	door := &door{}
	org := newOrg(t, salesforcetest.Config{Records: 20, Listen: door.listen,
		PubSub: salesforcetest.PubSub{KeepAlive: 100 * time.Millisecond, Retention: time.Second}})
	dir, random := t.TempDir(), rand.New(rand.NewPCG(1, 2))
	r := open(t, org, dir, shopPolicy)
	r.catchUp()

	calm := load(org)
	var early uint64
	for i := range cycles {
		r.cycle(i%5 == 0, time.Duration(random.IntN(30))*time.Millisecond)
		if i%(cycles/10) == cycles/20 {
			r.must(r.close())
			*r = rig{} // which the test's cleanup would keep
			r = open(t, org, dir, shopPolicy)
		}
		if i == min(100, cycles/2) {
			early = heap()
		}
	}
	late := heap()
	calm()
	t.Logf("heap early %d KiB, after %d cycles %d KiB; %d connections, at once at most %d",
		early>>10, cycles, late>>10, door.made.Load(), door.most.Load())
	if n := door.most.Load(); n > 6 { // login, data and events, of the client before as well
		t.Errorf("%d connections at once, want at most 6", n)
	}

	r.catchUp()
	// The growth allowed is one KiB a cycle. A closed client may stay until the
	// timer of net/http that would ping its connection has run, 30 seconds.
	r.await("a heap of no more than 1 MiB above the early one", func() bool { return heap() < early+1<<20 })
	r.must(r.close())
	r.await("the end of every connection", func() bool { return door.open.Load() == 0 })
	r.must(org.Close())
	r.await("the end of every goroutine", func() bool { return runtime.NumGoroutine() <= before })
}

// catchUp runs until the copy is the org.
func (r *rig) catchUp() {
	r.Helper()
	stop := r.start()
	r.await("the copy", r.equal)
	r.must(stop())
}

// cycle runs for a while, which may begin once changes are applied.
func (r *rig) cycle(applied bool, d time.Duration) {
	r.Helper()
	was := r.sync.Status().Applied
	stop := r.start()
	if applied {
		r.await("a change", func() bool { return r.sync.Status().Applied > was })
	}
	<-time.After(d)
	r.must(stop())
	var left string
	for range 100 { // one that has done its work may still be on its last instructions
		if left = running("sfsync.(*Sync).", "sfsync.(*session).", "/salesforce/pubsub.", "/salesforce/bulk.", "/salesforce/rest."); left == "" {
			return
		}
		runtime.Gosched()
	}
	r.Fatalf("Run has returned, and left\n%s", left)
}

// load changes records without adding any, until the returned function is called.
func load(org *salesforcetest.Org) (calm func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ctx.Err() == nil; n++ {
			for id := range org.Records("Contact") {
				if n%10 == 0 {
					org.GapNext("")
				}
				org.Update("Contact", id, map[string]any{"MailingCity": time.Now().Format(time.StampNano)})
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return func() { cancel(); <-done }
}

// heap is what is in use once all garbage is gone.
func heap() uint64 {
	var m runtime.MemStats
	for range 3 { // pools keep things for two rounds
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// running is the stack of a goroutine that has any of the words in it, "" for
// none.
func running(words ...string) string {
	var all bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&all, 2)
	for stack := range strings.SplitSeq(all.String(), "\n\n") {
		for _, w := range words {
			if strings.Contains(stack, w) {
				return stack
			}
		}
	}
	return ""
}

// door counts the connections of an org.
type door struct{ made, open, most atomic.Int32 }

func (d *door) listen(int) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	return counted{l, d}, err
}

type counted struct {
	net.Listener
	door *door
}

func (l counted) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.door.made.Add(1)
	if n := l.door.open.Add(1); n > l.door.most.Load() {
		l.door.most.Store(n)
	}
	return &visit{Conn: conn, door: l.door}, nil
}

type visit struct {
	net.Conn
	door   *door
	closed atomic.Bool
}

func (v *visit) Close() error {
	if !v.closed.Swap(true) {
		v.door.open.Add(-1)
	}
	return v.Conn.Close()
}
