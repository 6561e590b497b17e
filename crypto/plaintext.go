package crypto

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/sfsync/sfsync-go/crypto/internal/gcm"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// concealed is what a Plaintext prints as, whatever way it is printed.
const concealed = "[sealed]"

// Plaintext is an opened value. Only Reveal shows it: it is in a closure, so that
// no verb of fmt, no encoder, no template and no panic can reach inside. Go may
// leave copies of it in memory.
type Plaintext struct {
	f func(i int) (typ byte, text string, ok bool) // of all values that were opened together
	i int                                          // which of them this is
}

// Reveal returns the text, in the one form of its type, and false for a null.
func (p Plaintext) Reveal() (text string, ok bool) {
	if p.f == nil {
		return "", false
	}
	_, text, ok = p.f(p.i)
	return text, ok
}

// Type is the Field.Type that the value was sealed with.
func (p Plaintext) Type() byte {
	if p.f == nil {
		return 0
	}
	typ, _, _ := p.f(p.i)
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

// opened are the values of one opening: their texts one after the other, and
// where each ends.
type opened struct {
	texts strings.Builder
	types []byte // with nullBit
	ends  []int
}

// plaintexts are the values, for each the same closure.
func (o *opened) plaintexts() []Plaintext {
	texts, types, ends := o.texts.String(), o.types, o.ends
	value := func(i int) (typ byte, text string, ok bool) {
		from := 0
		if i > 0 {
			from = ends[i-1]
		}
		return types[i] &^ nullBit, texts[from:ends[i]], types[i]&nullBit == 0
	}
	out := make([]Plaintext, len(types))
	for i := range out {
		out[i] = Plaintext{value, i}
	}
	return out
}

// add opens one value with the person's key that it names.
func (o *opened) add(org string, sub *subject, v Sealed) error {
	id, err := gcm.ID(v.Bytes)
	if err != nil {
		return err
	}
	if sub.forgotten {
		return fault.New(fault.Forgotten, "crypto.Open", "the person was forgotten and the key destroyed; delete the value").On(v.Field.Object, v.Field.Name)
	}
	for _, key := range sub.keys {
		if key.ID() == id {
			secretly(func() { err = o.addWith(key, org, v) })
			return err
		}
	}
	return fault.New(fault.KeyMissing, "crypto.Open", "the key that sealed this is gone; read the record again from Salesforce").On(v.Field.Object, v.Field.Name)
}

func (o *opened) addWith(key gcm.Key, org string, v Sealed) error {
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	sc.tuple = fieldTuple(sc.tuple[:0], org, v.Person, v.Field, KeyID(key.ID()))
	plain, err := key.Open(sc.plain[:0], v.Bytes, sc.tuple)
	if err != nil {
		return err.(*fault.Error).On(v.Field.Object, v.Field.Name)
	}
	defer clear(plain)
	typ, text, ok := unpad(plain)
	if !ok {
		return fault.New(fault.Tampered, "crypto.Open", "the opened bytes are no value; read the record again from Salesforce").On(v.Field.Object, v.Field.Name)
	}
	o.texts.Write(text)
	o.types, o.ends = append(o.types, typ), append(o.ends, o.texts.Len())
	return nil
}
