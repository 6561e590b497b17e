package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestMain lets the test's own binary be the other processes.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args, "-as") {
		main()
		return
	}
	os.Exit(m.Run())
}

// Every measurement runs to its end, at a size that says nothing about speed.
func TestRun(t *testing.T) {
	for _, markdown := range []bool{false, true} {
		var out bytes.Buffer
		b := &bench{scale: 0.001, markdown: markdown}
		if !markdown {
			b.only = "seal"
		}
		if err := run(t.Context(), "", b, &out); err != nil {
			t.Fatal(err)
		}
		for _, goal := range []string{"600ns, 0 allocations", "2µs, 1 allocation", "3.5µs, 5 allocations", "100,000 persons/s",
			"1,000,000 keys/s", "100,000 keys/s", "1ms", "60 an hour", "80%", "1,900 events/s", "60%, 25,000 events/s", "20,000 rows/s", "30,000 rows/s", "120%"} {
			if markdown && !strings.Contains(out.String(), "| "+goal+" |") {
				t.Errorf("no row with the goal %s in\n%s", goal, &out)
			}
		}
		if markdown {
			inREADME(t, out.String())
		}
		if !strings.Contains(out.String(), "2µs") || strings.Contains(out.String(), "|---|") != markdown {
			t.Errorf("markdown %v:\n%s", markdown, &out)
		}
	}
}

// inREADME checks that the README's table has each row of this one.
func inREADME(t *testing.T, table string) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for row := range strings.Lines(table) {
		name, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " |")
		if strings.HasPrefix(row, "| ") && !strings.Contains(string(readme), "\n| "+name+" |") {
			t.Errorf("the README's table has no row %q: take over what the benchmark prints", name)
		}
	}
}

func TestThousands(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
