//go:build unix

package sqlite

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func noSpace(err error) bool       { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
func readOnlyMount(err error) bool { return errors.Is(err, unix.EROFS) }

// lock takes the file for this process; the kernel frees it when the process
// ends, however it ends.
func lock(f *os.File) (held bool, err error) {
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
