package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-records", "5", "-plaintext", "-dir", t.TempDir(), "-churn", "10"}, w)
	}()
	line, err := bufio.NewReader(r).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var s settings
	if err := json.Unmarshal(line, &s); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(raw)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	for _, base := range []string{s.InstanceURL, s.PlaintextInstanceURL} {
		req, err := http.NewRequest("GET", base+"/services/data/v67.0/query?q=SELECT+count()+FROM+OrderItem", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.AccessToken)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || !strings.Contains(string(body), `"totalSize":1`) {
			t.Errorf("%s: %s %v", base, body, err)
		}
	}
	if _, err := os.Stat(s.JWTKeyFile); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := client.Get(s.InstanceURL); err == nil {
		t.Error("it still answers")
	}
}

func TestBadFlag(t *testing.T) {
	t.Parallel()
	if err := run(t.Context(), []string{"-records", "many"}, io.Discard); err == nil {
		t.Error("no error")
	}
}
