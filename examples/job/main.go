// Command job keeps a sealed copy of a real org up to date: the program to
// start from for a deployment.
//
// It takes its settings from the environment: those of salesforce.FromEnv
// (SFSYNC_LOGIN_URL, _ORG_ID, _CONSUMER_KEY, _USERNAME, _JWT_KEY_FILE, …) and
//
//	SFSYNC_POLICY   the policy file          policy.yaml
//	SFSYNC_ROWS     the rows database        data/crm.db
//	SFSYNC_KEYS     the keys database        keys/keys.db
//	SFSYNC_KEK      the key-encryption key   secret/kek.json
//	SFSYNC_HEALTH   address of the health endpoint, 127.0.0.1:8080; "off": none
//
// With -plan it says what the policy would change and ends. GET /healthz is
// 200 while the copy is complete and current, else 503, with the status as
// JSON. SIGTERM ends it cleanly; started again, it resumes. It leaves no core
// dump (crypto.Harden).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/crypto/filekek"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

func main() {
	plan := flag.Bool("plan", false, "say what the policy would change, and end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := job(ctx, *plan); err != nil {
		fmt.Fprintln(os.Stderr, "job:", err)
		os.Exit(1)
	}
}

func job(ctx context.Context, plan bool) error {
	if err := crypto.Harden(); err != nil {
		return err
	}
	env, err := salesforce.FromEnv(os.Getenv)
	if err != nil {
		return err
	}
	org, err := salesforce.New(env)
	if err != nil {
		return err
	}
	defer org.Close()
	policy, err := minimize.ParseFile(setting("SFSYNC_POLICY", "policy.yaml"))
	if err != nil {
		return err
	}
	rows, err := sqlite.Open(ctx, setting("SFSYNC_ROWS", "data/crm.db"))
	if err != nil {
		return err
	}
	defer rows.Close()
	keys, err := sqlite.OpenKeys(ctx, setting("SFSYNC_KEYS", "keys/keys.db"))
	if err != nil {
		return err
	}
	defer keys.Close()
	kek, err := filekek.Open(setting("SFSYNC_KEK", "secret/kek.json"))
	if err != nil {
		return err
	}
	vault, err := crypto.OpenVault(ctx, keys, kek, env.OrgID)
	if err != nil {
		return err
	}
	defer vault.Close()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	s, err := sfsync.New(sfsync.Config{Org: org, Policy: policy, Store: rows, Vault: vault, Logger: log})
	if err != nil {
		return err
	}
	for _, exposure := range vault.Exposures() {
		log.Warn("exposure", "what", exposure)
	}
	if plan {
		return printPlan(ctx, s)
	}
	return serve(ctx, s, setting("SFSYNC_HEALTH", "127.0.0.1:8080"))
}

func setting(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func printPlan(ctx context.Context, s *sfsync.Sync) error {
	plan, err := s.Plan(ctx)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(plan)
}

// serve runs the job beside its health endpoint until ctx ends.
func serve(ctx context.Context, s *sfsync.Sync, health string) error {
	if health == "off" {
		return s.Run(ctx)
	}
	listener, err := net.Listen("tcp", health)
	if err != nil {
		return errors.New("the health address is taken or not valid; set SFSYNC_HEALTH to a free one, or to off")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { report(w, s.Status()) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(listener) // ends with Close below
	defer server.Close()
	return s.Run(ctx)
}

func report(w http.ResponseWriter, status sfsync.Status) {
	w.Header().Set("Content-Type", "application/json")
	if !status.Ready(10 * time.Minute) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	json.NewEncoder(w).Encode(status)
}
