package main

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// cost is that of one thing: processor time, which other programs on the machine
// do not change much, and allocations.
type cost struct {
	time   time.Duration
	allocs float64
}

func (c cost) String() string {
	each := c.time
	if each > 10*time.Microsecond {
		each = each.Round(100 * time.Nanosecond)
	}
	return fmt.Sprintf("%v, %.0f allocations", each, c.allocs)
}

// costOf measures calls for about a second, in twenty rounds of which the least
// counts: what else runs on the machine only ever adds. A call does a number of
// things, and the cost is that of one.
func (b *bench) costOf(things int, call func() error) (c cost, err error) {
	c.allocs = testing.AllocsPerRun(100, func() { err = errors.Join(err, call()) }) / float64(things)
	n, long := 1, time.Duration(b.scale*float64(25*time.Millisecond))
	for taken := time.Duration(0); err == nil && taken < long; n *= 2 {
		taken, err = round(n, call)
	}
	for i := 0; err == nil && i < 20; i++ {
		var taken time.Duration
		taken, err = round(n, call)
		if each := taken / time.Duration(n*things); i == 0 || each < c.time {
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
