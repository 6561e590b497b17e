package crypto

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/sfsync/sfsync-go/crypto/internal/gcm"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// concealed is what a Plaintext prints as, whatever way it is printed.
const concealed = "[sealed]"

// Plaintext is an opened value. Only Reveal shows it: it is a closure, so that
// no verb of fmt, no encoder, no template and no panic can reach inside. Go may
// leave copies of it in memory.
type Plaintext struct {
	f func() (typ byte, text string, ok bool)
}

// Reveal returns the text, in the one form of its type, and false for a null.
func (p Plaintext) Reveal() (text string, ok bool) {
	if p.f == nil {
		return "", false
	}
	_, text, ok = p.f()
	return text, ok
}

// Type is the Field.Type that the value was sealed with.
func (p Plaintext) Type() byte {
	if p.f == nil {
		return 0
	}
	typ, _, _ := p.f()
	return typ
}

// String, Format, GoString, LogValue and MarshalText all give "[sealed]", and
// thereby fmt, slog, encoding/json and encoding/xml.
func (p Plaintext) String() string { return concealed }

// Format prints "[sealed]" for every verb.
func (p Plaintext) Format(f fmt.State, verb rune) { io.WriteString(f, concealed) }

// GoString is "[sealed]".
func (p Plaintext) GoString() string { return concealed }

// LogValue is "[sealed]".
func (p Plaintext) LogValue() slog.Value { return slog.StringValue(concealed) }

// MarshalText is "[sealed]".
func (p Plaintext) MarshalText() ([]byte, error) { return []byte(concealed), nil }

// openValue opens one value with the person's key that it names.
func openValue(org string, sub *subject, v Sealed) (Plaintext, error) {
	id, err := gcm.ID(v.Bytes)
	if err != nil {
		return Plaintext{}, err
	}
	if sub.forgotten {
		return Plaintext{}, fault.New(fault.Forgotten, "crypto.Open", "the person was forgotten and the key destroyed; delete the value").On(v.Field.Object, v.Field.Name)
	}
	for _, key := range sub.keys {
		if key.ID() == id {
			return openWith(key, org, v)
		}
	}
	return Plaintext{}, fault.New(fault.KeyMissing, "crypto.Open", "the key that sealed this is gone; read the record again from Salesforce").On(v.Field.Object, v.Field.Name)
}

func openWith(key gcm.Key, org string, v Sealed) (Plaintext, error) {
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	sc.tuple = fieldTuple(sc.tuple[:0], org, v.Person, v.Field, KeyID(key.ID()))
	plain, err := key.Open(sc.plain[:0], v.Bytes, sc.tuple)
	if err != nil {
		return Plaintext{}, err.(*fault.Error).On(v.Field.Object, v.Field.Name)
	}
	defer clear(plain)
	typ, text, ok := unpad(plain)
	if !ok {
		return Plaintext{}, fault.New(fault.Tampered, "crypto.Open", "the opened bytes are no value; read the record again from Salesforce").On(v.Field.Object, v.Field.Name)
	}
	value, null := string(text), typ&nullBit != 0
	return Plaintext{f: func() (byte, string, bool) { return typ &^ nullBit, value, !null }}, nil
}
