package avro

import (
	"crypto/fips140"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/twmb/avro"
)

// What a schema may cost. The largest captured schema has 20 kB and 87 fields;
// an object can have some 900.
const (
	maxSchema   = 1 << 20 // bytes
	maxBrackets = 200     // brackets within each other; a record costs three
	maxWidth    = 1 << 28 // bytes; a wider value counts as this wide, which no payload is
)

// Schema is the schema a payload was written with. It never changes and is safe
// for concurrent use.
type Schema struct {
	root        *Type
	fingerprint string
}

// Parse reads a schema from its JSON. The top level must be a record. The error
// is fault.SchemaInvalid.
func Parse(schema []byte) (*Schema, error) {
	if len(schema) > maxSchema || !shallow(schema) {
		return nil, fault.New(fault.SchemaInvalid, "avro.Parse", "the schema is larger or nests deeper than any of Salesforce's; check where it comes from")
	}
	valid, err := avro.Parse(string(schema))
	if err != nil {
		return nil, fault.New(fault.SchemaInvalid, "avro.Parse", "the text is not a valid Avro schema; fetch it again by its id")
	}
	canonical := valid.Canonical()
	var tree any
	if err := json.Unmarshal(canonical, &tree); err != nil {
		return nil, fault.New(fault.SchemaInvalid, "avro.Parse", "the schema has no canonical form; fetch it again by its id")
	}
	root, err := build(tree, valid.Root())
	if err != nil {
		return nil, err
	}
	return &Schema{root: root, fingerprint: fingerprint(canonical)}, nil
}

// Name is the full name of the top-level record, such as
// "com.sforce.eventbus.AccountChangeEvent".
func (s *Schema) Name() string { return s.root.name }

// Fields are the fields of the top-level record in their order on the wire.
func (s *Schema) Fields() []Field { return s.root.Fields() }

// Fingerprint is the id that Salesforce gives this schema: 22 characters, the
// unpadded base64url form of the MD5 of the Parsing Canonical Form. The rule is
// observed, not documented: three ids of real orgs follow it. A schema whose id
// differs deserves a warning, not a refusal.
func (s *Schema) Fingerprint() string { return s.fingerprint }

// fingerprint uses MD5 as a name, not for security, so a binary that runs in
// FIPS-only mode may compute it.
func fingerprint(canonical []byte) (id string) {
	fips140.WithoutEnforcement(func() {
		sum := md5.Sum(canonical)
		id = base64.RawURLEncoding.EncodeToString(sum[:])
	})
	return id
}

// shallow reports whether brackets outside strings nest no deeper than they may.
func shallow(schema []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(schema); i++ {
		switch c := schema[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxBrackets {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}
