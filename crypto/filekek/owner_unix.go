//go:build unix

package filekek

import (
	"io/fs"
	"os"
	"syscall"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// private checks that the file belongs to this user or to root, and that
// nobody else can read it.
func private(info fs.FileInfo) error {
	if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Uid != 0 && int(s.Uid) != os.Geteuid() {
		return fault.New(fault.ConfigInvalid, "filekek.Open", "the key file belongs to another user; change its owner to the user that runs this")
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fault.New(fault.ConfigInvalid, "filekek.Open", "others can read the key file; set its mode to 0600")
	}
	return nil
}

// unshared checks that nobody else can put another file in its place. With the
// sticky bit others can add files but not replace this one.
func unshared(dir fs.FileInfo) error {
	if dir.Mode().Perm()&0o022 != 0 && dir.Mode()&fs.ModeSticky == 0 {
		return fault.New(fault.ConfigInvalid, "filekek.Open", "others can write to the directory of the key file; set its mode to 0700")
	}
	return nil
}
