// Package bubble runs tests on the clock of a testing/synctest bubble, with
// GODEBUG=fips140=on as without it.
package bubble

import (
	"crypto/fips140"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
)

// Test runs f in a bubble, beside other tests where that is possible.
func Test(t *testing.T, f func(t *testing.T)) {
	Allow(t)
	synctest.Test(t, f)
}

// Allow lets t run beside other tests, and t and its subtests have bubbles.
//
// In FIPS mode Go draws its random bytes from how long reads of memory take, and
// panics where the clock stands still, as a bubble's does. There the process has
// random bytes from a seed while t runs, so only t's subtests run beside each
// other; and where nothing but FIPS is allowed, which such bytes are not, t is
// skipped.
func Allow(t *testing.T) {
	switch {
	case fips140.Enforced():
		t.Skip("random bytes from a seed, which a bubble needs in FIPS mode, are refused in FIPS-only mode")
	case fips140.Enabled():
		cryptotest.SetGlobalRandom(t, 1)
	default:
		t.Parallel()
	}
}
