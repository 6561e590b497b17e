package minimize

// Class says how a column is kept. The numbers are stored; they never change.
type Class uint8

const (
	// Plain is kept as it is.
	Plain Class = iota + 1
	// Coarse is kept with less detail.
	Coarse
	// Personal is sealed for a person.
	Personal
)

// String is the class's key in a policy.
func (c Class) String() string { return name(c, "plain", "coarse", "personal") }

// Type is the type of a column's canonical text. The numbers are sealed beside
// values; they never change.
type Type uint8

const (
	// Text is a string, text area, e-mail address, phone number or URL.
	Text Type = iota + 1
	// Picklist is one or several values of a list, separated by ";".
	Picklist
	// Boolean is true or false.
	Boolean
	// Integer is a whole number of at most 64 bits.
	Integer
	// Decimal is a number, percentage or amount of money.
	Decimal
	// Date is a day.
	Date
	// DateTime is a moment, in UTC to the millisecond.
	DateTime
	// Time is a time of day to the millisecond.
	Time
	// ID is a record id of 18 characters.
	ID
)

// String is the type's name in lower case.
func (t Type) String() string {
	return name(t, "text", "picklist", "boolean", "integer", "decimal", "date", "datetime", "time", "id")
}

// Kind says what a change is.
type Kind uint8

const (
	// Read is a row or record as a query returned it.
	Read Kind = iota + 1
	// Create is a new record.
	Create
	// Update is a change of some fields.
	Update
	// Delete is a deletion; nothing of its body is decoded.
	Delete
	// Undelete is a record that came back, with all its fields.
	Undelete
	// Gap is a change whose content is not known: the records have to be read.
	// A change type that Salesforce adds in the future is a Gap.
	Gap
	// Overflow is a change of records that are not named: all of the object's
	// have to be read.
	Overflow
)

// String is the kind's name in lower case.
func (k Kind) String() string {
	return name(k, "read", "create", "update", "delete", "undelete", "gap", "overflow")
}

// State says what a change says about one column.
type State uint8

const (
	// Unset says nothing: the column is as it was.
	Unset State = iota
	// Null says that the column has no value.
	Null
	// Known comes with the value.
	Known
	// Hidden says that there may be a new value, which the event does not carry:
	// field-level security hides it, the event's schema lacks it or has it in
	// another type, or a person account's name stands there.
	Hidden
	// Diff says that the new value is sent as a difference to the old.
	Diff
	// Imprecise says that the new value is a number of so many digits that the
	// event's double may have lost some.
	Imprecise
)

// String is the state's name in lower case.
func (s State) String() string {
	return name(s+1, "unset", "null", "known", "hidden", "diff", "imprecise")
}

// name is the n-th name, counted from 1.
func name[N ~uint8](n N, names ...string) string {
	if n < 1 || int(n) > len(names) {
		return "unknown"
	}
	return names[n-1]
}
