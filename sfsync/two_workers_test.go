package sfsync_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// sealerEnv tells a process that TestTwoWorkers started where the keys are, and
// sealerOrg of which org.
const (
	sealerEnv = "SFSYNC_SEALER_CHILD"
	sealerOrg = "SFSYNC_SEALER_ORG"
)

// sealing is what a process answers about one record.
type sealing struct {
	Person crypto.Person
	Bytes  []byte // of the field, sealed
	Made   int64  // how many keys of persons it has made
	Opened string // what the other process had sealed in the round before
}

func sealedField(round int) crypto.Field {
	return crypto.Field{Object: "Contact", Record: fmt.Sprintf("003000000000%03dAAA", round), Name: "LastName", Type: 1}
}

// makes counts the keys that are made through it.
type makes struct {
	crypto.KeyStore
	made atomic.Int64
}

type countedMint struct {
	crypto.Mint
	made *atomic.Int64
}

func (m countedMint) Key(p crypto.Person) (crypto.PersonKey, error) {
	m.made.Add(1)
	return m.Mint.Key(p)
}

func (k *makes) Link(ctx context.Context, wants []crypto.Want, mint crypto.Mint) ([]crypto.Holder, error) {
	return k.KeyStore.Link(ctx, wants, countedMint{mint, &k.made})
}

// sealer is the child: for each line it opens what another process sealed, and
// seals for a record that nobody had before.
func sealer(t *testing.T, dir string) {
	keys, err := sqlite.OpenKeys(t.Context(), filepath.Join(dir, "keys", "keys.db"))
	noError(t, err)
	kek, err := filekek.Open(filepath.Join(dir, "secret", "kek.json"))
	noError(t, err)
	counted := &makes{KeyStore: keys}
	vault, err := crypto.OpenVault(t.Context(), counted, kek, os.Getenv(sealerOrg))
	noError(t, err)
	opener, err := vault.Opener(anyone{})
	noError(t, err)
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for round := 0; ; round++ {
		var other, answer sealing
		if err := in.Decode(&other); err == io.EOF {
			os.Exit(0)
		} else {
			noError(t, err)
		}
		if round > 0 {
			f := sealedField(round - 1)
			plain, err := opener.Open(t.Context(), crypto.Use{Actor: "test", Person: other.Person, Object: f.Object, Record: f.Record, Fields: []string{f.Name}},
				crypto.Sealed{Person: other.Person, Field: f, Bytes: other.Bytes})
			noError(t, err)
			answer.Opened, _ = plain[0].Reveal()
		}
		f := sealedField(round)
		batch, err := vault.Sealer().Begin(t.Context())
		noError(t, err)
		subjects, err := batch.Subjects(t.Context(), []crypto.Want{{Record: crypto.Link{Object: f.Object, Record: f.Record}}})
		noError(t, err)
		answer.Person = subjects[0].Person()
		answer.Bytes, err = batch.Seal(nil, subjects[0], f, false, fmt.Append(nil, "of round ", round))
		noError(t, err)
		answer.Made = counted.made.Load()
		noError(t, out.Encode(answer))
	}
}

// sealerProcess is such a child, as its parent sees it.
type sealerProcess struct {
	*json.Encoder
	*json.Decoder
	last sealing
}

func startSealer(t *testing.T, org, dir string) *sealerProcess {
	c := exec.Command(os.Args[0], "-test.run=^TestTwoWorkers$")
	c.Env = append(os.Environ(), sealerEnv+"="+dir, sealerOrg+"="+org)
	var failure bytes.Buffer
	c.Stderr = &failure
	in, err := c.StdinPipe()
	noError(t, err)
	out, err := c.StdoutPipe()
	noError(t, err)
	noError(t, c.Start())
	t.Cleanup(func() {
		in.Close()
		rest, _ := io.ReadAll(out)
		if err := c.Wait(); err != nil {
			t.Errorf("a process failed: %v: %s%s", err, rest, &failure)
		}
	})
	return &sealerProcess{Encoder: json.NewEncoder(in), Decoder: json.NewDecoder(out)}
}

// TestTwoWorkers: two processes with one keys database make the key of one
// person at the same moment, again and again. Each key is made once, both have
// it, and what one seals the other opens.
func TestTwoWorkers(t *testing.T) {
	if dir := os.Getenv(sealerEnv); dir != "" {
		sealer(t, dir)
	}
	t.Parallel()
	org, dir := newOrg(t, salesforcetest.Config{}), t.TempDir()
	open(t, org, dir, contactPolicy) // makes the databases
	a, b := startSealer(t, org.OrgID(), dir), startSealer(t, org.OrgID(), dir)
	const rounds = 100
	for round := range rounds {
		first, second := a, b
		if round%2 == 1 {
			first, second = b, a
		}
		of := [2]sealing{first.last, second.last}
		noError(t, first.Encode(of[1]))
		noError(t, second.Encode(of[0]))
		for _, w := range []*sealerProcess{first, second} {
			w.last = sealing{}
			noError(t, w.Decode(&w.last))
			if want := fmt.Sprint("of round ", round-1); round > 0 && w.last.Opened != want {
				t.Errorf("what the other sealed opens as %q, want %q", w.last.Opened, want)
			}
		}
		keyA, errA := crypto.Sealed{Bytes: a.last.Bytes}.Key()
		keyB, errB := crypto.Sealed{Bytes: b.last.Bytes}.Key()
		if errA != nil || errB != nil || keyA != keyB || a.last.Person != b.last.Person {
			t.Fatalf("round %d: one seals for %v by %d, the other for %v by %d (%v, %v)", round, a.last.Person, keyA, b.last.Person, keyB, errA, errB)
		}
	}
	if a.last.Made+b.last.Made != rounds || a.last.Made == 0 || b.last.Made == 0 {
		t.Errorf("the two made %d and %d keys of %d persons", a.last.Made, b.last.Made, rounds)
	}
}
