package salesforcetest

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// text turns a value as JSON, CSV or Go has it into the one text form the org
// keeps. The empty text is null.
func (f *field) text(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return f.parse("")
	case string:
		return f.parse(v)
	case json.Number:
		return f.parse(v.String())
	case bool:
		return f.parse(strconv.FormatBool(v))
	case int:
		return f.parse(strconv.Itoa(v))
	case int64:
		return f.parse(strconv.FormatInt(v, 10))
	case float64:
		return f.parse(strconv.FormatFloat(v, 'f', -1, 64))
	case time.Time:
		if f.Type == "date" {
			return v.UTC().Format(time.DateOnly), nil
		}
		return v.UTC().Format(stampLayout), nil
	}
	return "", invalidType(f, fmt.Sprintf("%T", v))
}

func (f *field) parse(s string) (string, error) {
	if s == "" {
		if f.Type == "boolean" {
			return "false", nil
		}
		return "", nil
	}
	switch f.Type {
	case "boolean":
		if b := lower(s); b == "true" || b == "false" {
			return b, nil
		}
	case "int", "long":
		if n, err := strconv.ParseFloat(s, 64); err == nil {
			return strconv.FormatInt(int64(n), 10), nil
		}
	case "double", "currency", "percent":
		if plainDecimal(s, f.Scale) {
			return decimal(s), nil
		}
		if n, ok := new(big.Rat).SetString(s); ok && len(s) <= 40 {
			return decimal(n.FloatString(f.Scale)), nil
		}
	case "date":
		if t, err := time.Parse(time.DateOnly, s); err == nil {
			return t.Format(time.DateOnly), nil
		}
	case "datetime":
		if t, ok := parseTime(s); ok {
			return t.UTC().Format(stampLayout), nil
		}
	case "time":
		for _, layout := range []string{"15:04:05.000Z", "15:04:05Z", "15:04:05", "15:04"} {
			if t, err := time.Parse(layout, s); err == nil {
				return t.Format("15:04:05.000Z"), nil
			}
		}
	case "id", "reference":
		if id, ok := longID(s); ok {
			return id, nil
		}
		return "", refuse(400, "MALFORMED_ID", f.Label+": id value of incorrect type: "+s, f.Name)
	default:
		return f.clip(s)
	}
	return "", invalidType(f, s)
}

// clip trims a text as Salesforce does and refuses one that is too long.
func (f *field) clip(s string) (string, error) {
	s = strings.TrimSpace(s)
	if n := utf8.RuneCountInString(s); f.Length > 0 && n > f.Length {
		return "", refuse(400, "STRING_TOO_LONG",
			fmt.Sprintf("%s: data value too large: %s (max length=%d)", f.Label, s, f.Length), f.Name)
	}
	return s, nil
}

func invalidType(f *field, s string) error {
	return refuse(400, "JSON_PARSER_ERROR",
		fmt.Sprintf("Cannot deserialize instance of %s from VALUE_STRING value %s or request may be missing a required field at [line:1, column:2]",
			strings.TrimPrefix(f.SoapType, "xsd:"), s))
}

// parseTime reads the datetime forms that the REST API accepts.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999-0700", "2006-01-02T15:04:05.999", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// plainDecimal reports a number that needs no rounding and has no exponent,
// plus or needless zero.
func plainDecimal(s string, scale int) bool {
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	return whole != "" && (whole[0] != '0' || whole == "0") && digits(whole) && digits(fraction) && len(fraction) <= scale && s[0] != '-'
}

// decimal writes a number as Salesforce does: no needless zeros, but a
// fraction always.
func decimal(s string) string {
	if !strings.Contains(s, ".") {
		return s + ".0"
	}
	s = strings.TrimRight(s, "0")
	if strings.HasSuffix(s, ".") {
		s += "0"
	}
	return s
}

// scientific writes a decimal as Java's Double.toString does from 10^7 on,
// which is what REST bodies carry (1.2345678E7, help article 000385889).
// Numbers with more digits than a double holds are left exact.
func scientific(s string) string {
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	digits := strings.TrimRight(whole+strings.TrimSuffix(fraction, "0"), "0")
	if len(whole) < 8 || len(digits) > 15 {
		return s
	}
	mantissa := decimal(digits[:1] + "." + digits[1:])
	return strings.Repeat("-", strings.Count(s, "-")) + mantissa + "E" + strconv.Itoa(len(whole)-1)
}

// appendJSON writes a stored value as a REST body has it.
func (f *field) appendJSON(b []byte, v string) []byte {
	switch {
	case v == "":
		return append(b, "null"...)
	case f.Type == "boolean" || f.Type == "int" || f.Type == "long":
		return append(b, v...)
	case f.SoapType == "xsd:double":
		return append(b, scientific(v)...)
	case f.Type == "datetime":
		b = append(append(b, '"'), strings.TrimSuffix(v, "Z")...)
		return append(b, `+0000"`...)
	}
	return appendQuoted(b, v)
}

// appendQuoted writes a JSON string; like Salesforce it leaves <, > and & as
// they are.
func appendQuoted(b []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	if plain {
		return append(append(append(b, '"'), s...), '"')
	}
	var w strings.Builder
	e := json.NewEncoder(&w)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic("salesforcetest: " + err.Error())
	}
	return append(b, strings.TrimSuffix(w.String(), "\n")...)
}
