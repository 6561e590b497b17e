//go:build !unix

package main

import "time"

var began = time.Now()

// cpuTime is the time since the start: the system's own count is not read here.
func cpuTime() time.Duration { return time.Since(began) }
