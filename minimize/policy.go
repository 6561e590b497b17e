package minimize

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Policy says which fields of an org may be kept, what for, and whom they are
// about. Write it in YAML and read it with [ParseFile], or write it as a literal
// and call [Policy.Validate]. It must not be changed once in use.
type Policy struct {
	// Version counts from 1 and rises with every change. A store refuses a
	// version older than the one it has seen.
	Version int `json:"version"`
	// Purposes are the purposes that objects and fields may name, each with a
	// sentence for the people whose data it is.
	Purposes map[string]string `json:"purposes"`
	// Objects are the objects to keep, by API name.
	Objects map[string]Object `json:"objects"`
}

// Object says what is kept of one object.
type Object struct {
	// Purpose is what its fields are kept for. A field may name its own.
	Purpose []string `json:"purpose,omitempty"`
	// Person names the reference fields that lead to the person a record is
	// about; the first that is set counts. "Id" is the record itself, which also
	// is the person if none is set.
	Person []string `json:"person,omitempty"`
	// Retention is how long a record is kept. Zero is as long as the org has it.
	Retention Retention `json:"retention,omitzero"`
	// OnForget is what happens to its records when their person is forgotten.
	OnForget OnForget `json:"on_forget,omitempty"`
	// Changes is how changes are noticed.
	Changes Source `json:"changes,omitempty"`
	// FullRead is how often all its records are read whole, for values that
	// change and move no SystemModstamp, such as formulas. Zero is never.
	FullRead FullRead `json:"full_read,omitzero"`
	// Channel is the topic to subscribe to, such as "/data/Sales__chn". Empty is
	// the object's own topic.
	Channel string `json:"channel,omitempty"`
	// Accept is the reason for keeping, in plain, fields that together single
	// people out. Without one such a policy is refused.
	Accept string `json:"accept,omitempty"`
	// Was lists the object's earlier API names, oldest first.
	Was []string `json:"was,omitempty"`

	// Plain fields are kept as they are.
	Plain map[string]Field `json:"plain,omitempty"`
	// Coarse fields are kept with less detail: of a date the year, of a US postal
	// code the first three digits.
	Coarse map[string]Field `json:"coarse,omitempty"`
	// Personal fields are sealed for their person before they reach a disk.
	Personal map[string]Field `json:"personal,omitempty"`
}

// Field says what there is to say about one field. Its zero value is right for
// most standard fields.
type Field struct {
	// Category is a key of the Fideslang catalogue, see [Categories]. Standard
	// fields have a default, custom fields need one.
	Category string `json:"category,omitempty"`
	// Purpose is what this field is kept for, if not for the object's purpose.
	Purpose []string `json:"purpose,omitempty"`
	// Person leads to the person this field is about, if not the record's; see
	// [Object]. Only personal fields have one.
	Person []string `json:"person,omitempty"`
	// Find makes the person findable by this field. Only personal fields have it.
	// One that gets it later is found as its records are read again.
	Find Find `json:"find,omitempty"`
	// Conceal hides also whether there is a value. Nil is the default of the
	// category, see [Sensitive]. Only personal fields have it.
	Conceal *bool `json:"conceal,omitempty"`
	// Was lists the field's earlier API names, oldest first.
	Was []string `json:"was,omitempty"`
}

// Retention is a time span and the field it counts from.
type Retention struct {
	// Days is the length, above 0.
	Days int `json:"days"`
	// From is a plain date or datetime field, or CreatedDate or
	// LastModifiedDate, which need not be listed and are kept if named here.
	From string `json:"from"`
}

// FullRead is how long after a read of all records the next one is due.
type FullRead struct {
	// Days is the length, above 0.
	Days int `json:"days"`
}

// OnForget says what happens to a record about a person who is forgotten.
type OnForget string

const (
	// DeleteRow removes the record. It is the default.
	DeleteRow OnForget = ""
	// KeepPlain keeps the plain fields and nothing that leads to the person.
	KeepPlain OnForget = "keep_plain"
)

// Source says how changes of an object are noticed.
type Source string

const (
	// Stream is Change Data Capture over the Pub/Sub API. It is the default.
	Stream Source = ""
	// Poll reads by SystemModstamp, for objects without change events.
	Poll Source = "poll"
)

// Find says how a value is normalised so that it can be looked up.
type Find string

const (
	// FindNone is not findable. It is the default.
	FindNone Find = ""
	// FindEmail compares as an e-mail address.
	FindEmail Find = "email"
	// FindPhone compares as a phone number.
	FindPhone Find = "phone"
	// FindExact compares byte by byte.
	FindExact Find = "exact"
)

// ObjectNames are the API names of the policy's objects, sorted.
func (p *Policy) ObjectNames() []string { return slices.Sorted(maps.Keys(p.Objects)) }

// StableNames are the names that the objects are stored under, in that order.
func (p *Policy) StableNames() (names []string) {
	for _, name := range p.ObjectNames() {
		names = append(names, stable(name, p.Objects[name].Was))
	}
	return names
}

// Topic is the topic that carries an object's changes: its channel, or the topic
// of the object's own change event (Change Data Capture guide, "Subscription
// Channels"). It is "" for an object that is polled.
func (p *Policy) Topic(object string) string {
	if p.Objects[object].Changes == Poll {
		return ""
	}
	if channel := p.Objects[object].Channel; channel != "" {
		return channel
	}
	return "/data/" + EventName(object)
}

// EventName is the name of an object's change event, which is also that of its
// own topic below /data/: ContactChangeEvent, Invoice__ChangeEvent (Change Data
// Capture guide, "Change Event Name").
func EventName(object string) string {
	if name, custom := strings.CutSuffix(object, "__c"); custom {
		return name + "__ChangeEvent"
	}
	return object + "ChangeEvent"
}

// Hash identifies the policy's content: two policies that say the same in the
// same words have the same, however their files are laid out. It is SHA-256 in
// hexadecimal.
func (p *Policy) Hash() string {
	content, err := json.Marshal(p) // keys of maps are sorted
	if err != nil {
		return "" // impossible: strings, numbers and maps of them
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// fields are the object's fields of one class.
func (o Object) fields(class Class) map[string]Field {
	switch class {
	case Plain:
		return o.Plain
	case Coarse:
		return o.Coarse
	}
	return o.Personal
}
