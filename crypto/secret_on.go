//go:build goexperiment.runtimesecret

package crypto

import "runtime/secret"

// secretly runs f and erases the registers and the stack that it used; what it
// allocated is erased when the garbage collector finds it unused. f does no I/O.
func secretly(f func()) { secret.Do(f) }
