package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sfsync/sfsync-go/sfsync"
)

// copyAndFollow runs the sync: first the copy, then the org's live changes.
func (q *quickstart) copyAndFollow(ctx context.Context) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- q.sync.Run(running) }()

	q.say("3. The first copy, by Bulk API 2.0, while the change stream is already open")
	began := time.Now()
	resumed := true
	if err := q.watch(ctx, done, q.firstCopy(&resumed)); err != nil {
		return err
	}
	copied := q.sync.Status()
	if resumed {
		q.say("   resumed: the copy was complete already, so nothing was copied a second time (%.1f s)\n", time.Since(began).Seconds())
	} else {
		q.say("   %d rows in %.1f s\n", copied.Applied, time.Since(began).Seconds())
	}
	if err := q.live(ctx, running, done, copied); err != nil {
		return err
	}
	stop()
	return <-done
}

// live lets people work in the org for a while.
func (q *quickstart) live(ctx, running context.Context, done chan error, copied sfsync.Status) error {
	q.say("4. Live changes for %v: people in the org place orders, move house, open cases", q.follow)
	churn, stop := context.WithTimeout(running, q.follow)
	defer stop()
	finished := make(chan error, 1)
	go func() { finished <- q.org.Churn(churn, 40) }()
	err := q.watch(ctx, done, func(sfsync.Status) (string, bool) { return "", churn.Err() != nil })
	if churned := <-finished; err == nil {
		err = churned
	}
	if err != nil || ctx.Err() != nil {
		return err
	}
	// The last changes are still on their way for a moment.
	settle, stop := context.WithTimeout(ctx, 500*time.Millisecond)
	defer stop()
	<-settle.Done()
	now := q.sync.Status()
	q.say("   %d rows changed; the last one reached the copy %.1f s after its second\n", now.Applied-copied.Applied, slowest(now))
	return nil
}

func slowest(s sfsync.Status) float64 {
	var delay time.Duration
	for _, t := range s.Topics {
		delay = max(delay, t.Delay)
	}
	return delay.Seconds()
}

// watch draws the status five times a second until it is done, or the run or
// ctx ends.
func (q *quickstart) watch(ctx context.Context, ended chan error, draw func(sfsync.Status) (string, bool)) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		line, done := draw(q.sync.Status())
		if line != "" {
			fmt.Fprintf(q.out, "\r   %s", line)
		}
		if done {
			if line != "" {
				fmt.Fprintln(q.out)
			}
			return nil
		}
		select {
		case <-tick.C:
		case err := <-ended:
			ended <- err
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// firstCopy draws a progress bar until no read of all records is owed. It notes
// in resumed whether there was one, which may have ended before the first look.
func (q *quickstart) firstCopy(resumed *bool) func(sfsync.Status) (string, bool) {
	total := 0
	for _, name := range q.policy.ObjectNames() {
		total += q.org.Count(name)
	}
	return func(s sfsync.Status) (string, bool) {
		var rows int64
		owed := s.Phase != "running"
		for _, o := range s.Objects {
			rows += o.Rows
			owed = owed || o.Owed
			*resumed = *resumed && !o.Owed && o.Total == 0
		}
		if !owed {
			rows = int64(total)
		}
		part := min(1, float64(rows)/float64(max(1, total)))
		bar := strings.Repeat("#", int(40*part)) + strings.Repeat(".", 40-int(40*part))
		return fmt.Sprintf("[%s] %3.0f%%", bar, 100*part), !owed
	}
}
