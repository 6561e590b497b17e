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

// costOf measures calls for about half a second.
func costOf(call func() error) (c cost, err error) {
	c.allocs = testing.AllocsPerRun(100, func() { err = errors.Join(err, call()) })
	var taken time.Duration
	for n := 1000; err == nil && taken < 500*time.Millisecond; n *= 2 {
		start := cpuTime()
		for range n {
			if err = call(); err != nil {
				return c, err
			}
		}
		taken = cpuTime() - start
		c.time = taken / time.Duration(n)
	}
	return c, err
}
