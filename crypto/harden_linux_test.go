package crypto_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sfsync/sfsync-go/crypto"
)

// TestHarden lets two children crash, one of them hardened.
func TestHarden(t *testing.T) {
	switch os.Getenv("SFSYNC_CRASH") {
	case "hardened":
		crash(t, crypto.Harden)
	case "plain":
		crash(t, func() error { return nil })
	}
	t.Parallel()
	dumped, out := crashed(t, "hardened")
	if dumped || !strings.Contains(out, "core 0 of 0, dumpable 0") {
		t.Errorf("a hardened process left a core dump: %v; its settings:\n%.100s", dumped, out)
	}
	if dumped, out = crashed(t, "plain"); !dumped {
		t.Skipf("no process leaves a core dump on this machine, so that only the settings were checked: %.60s", out)
	}
}

// crash says what is set and dies as a program with a fault in C code does.
func crash(t *testing.T, harden func() error) {
	var limit unix.Rlimit
	if err := harden(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		t.Fatal(err)
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(os.Stderr, "core %d of %d, dumpable %d\n", limit.Cur, limit.Max, dumpable)
	panic("crashed")
}

// crashed runs the test again in a process that has GOTRACEBACK=crash, and
// reports whether the system wrote its memory down.
func crashed(t *testing.T, how string) (dumped bool, out string) {
	cmd := exec.Command("/bin/sh", "-c", `ulimit -S -c unlimited; exec "$0" -test.run '^TestHarden$'`, os.Args[0])
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "SFSYNC_CRASH="+how, "GOTRACEBACK=crash")
	text, err := cmd.CombinedOutput()
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if err == nil || !ok || !status.Signaled() {
		t.Fatalf("the %s child did not crash: %v\n%s", how, err, text)
	}
	files, _ := filepath.Glob(filepath.Join(cmd.Dir, "core*"))
	return status.CoreDump() || len(files) > 0, string(text)
}
