//go:build race

package crypto_test

// Under the race detector a sync.Pool drops what it is given, now and then.
func init() { poolsKeep = false }
