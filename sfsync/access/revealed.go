package access

import (
	"fmt"
	"io"
	"log/slog"
)

// hidden is what Revealed prints as, whatever way it is printed.
const hidden = "[revealed]"

// Revealed holds the fields that were revealed. Only Get shows them: like
// crypto.Plaintext it is a closure, so that no way of printing reaches inside.
type Revealed struct {
	f func() []value
}

type value struct {
	name string
	text string
	ok   bool
}

// Get returns a field's text in the one form of its type (see
// minimize.Change), and false if the field is null in Salesforce, or is none of
// Fields.
func (r Revealed) Get(field string) (text string, ok bool) {
	for _, v := range r.values() {
		if v.name == field {
			return v.text, v.ok
		}
	}
	return "", false
}

// Fields names the fields that are known, null or not, in the order of the
// request. A field of which the copy knows nothing yet is left out.
func (r Revealed) Fields() []string {
	var names []string
	for _, v := range r.values() {
		names = append(names, v.name)
	}
	return names
}

func (r Revealed) values() []value {
	if r.f == nil {
		return nil
	}
	return r.f()
}

// String is "[revealed]", as are Format, GoString, LogValue and MarshalText, and
// thereby fmt, slog, encoding/json and encoding/xml.
func (r Revealed) String() string { return hidden }

// Format prints "[revealed]" for every verb.
func (r Revealed) Format(f fmt.State, verb rune) { io.WriteString(f, hidden) }

// GoString is "[revealed]".
func (r Revealed) GoString() string { return hidden }

// LogValue is "[revealed]".
func (r Revealed) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText is "[revealed]".
func (r Revealed) MarshalText() ([]byte, error) { return []byte(hidden), nil }
