package sfsync

import "time"

// pace are the intervals of the engine's own work. Only tests change them.
type pace struct {
	// The pause between two tries grows from firstPause to longestPause, and
	// is short again after work that lasted.
	firstPause, longestPause, lasted time.Duration

	poll   time.Duration // how often an object without change events is read
	glance time.Duration // between two looks at whether a comparison is over

	sight time.Duration // between two looks at what the org shows of an object
	look  time.Duration // the same, while the object is held
	lag   time.Duration // how long after it is regained an object is read once more

	stale time.Duration // after which a position that was not moved is not trusted
	renew time.Duration // between two renewals of the time of one that stays, at least
	late  time.Duration // after which events that have not come are likely to expire

	finish time.Duration // how often what another process began to forget is finished

	silence time.Duration // after which a change without an event raises an alarm

	refill time.Duration // between two looks at the org's limits while one is reached
	survey time.Duration // and otherwise

	gapAgain     time.Duration // until the one repetition of a read older than its gap event
	badAgain     time.Duration // until a record that could not be read is tried again
	firstRest    time.Duration // of re-reads of which none succeeds, doubled each time
	longestFirst time.Duration // that batches wait for a read of records by id
}

var usualPace = pace{firstPause: time.Second, longestPause: time.Minute, lasted: 2 * time.Minute,
	poll: 5 * time.Minute, glance: time.Second / 4, sight: time.Hour, look: 5 * time.Minute, lag: 15 * time.Minute,
	stale: 71 * time.Hour, renew: 30 * time.Second, late: 48 * time.Hour, finish: time.Minute, silence: time.Hour, gapAgain: time.Minute, badAgain: time.Hour, firstRest: time.Minute, longestFirst: 10 * time.Second,
	refill: 15 * time.Minute, survey: time.Hour}

// faster divides every interval by n.
func (p pace) faster(n time.Duration) pace {
	return pace{firstPause: p.firstPause / n, longestPause: p.longestPause / n, lasted: p.lasted / n,
		poll: p.poll / n, glance: p.glance / n, sight: p.sight / n, look: p.look / n, lag: p.lag / n,
		stale: p.stale, renew: p.renew / n, late: p.late, finish: p.finish / n, silence: p.silence / n, gapAgain: p.gapAgain / n, badAgain: p.badAgain / n, firstRest: p.firstRest / n, longestFirst: p.longestFirst,
		refill: p.refill / n, survey: p.survey / n}
}
