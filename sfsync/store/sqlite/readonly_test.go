//go:build unix

package sqlite_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store/sqlite"
)

// A process that may read but not write is told so. As root may write
// everything, the test runs itself again as somebody else.
func TestReadOnly(t *testing.T) {
	if dir := os.Getenv("SFSYNC_TEST_READ_ONLY"); dir != "" {
		for _, path := range []string{"file/rows.db", "none/rows.db", "locked/rows.db"} {
			_, err := sqlite.Open(t.Context(), filepath.Join(dir, path))
			sentence(t, err, fault.StoreReadOnly)
		}
		return
	}
	dir := t.TempDir()
	for _, name := range []string{"file", "none", "locked"} {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
	}
	must(t, open(t, filepath.Join(dir, "file/rows.db")).Close())
	must(t, os.Chmod(filepath.Join(dir, "file/rows.db"), 0o444)) // file that may be read
	must(t, open(t, filepath.Join(dir, "locked/rows.db")).Close())
	must(t, os.Chmod(filepath.Join(dir, "locked/rows.db"), 0o666)) // directory in which no log can be made
	for _, name := range []string{".", "..", "file", "none", "locked"} {
		must(t, os.Chmod(filepath.Join(dir, name), 0o555))
	}
	t.Cleanup(func() {
		for _, name := range []string{".", "..", "file", "none", "locked"} {
			os.Chmod(filepath.Join(dir, name), 0o755)
		}
	})
	self := filepath.Join(t.TempDir(), "test")
	binary, err := os.ReadFile(os.Args[0])
	must(t, err)
	must(t, os.WriteFile(self, binary, 0o755))
	must(t, os.Chmod(filepath.Dir(filepath.Dir(self)), 0o755))
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestReadOnly$")
	cmd.Env = append(os.Environ(), "SFSYNC_TEST_READ_ONLY="+dir)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
