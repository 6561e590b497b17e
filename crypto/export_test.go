package crypto

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

// Pending is how many keys have seals that are counted and not yet stored.
func Pending(v *Vault) int {
	v.sealer.mu.Lock()
	defer v.sealer.mu.Unlock()
	return len(v.sealer.pending)
}
