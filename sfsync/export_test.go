package sfsync

import (
	"context"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Disable switches single rules of the apply algorithm off.
func (s *Sync) Disable(rules ...string) {
	for _, r := range rules {
		s.disabled |= ruleNames[r]
	}
}

// Sweep removes from the index what leads to no row of an object, in the session
// that is open.
func (s *Sync) Sweep(ctx context.Context, object string) error {
	open, _, _ := s.turn.look()
	return open.sweep(ctx, open.objects[object])
}

// Owed is what is owed after a batch, as an object keeps it.
func Owed(owed, owe, paid []store.Range) []store.Range { return balance(owed, owe, paid) }

// Hasten divides every interval of the engine's own work by n.
func (s *Sync) Hasten(n int) { s.pace = s.pace.faster(time.Duration(n)) }

// AlarmUsually leaves the alarm of a silent object at an hour of the org's time.
func (s *Sync) AlarmUsually() { s.pace.silence = usualPace.silence }

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
	"follow moves":         followMoves,
	"rename accounts":      renameAccounts,
	"alias merged":         aliasMerged,
	"gap repeats":          gapRepeats,

	"resume at position":    resumeAtPosition,
	"gap owes read":         gapOwesRead,
	"read clears dirty":     readClearsDirty,
	"refusal is no absence": refusalIsNoAbsence,
}

// After is until when something deleted now may still exist.
func (h Horizon) After(now time.Time, keyAge time.Duration) time.Time { return h.after(now, keyAge) }

// KeepTrying is what the parts of a run do.
func (s *Sync) KeepTrying(ctx context.Context, name string, work func(context.Context) error) error {
	return s.keepTrying(ctx, name, work)
}
