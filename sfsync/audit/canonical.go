package audit

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// version is that of the canonical bytes. A later one may add members; a reader
// refuses a version it does not know.
const version = 1

// stamp is RFC 3339 with milliseconds, in UTC.
const stamp = "2006-01-02T15:04:05.000Z"

// members is an entry as JSON.
type members struct {
	Actor   string   `json:"actor,omitempty"`
	Code    string   `json:"code,omitempty"`
	Count   int      `json:"count,omitempty"`
	Fields  []string `json:"fields,omitempty"`
	Host    string   `json:"host,omitempty"`
	Kind    Kind     `json:"kind"`
	Object  string   `json:"object,omitempty"`
	Person  string   `json:"person,omitempty"`
	Policy  int      `json:"policy,omitempty"`
	Purpose string   `json:"purpose,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Time    string   `json:"time"`
	Version int      `json:"v"`
}

// Canonical is the entry in the one form that is hashed and stored. Text that
// is not UTF-8 has U+FFFD in place of what is not.
func (e Entry) Canonical() []byte {
	b, err := json.Marshal(members{
		Actor: e.Actor, Code: e.Code, Count: e.Count, Fields: e.Fields, Host: e.Host, Kind: e.Kind, Object: e.Object,
		Person: e.Person, Policy: e.Policy, Purpose: e.Purpose, Reason: e.Reason, Time: e.Time.UTC().Format(stamp), Version: version,
	})
	v := jsontext.Value(b)
	if err == nil {
		// The order is right already; this undoes the escapes that
		// encoding/json adds to RFC 8785. Counts stay below 2^53.
		err = v.Canonicalize(jsontext.CanonicalizeRawInts(false))
	}
	if err != nil {
		panic("audit: strings and integers always are JSON: " + err.Error())
	}
	return v
}

// MarshalJSON is the entry's canonical form.
func (e Entry) MarshalJSON() ([]byte, error) { return e.Canonical(), nil }

// UnmarshalJSON reads an entry and refuses members and versions that are not
// known, since they could not be verified.
func (e *Entry) UnmarshalJSON(b []byte) error {
	var m members
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(&m) != nil || m.Version != version {
		return unreadable()
	}
	t, err := time.Parse(stamp, m.Time)
	if err != nil {
		return unreadable()
	}
	*e = Entry{
		Time: t, Kind: m.Kind, Actor: m.Actor, Purpose: m.Purpose, Reason: m.Reason, Object: m.Object, Fields: m.Fields,
		Person: m.Person, Host: m.Host, Count: m.Count, Code: m.Code, Policy: m.Policy,
	}
	return nil
}

// ParseEntry reads canonical bytes, as a store keeps them. It refuses any other
// spelling of the same entry, so that no byte of a stored entry can change
// without notice.
func ParseEntry(canonical []byte) (Entry, error) {
	var e Entry
	if err := e.UnmarshalJSON(canonical); err != nil {
		return Entry{}, err
	}
	if !bytes.Equal(e.Canonical(), canonical) {
		return Entry{}, unreadable()
	}
	return e, nil
}

func unreadable() error {
	return fault.New(fault.LedgerBroken, "audit.ParseEntry", "this is no ledger entry of a version this release knows; use a newer release, or treat it as changed")
}
