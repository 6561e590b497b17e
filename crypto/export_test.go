package crypto

import (
	"maps"
	"slices"
)

// The seams that tests look through.
var (
	AppendPadded = appendPadded
	Unpad        = unpad
	FieldTuple   = fieldTuple
	WrapTuple    = wrapTuple
)

// SealBudget is how often a key seals.
const SealBudget = sealBudget

// NullBit is set in the type of a sealed null.
const NullBit = nullBit

// Remembered is how many persons are in a vault's memory.
func Remembered(v *Vault) int {
	v.memory.mu.Lock()
	defer v.memory.mu.Unlock()
	return len(v.memory.young.persons) + len(v.memory.old.persons)
}

// StopAging leaves in a vault's memory what is there.
func StopAging(v *Vault) {
	v.memory.mu.Lock()
	defer v.memory.mu.Unlock()
	v.memory.timer.Stop()
}

// Pending is how many keys have seals that are counted and not yet stored.
func Pending(v *Vault) int {
	v.sealer.mu.Lock()
	defer v.sealer.mu.Unlock()
	return len(v.sealer.pending)
}

// AddNormaliser gives a vault, which is not in use yet, another version of the
// rules of a type.
func AddNormaliser(v *Vault, t IndexType, n func(dst, text []byte) (form string, out []byte)) {
	of := maps.Clone(v.rules.of)
	of[t] = append(slices.Clip(of[t]), func(dst, text []byte, _ PhoneParser) (string, []byte) { return n(dst, text) })
	v.rules.of = of
}

// Normalisers is how many versions the rules of a type have.
func Normalisers(t IndexType) int { return len(normalisers[t]) }

// Normalise is what a value is compared as by a version of the rules.
func Normalise(t IndexType, version int, text []byte) (form string, out []byte) {
	return normalisers[t][version-1](nil, text, nil)
}
