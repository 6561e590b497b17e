package sqlite

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

func noSpace(err error) bool       { return errors.Is(err, windows.ERROR_DISK_FULL) }
func readOnlyMount(err error) bool { return errors.Is(err, windows.ERROR_WRITE_PROTECT) }

// lock takes the file for this process; the kernel frees it when the process
// ends, however it ends.
func lock(f *os.File) (held bool, err error) {
	err = windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
