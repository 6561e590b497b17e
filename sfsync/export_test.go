package sfsync

// Disable switches single rules of the apply algorithm off.
func (s *Sync) Disable(rules ...string) {
	for _, r := range rules {
		s.disabled |= ruleNames[r]
	}
}

var ruleNames = map[string]rule{
	"skip strictly older":  skipStrictlyOlder,
	"gone mark":            goneMark,
	"delta without row":    deltaWithoutRow,
	"dirty applies events": dirtyAppliesEvents,
	"person change":        personChange,
	"read loses to event":  readLosesToEvent,
	"young stamp":          youngStamp,
	"position trails":      positionTrails,
	"floor voids reads":    floorVoidsReads,
	"hidden is not null":   hiddenIsNotNull,
	"position first":       positionFirst,
}
