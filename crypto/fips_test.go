package crypto_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestFIPS runs what seals and opens again in a process that allows
// approved algorithms only.
func TestFIPS(t *testing.T) {
	if strings.Contains(os.Getenv("GODEBUG"), "fips140=") {
		t.Skip("this process is the child")
	}
	t.Parallel()
	const run = "^(TestRoundTrip|TestSwap|TestDamage|TestSubjects|TestForgotten|TestOpenerRecords|TestLengths|TestKit)$"
	cmd := exec.Command(os.Args[0], "-test.run", run, "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "\n--- PASS") != 8 {
		t.Errorf("under fips140=only: %v\n%s", err, out)
	}
}
