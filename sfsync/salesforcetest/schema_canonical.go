package salesforcetest

import (
	"bytes"
	"crypto/fips140"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// SchemaID returns the id that Salesforce gives an event schema: the MD5 of
// its Avro Parsing Canonical Form in unpadded base64url, 22 characters. The rule
// is not documented; three ids captured from live orgs reproduce under it.
func SchemaID(schemaJSON []byte) (string, error) {
	var schema any
	d := json.NewDecoder(bytes.NewReader(schemaJSON))
	d.UseNumber()
	if err := d.Decode(&schema); err != nil {
		return "", fmt.Errorf("salesforcetest: the schema is not JSON: %w", err)
	}
	form, err := appendCanonical(nil, schema, "")
	if err != nil {
		return "", err
	}
	// MD5 names a schema on the wire and protects nothing, so that a process in
	// FIPS-only mode may compute it.
	var sum [md5.Size]byte
	fips140.WithoutEnforcement(func() { sum = md5.Sum(form) })
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// appendCanonical writes a schema in Parsing Canonical Form (Avro 1.12
// specification, "Transforming into Parsing Canonical Form"): only the members
// that matter to a reader, in one order, with full names and no white space.
// The space is the namespace around the schema.
func appendCanonical(b []byte, schema any, space string) ([]byte, error) {
	switch s := schema.(type) {
	case string:
		return strconv.AppendQuote(b, fullName(s, space)), nil
	case []any:
		return appendList(b, s, func(b []byte, branch any) ([]byte, error) {
			return appendCanonical(b, branch, space)
		})
	case map[string]any:
		return appendType(b, s, space)
	}
	return nil, fmt.Errorf("salesforcetest: a schema is a name, a list or an object, not %T", schema)
}

func appendType(b []byte, s map[string]any, space string) ([]byte, error) {
	kind, named := s["type"].(string)
	if !named {
		return appendCanonical(b, s["type"], space)
	}
	var err error
	switch kind {
	case "record", "enum", "fixed":
		return appendNamed(b, s, kind, space)
	case "array", "map":
		inner := map[string]string{"array": "items", "map": "values"}[kind]
		b = append(b, `{"type":"`+kind+`","`+inner+`":`...)
		if b, err = appendCanonical(b, s[inner], space); err != nil {
			return nil, err
		}
		return append(b, '}'), nil
	}
	return strconv.AppendQuote(b, fullName(kind, space)), nil
}

// appendNamed writes a record, enum or fixed. An explicit namespace replaces
// the enclosing one even where it is empty, as in the schemas of 2023.
func appendNamed(b []byte, s map[string]any, kind, space string) ([]byte, error) {
	name, _ := s["name"].(string)
	if own, ok := s["namespace"].(string); ok {
		space = own
	}
	full := fullName(name, space)
	if dot := strings.LastIndexByte(full, '.'); dot >= 0 {
		space = full[:dot]
	}
	b = append(b, `{"name":`...)
	b = strconv.AppendQuote(b, full)
	b = append(b, `,"type":"`+kind+`"`...)
	var err error
	switch kind {
	case "record":
		fields, _ := s["fields"].([]any)
		b, err = appendList(append(b, `,"fields":`...), fields, func(b []byte, f any) ([]byte, error) {
			return appendField(b, f, space)
		})
	case "enum":
		symbols, _ := s["symbols"].([]any)
		b, err = appendList(append(b, `,"symbols":`...), symbols, func(b []byte, symbol any) ([]byte, error) {
			return strconv.AppendQuote(b, fmt.Sprint(symbol)), nil
		})
	default:
		b = append(b, `,"size":`+fmt.Sprint(s["size"])...)
	}
	return append(b, '}'), err
}

func appendField(b []byte, field any, space string) ([]byte, error) {
	f, ok := field.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("salesforcetest: a field of a schema is an object, not %T", field)
	}
	name, _ := f["name"].(string)
	b = append(b, `{"name":`...)
	b = strconv.AppendQuote(b, name)
	b, err := appendCanonical(append(b, `,"type":`...), f["type"], space)
	return append(b, '}'), err
}

func appendList(b []byte, items []any, appendItem func([]byte, any) ([]byte, error)) ([]byte, error) {
	b = append(b, '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendItem(b, item); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func fullName(name, space string) string {
	switch name {
	case "null", "boolean", "int", "long", "float", "double", "bytes", "string":
		return name
	}
	if space == "" || strings.Contains(name, ".") {
		return name
	}
	return space + "." + name
}
