//go:build linux || darwin

package sqlite

import "golang.org/x/sys/unix"

// full reports whether the directory's disk has no space left to speak of.
func full(dir string) bool {
	var s unix.Statfs_t
	return unix.Statfs(dir, &s) == nil && s.Bavail*uint64(s.Bsize) < 1<<20
}
