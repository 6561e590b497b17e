package sfsync_test

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/store"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// childEnv holds the orders of a process that TestKill started, as JSON.
const childEnv = "SFSYNC_KILL_CHILD"

// orders tell a child where the copy is and when to kill itself.
type orders struct {
	Dir  string
	Call string        // the call to die at; "" counts all that may write
	Nth  int           // from 1; 0: at none
	When moment        // before, during or after that call
	In   time.Duration // during: how long after it began

	Policy string   // "" for that of the shop
	Haste  int      // divides the engine's own pauses, if not 0
	Off    []string // rules switched off
	Who    string   // the record of the person that it is about
}

type moment string

const (
	dieBefore moment = "before"
	dieDuring moment = "during"
	dieAfter  moment = "after"
)

// child runs the copy until it is killed.
func child(t *testing.T, text string) {
	d := &doomed{calls: map[string]int{}}
	noError(t, json.Unmarshal([]byte(text), &d.orders))
	go func() { // the parent holds the other end
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	journal, err := os.OpenFile(filepath.Join(d.Dir, "journal"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	noError(t, err)
	d.journal = json.NewEncoder(journal)

	opened := d.call("Open")
	cfg := d.config(t, os.Getenv, cmp.Or(d.Policy, shopPolicy))
	opened()
	cfg.ReconcileEvery = -1 // comparing mends what was lost
	cfg.Logger = slog.New(slog.NewTextHandler(os.Stdout, nil))
	s, err := sfsync.New(cfg)
	noError(t, err)
	s.Hasten(max(1, d.Haste))
	s.AlarmUsually()
	s.Disable(d.Off...)
	t.Fatal("the run ended by itself: ", s.Run(t.Context()))
}

// config opens the copy.
func (d *doomed) config(t *testing.T, getenv func(string) string, policy string) sfsync.Config {
	env, err := salesforce.FromEnv(getenv)
	noError(t, err)
	org, err := salesforce.New(env)
	noError(t, err)
	rows, err := sqlite.Open(t.Context(), filepath.Join(d.Dir, "data", "crm.db"))
	noError(t, err)
	t.Cleanup(func() { rows.Close() })
	return sfsync.Config{Org: org, Policy: parse(t, policy), Store: doomedStore{rows, d}, Vault: d.vault(t, env.OrgID, d.kek(t, "kek.json"))}
}

func (d *doomed) vault(t *testing.T, org string, kek tink.AEADWithContext) *crypto.Vault {
	keys, err := sqlite.OpenKeys(t.Context(), filepath.Join(d.Dir, "keys", "keys.db"))
	noError(t, err)
	t.Cleanup(func() { keys.Close() })
	vault, err := crypto.OpenVault(t.Context(), doomedKeys{keys, d}, kek, org)
	noError(t, err)
	return vault
}

func (d *doomed) kek(t *testing.T, name string) tink.AEADWithContext {
	kek, err := filekek.Open(filepath.Join(d.Dir, "secret", name))
	noError(t, err)
	return kek
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// doomed kills its own process at the moment its orders say.
type doomed struct {
	orders
	journal *json.Encoder

	mu    sync.Mutex
	calls map[string]int // by name, and under "" all that may write
	made  []madeCall     // those that may write and have ended, in order
}

// madeCall is a call that may write: the nth of its name.
type madeCall struct {
	name string
	nth  int
	took time.Duration
}

// call is to be called before a call, and what it returns after it.
func (d *doomed) call(name string) (done func()) {
	d.mu.Lock()
	d.calls[name]++
	writes := name != "Root" && name != "Keys"
	if writes {
		d.calls[""]++
	}
	due := (d.Call == name || d.Call == "" && writes) && d.calls[d.Call] == d.Nth
	nth, began := d.calls[name], time.Now()
	d.mu.Unlock()
	switch {
	case !due:
	case d.When == dieBefore:
		die()
	case d.When == dieDuring:
		time.AfterFunc(d.In, die)
		return die // a call that is over sooner
	case d.When == dieAfter:
		return die
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if writes {
			d.made = append(d.made, madeCall{name, nth, time.Since(began)})
		}
	}
}

// die is kill -9: nothing deferred runs and nothing is flushed.
func die() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {}
}

// journalLine is one entry of the journal, which tells what the child did to the rows.
// Killing a process loses nothing that it has written to a file.
type journalLine struct {
	Prepared *books       `json:",omitempty"` // what Prepare returned
	Apply    *journalStep `json:",omitempty"` // Apply begins
	Applied  bool         `json:",omitempty"` // Apply returned nil
	Fault    fault.Code   `json:",omitempty"` // Apply returned this
}

// journalStep is what one batch does to the books.
type journalStep struct {
	Topic      string
	From, Next []byte
	N          map[string]int64 // of each object, before
	Entries    []string         // of the ledger, canonical
}

// note writes one line. Prepare and Apply are never under way at once.
func (d *doomed) note(l journalLine) {
	if err := d.journal.Encode(l); err != nil {
		panic(err)
	}
}

type doomedStore struct {
	*sqlite.Store
	*doomed
}

func (s doomedStore) Prepare(ctx context.Context, schema store.Schema) (store.State, error) {
	done := s.call("Prepare")
	state, err := s.Store.Prepare(ctx, schema)
	if err == nil {
		b := newBooks()
		for _, err := range s.Entries(ctx, 0) {
			if err != nil {
				return state, err
			}
			b.Entries++
		}
		for name, o := range state.Objects {
			b.N[name] = o.N
		}
		for name, t := range state.Topics {
			b.At[name] = []byte(t.Position)
		}
		s.note(journalLine{Prepared: &b})
	}
	done()
	return state, err
}

func (s doomedStore) Apply(ctx context.Context, b *store.Batch) error {
	done := s.call("Apply")
	todo := journalStep{Topic: b.Topic, From: []byte(b.From), Next: []byte(b.Next), N: map[string]int64{}}
	for _, o := range b.Objects {
		todo.N[o.Object] = o.N
	}
	for _, e := range b.Entries {
		todo.Entries = append(todo.Entries, string(e.Canonical()))
	}
	s.note(journalLine{Apply: &todo})
	err := s.Store.Apply(ctx, b)
	s.note(journalLine{Applied: err == nil, Fault: fault.CodeOf(err)})
	done()
	return err
}
