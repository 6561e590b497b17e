package sfsync_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sfsync/sfsync-go/minimize"
)

var block = regexp.MustCompile("(?s)```([a-z]+)\n(.*?)```")

// TestREADME keeps the README's code true: Go blocks are parts of a compiled
// example, policies parse and compile nothing less, commands are run by CI.
func TestREADME(t *testing.T) {
	readme := read(t, filepath.Join("..", "README.md"))
	example := flat(read(t, "example_test.go"))
	ci := read(t, filepath.Join("..", ".ci", "run"))
	seen := map[string]int{}
	for _, m := range block.FindAllStringSubmatch(readme, -1) {
		kind, code := m[1], m[2]
		seen[kind]++
		switch kind {
		case "go":
			if !strings.Contains(example, flat(code)) {
				t.Errorf("this block is not in example_test.go:\n%s", code)
			}
		case "yaml":
			if _, err := minimize.Parse([]byte(code)); err != nil {
				t.Errorf("the policy does not parse: %v", err)
			}
		case "console":
			for line := range strings.Lines(code) {
				if strings.HasPrefix(line, "go run") || strings.HasPrefix(line, "go test") {
					if !strings.Contains(ci, strings.TrimSpace(line)) {
						t.Errorf("CI does not run %q", strings.TrimSpace(line))
					}
				}
			}
		}
	}
	if seen["go"] < 2 || seen["yaml"] < 1 || seen["console"] < 2 {
		t.Errorf("the README has only the blocks %v: the pattern misses some", seen)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// flat is code without its indentation.
func flat(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimLeft(line, "\t"))
	}
	return b.String()
}
