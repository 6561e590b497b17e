package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// topics measures ten topics at once on one connection, beside as many streams
// of the generated client.
func (b *bench) topics(ctx context.Context) ([]line, error) {
	n := b.size(30_000)
	if _, err := b.people(b.size(20_000)); err != nil {
		return nil, err
	}
	if err := b.flood(1, b.size(2_000), 0); err != nil {
		return nil, err
	}
	var names []string
	for i := range 10 {
		if err := b.org.do("Channel", Flood{"Contact", i}); err != nil {
			return nil, err
		}
		names = append(names, fmt.Sprintf("/data/Bench%d__chn", i))
	}
	client, err := b.client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var ours, bare []work
	for range 3 {
		w, err := together(names, func(topic string) (work, error) { return received(ctx, client, topic, n) })
		if err != nil {
			return nil, err
		}
		bare = append(bare, w)
		if w, err = together(names, func(topic string) (work, error) { return b.projected(ctx, client, topic, n) }); err != nil {
			return nil, err
		}
		ours = append(ours, w)
	}
	o, l := median(ours), median(bare)
	return []line{{"10 topics at once", o.speed("events"), "bare gRPC receive: " + l.speed("events"), percent(o.rate(), l.rate()), "",
		"all topics together: custom channels of Contact, each with 100 events outstanding; received and projected"}}, nil
}

// together does the same for each topic at once.
func together(topics []string, do func(topic string) (work, error)) (all work, err error) {
	var group errgroup.Group
	rows := make([]int, len(topics))
	start, cpu := time.Now(), cpuTime()
	for i, topic := range topics {
		group.Go(func() error {
			w, err := do(topic)
			rows[i] = w.Rows
			return err
		})
	}
	err = group.Wait()
	for _, n := range rows {
		all.Rows += n
	}
	all.Elapsed, all.CPU = time.Since(start), cpuTime()-cpu
	return all, err
}
