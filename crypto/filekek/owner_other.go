//go:build !unix

package filekek

import "io/fs"

// Where files have no owner and mode, who may read the file is up to the
// permissions of its directory.
func private(fs.FileInfo) error { return nil }

func unshared(fs.FileInfo) error { return nil }
