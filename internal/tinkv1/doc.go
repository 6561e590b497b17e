// Package tinkv1 opens with github.com/google/tink/go v1.7.0 what package crypto
// seals, and the other way round.
//
// The rule it keeps: the formats are Tink's and not those of one release of it.
// Version 1 is archived, was written years before the tink-go/v2 that we link,
// and shares no code with ours.
//
// One binary with both releases panics when it starts, as both register the same
// protocol buffers. So the test links version 1, and our side is a program of its
// own (ours) that it talks to in JSON (exchange). The test cache does not know
// of that program: run it with -count=1.
package tinkv1
