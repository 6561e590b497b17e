package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// show runs the story and returns what it printed.
func show(t *testing.T, ctx context.Context, q *quickstart) string {
	t.Helper()
	var out bytes.Buffer
	if err := q.run(ctx, &out); err != nil {
		t.Fatalf("%v, after\n%s", err, &out)
	}
	return out.String()
}

// A second run on a directory resumes: nothing is copied again.
func TestTwice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := show(t, t.Context(), &quickstart{dir: dir, records: 50, follow: time.Second})
	for _, part := range []string{"100%", "sealed, ", "the chain holds", "Exposures", "examples/job"} {
		if !strings.Contains(first, part) {
			t.Errorf("the first run does not show %q:\n%s", part, first)
		}
	}
	if strings.Contains(first, "resumed:") {
		t.Errorf("the first run says that it resumed:\n%s", first)
	}
	second := show(t, t.Context(), &quickstart{dir: dir, records: 50, follow: time.Second})
	if !strings.Contains(second, "resumed:") || regexp.MustCompile(`\d+ rows in `).MatchString(second) {
		t.Errorf("the second run does not resume:\n%s", second)
	}
	for _, file := range []string{"org", "data/crm.db", "keys/keys.db", "keys/kek.json", "policy.yaml"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Errorf("%s was not kept", file)
		}
	}
}

// Ctrl-C, which ends the context, ends the run without a failure and at once,
// wherever it comes.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for after := time.Millisecond; after < 4*time.Second; after *= 2 {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			began := time.Now()
			if out := show(t, ctx, &quickstart{records: 50, follow: time.Hour}); strings.Contains(out, "the chain holds") {
				t.Errorf("it went on to the end:\n%s", out)
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("it took %s to stop", took)
			}
		})
	}
}

func TestUnusableDirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := (&quickstart{dir: file, records: 1}).run(t.Context(), new(bytes.Buffer))
	if err == nil || !strings.Contains(err.Error(), "name another with -dir") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want one sentence that says what to do", err)
	}
}
