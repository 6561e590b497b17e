package sfsync

// rule names one rule of the apply algorithm. A test switches a single rule
// off to show that the history written for it then loses a change; nothing
// else can.
type rule uint32

const (
	skipStrictlyOlder  rule = 1 << iota // skip only events strictly older than an untouched read
	goneMark                            // a deletion, or a re-read that finds nothing, leaves a mark
	deltaWithoutRow                     // a delta for a record not held makes a dirty stub
	dirtyAppliesEvents                  // events go on being applied to a dirty row
	personChange                        // a changed person empties the row
	readLosesToEvent                    // a read does not overwrite rows written since it began
	youngStamp                          // a young stamp is no base
	positionTrails                      // the position passes an id only when another has followed
	floorVoidsReads                     // an overflow voids the reads begun before it
	hiddenIsNotNull                     // changed, not nulled, without value: dirty
	followMoves                         // rows follow the record that they take a person from
	aliasMerged                         // the person of a merged record is an alias of the winner's
	renameAccounts                      // an event of a person account makes it dirty
	positionFirst                       // the position is durable before the first read begins
	gapRepeats                          // a read older than its gap event is repeated once
	resumeAtPosition                    // a stream that broke is opened again behind the position
	gapOwesRead                         // a gap event makes its records dirty
	readClearsDirty                     // an event does not clear dirty
	refusalIsNoAbsence                  // what the org refuses to show is not gone
)

func (m *maker) off(r rule) bool { return m.disabled&r != 0 }
