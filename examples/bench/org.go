package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/rpc"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// Org is the test org in its own process, as net/rpc calls it over the standard
// input and output.
type Org struct{ org *salesforcetest.Org }

// Flood says what a topic floods its subscribers with.
type Flood struct {
	Object string
	N      int // 0 ends it
}

// Update says which records are changed, to have events of them.
type Update struct {
	Object  string
	Records int
	Fields  map[string]string
	Gaps    bool // its events are gap events
}

// Getenv answers a setting of the org.
func (o *Org) Getenv(name string, value *string) error {
	*value = o.org.Getenv(name)
	return nil
}

// Populate adds people up to a number of them.
func (o *Org) Populate(people int, records *int) error {
	err := o.org.Populate(people - o.org.Count("Contact"))
	*records = o.org.Count("Contact")
	return err
}

// Customer inserts somebody with so many orders.
func (o *Org) Customer(orders int, id *string) error {
	*id = o.org.Insert("Contact", map[string]any{"LastName": "Castillo", "FirstName": "Greta"})
	for range orders {
		o.org.Insert("Order", map[string]any{"BillToContactId": *id, "Status": "Draft", "EffectiveDate": "2026-01-02", "BillingCity": "Springfield"})
	}
	return nil
}

// Update changes records from all over an object's table, in no order, each in a
// transaction of its own.
func (o *Org) Update(u Update, changed *int) error {
	fields := map[string]any{}
	for name, value := range u.Fields {
		fields[name] = value
	}
	var ids []string
	for id := range o.org.Records(u.Object) {
		ids = append(ids, id)
	}
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	for _, id := range ids[:u.Records] {
		if u.Gaps {
			o.org.GapNext("")
		}
		o.org.Update(u.Object, id, fields)
	}
	*changed = u.Records
	return nil
}

// Expire makes every position that was given out unknown.
func (o *Org) Expire(_ int, calls *int) error {
	*calls = o.org.APICalls()
	return o.org.Expire()
}

// Cut breaks every connection of a stream, without a word.
func (o *Org) Cut(_ int, calls *int) error {
	*calls = o.org.APICalls()
	o.org.CutStreams()
	return nil
}

// Calls counts the API calls made so far.
func (o *Org) Calls(_ int, calls *int) error {
	*calls = o.org.APICalls()
	return nil
}

// Flood begins or ends a flood.
func (o *Org) Flood(f Flood, n *int) error {
	*n = f.N
	return o.org.Flood(topicOf(f.Object), f.N)
}

// Channel makes a topic of its own for an object's events and floods it.
func (o *Org) Channel(f Flood, n *int) error {
	*n = f.N
	name := "Bench" + strconv.Itoa(f.N) + "__chn"
	o.org.Channel(name, salesforcetest.Member{Object: f.Object})
	return o.org.Flood("/data/"+name, 1<<30)
}

// RoundTrip sets how long a request and its answer are on the way.
func (o *Org) RoundTrip(d time.Duration, milliseconds *int) error {
	o.org.SetPubSub(salesforcetest.PubSub{RoundTrip: d, KeepAlive: keepAlive})
	*milliseconds = int(d / time.Millisecond)
	return nil
}

const keepAlive = time.Second

func topicOf(object string) string { return "/data/" + object + "ChangeEvent" }

// pipe is both directions of a connection between two processes.
type pipe struct {
	io.Reader
	io.WriteCloser
}

// serve is the org's process. It ends when its standard input does.
func serve(in io.Reader, out io.WriteCloser) error {
	org, err := salesforcetest.New(salesforcetest.Config{PubSub: salesforcetest.PubSub{KeepAlive: keepAlive}})
	if err != nil {
		return err
	}
	org.SetDeliveries(0, 1<<40) // or a day's would be used up, and streams closed, before all is measured
	s := rpc.NewServer()
	if err := s.Register(&Org{org}); err != nil {
		return err
	}
	s.ServeConn(pipe{in, out})
	return org.Close()
}

// remote is the org as its client knows it.
type remote struct {
	*rpc.Client
	process *exec.Cmd
}

func startOrg(ctx context.Context) (*remote, error) {
	cmd, err := self(ctx, "-as", "org")
	if err != nil {
		return nil, err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &remote{rpc.NewClient(pipe{out, in}), cmd}, nil
}

// self is this program again, in another process.
func self(ctx context.Context, args ...string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, errors.New("the program does not find itself: build it with go build and run the file")
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stderr = os.Stderr
	return cmd, nil
}

func (r *remote) getenv(name string) (value string) {
	if r.Call("Org.Getenv", name, &value) != nil {
		return "" // the client then names the setting that it misses
	}
	return value
}

// do calls the org and drops the number that it answers.
func (r *remote) do(method string, arg any) error {
	var n int
	return r.Call("Org."+method, arg, &n)
}

// stop ends the process, and waits until it has.
func (r *remote) stop() error {
	return errors.Join(r.Close(), r.process.Wait())
}
