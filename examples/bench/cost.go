package main

import (
	"errors"
	"testing"
	"time"
)

// cost is that of one call: processor time, which other programs on the machine
// do not change much, and allocations.
type cost struct {
	time   time.Duration
	allocs float64
}

// costOf measures calls for about a second, in twenty rounds of which the least
// counts: what else runs on the machine only ever adds.
func costOf(call func() error) (c cost, err error) {
	c.allocs = testing.AllocsPerRun(100, func() { err = errors.Join(err, call()) })
	n := 1000
	for taken := time.Duration(0); err == nil && taken < 25*time.Millisecond; n *= 2 {
		taken, err = round(n, call)
	}
	for i := 0; err == nil && i < 20; i++ {
		var taken time.Duration
		taken, err = round(n, call)
		if each := taken / time.Duration(n); i == 0 || each < c.time {
			c.time = each
		}
	}
	return c, err
}

// round is the processor time of n calls.
func round(n int, call func() error) (time.Duration, error) {
	start := cpuTime()
	for range n {
		if err := call(); err != nil {
			return 0, err
		}
	}
	return cpuTime() - start, nil
}
