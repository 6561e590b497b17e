//go:build race

package minimize_test

// The race detector makes sync.Pool drop items at random, so that decoding an
// event allocates now and then.
func init() { pooled = false }
