package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// The policies: shop.yaml for the whole shop, contact.yaml for contacts alone.
//
//go:embed *.yaml
var policies embed.FS

// replica is a copy of the org with all that belongs to it.
type replica struct {
	client *salesforce.Org
	rows   *sqlite.Store
	sync   *sfsync.Sync
	opened []io.Closer
}

// open opens the copy in a directory: rows in rows/, keys in keys/.
func open(ctx context.Context, dir, policyFile string, getenv func(string) string) (r *replica, err error) {
	r = &replica{}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	env, err := salesforce.FromEnv(getenv)
	if err != nil {
		return r, err
	}
	text, err := policies.ReadFile(policyFile)
	if err != nil {
		return r, err
	}
	policy, err := minimize.Parse(text)
	if err != nil {
		return r, err
	}
	if r.client, err = salesforce.New(env); err != nil {
		return r, err
	}
	r.opened = append(r.opened, r.client)
	if r.rows, err = sqlite.Open(ctx, filepath.Join(dir, "rows", "crm.db")); err != nil {
		return r, err
	}
	r.opened = append(r.opened, r.rows)
	keys, err := sqlite.OpenKeys(ctx, filepath.Join(dir, "keys", "keys.db"))
	if err != nil {
		return r, err
	}
	r.opened = append(r.opened, keys)
	kek, err := filekek.Open(filepath.Join(dir, "secret", "kek.json"))
	if err != nil {
		return r, err
	}
	vault, err := crypto.OpenVault(ctx, keys, kek, env.OrgID)
	if err != nil {
		return r, err
	}
	r.opened = append(r.opened, vault)
	r.sync, err = sfsync.New(sfsync.Config{Org: r.client, Policy: policy, Store: r.rows, Vault: vault})
	return r, err
}

// close closes what was opened, the last first.
func (r *replica) close() error {
	var errs []error
	for _, c := range slices.Backward(r.opened) {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// work is what a client did, from its first call to the last commit.
type work struct {
	Rows    int
	Elapsed time.Duration
	CPU     time.Duration // of the client's process
	Peak    int64         // bytes, the most memory its process ever had; 0 if the system does not tell
}

func (w work) rate() float64 { return float64(w.Rows) / w.Elapsed.Seconds() }

// apply is what Run does, until so many rows are committed or ctx ends.
func (r *replica) apply(ctx context.Context, enough int) (w work, err error) {
	start, cpu := time.Now(), cpuTime()
	for batch, err := range r.sync.Changes(ctx) {
		if err != nil {
			return w, err
		}
		if err := batch.Ack(ctx); err != nil {
			return w, err
		}
		for range batch.Rows() {
			w.Rows++
		}
		if w.Rows >= enough {
			break
		}
	}
	w.Elapsed, w.CPU, w.Peak = time.Since(start), cpuTime()-cpu, peakMemory()
	return w, nil
}

// complete ends ctx when nothing is owed any more. The batch that says so has
// no rows, so it does not come by in the loop.
func (r *replica) complete(ctx context.Context, cancel func()) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !r.paid() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	cancel()
}

func (r *replica) paid() bool {
	objects := r.sync.Status().Objects
	for _, o := range objects {
		if o.Owed {
			return false
		}
	}
	return len(objects) > 0
}

// copyOnce is a client's process: it takes a first copy and prints its work.
func copyOnce(ctx context.Context, dir, policyFile string, out io.Writer) error {
	r, err := open(ctx, dir, policyFile, os.Getenv)
	if err != nil {
		return err
	}
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	go r.complete(reading, cancel)
	w, err := r.apply(reading, math.MaxInt)
	if err := errors.Join(err, r.close()); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(w)
}

// copyApart takes a first copy in a process of its own, whose memory is then
// that of the copy alone.
func (r *remote) copyApart(ctx context.Context, dir, policyFile, profile string) (w work, err error) {
	if profile != "" {
		profile += "." + filepath.Base(dir)
	}
	cmd, err := self(ctx, "-cpuprofile", profile, "-as", "copy", dir, policyFile)
	if err != nil {
		return w, err
	}
	cmd.Env = os.Environ()
	_, err = salesforce.FromEnv(func(name string) string { // asks for each name there is
		value := r.getenv(name)
		cmd.Env = append(cmd.Env, name+"="+value)
		return value
	})
	if err != nil {
		return w, err
	}
	out, err := cmd.Output()
	if err != nil {
		return w, errors.New("a client's process failed; what it says stands above")
	}
	return w, json.Unmarshal(out, &w)
}
