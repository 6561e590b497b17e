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
