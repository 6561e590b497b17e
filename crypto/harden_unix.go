//go:build unix

package crypto

import (
	"golang.org/x/sys/unix"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

func harden() error {
	err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	if err == nil {
		err = undump()
	}
	return fault.Wrap(err, fault.ConfigInvalid, "crypto.Harden",
		"core dumps cannot be turned off; see what the system forbids this process, or turn them off for its user")
}
