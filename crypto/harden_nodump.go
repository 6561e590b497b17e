//go:build unix && !linux

package crypto

// undump does nothing where the limit holds for every core dump.
func undump() error { return nil }
