package salesforcetest

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// filter is one comparison of a member's filter expression. The service
// evaluates it whatever the reader may see (Change Data Capture Developer
// Guide, "Filter Your Stream of Change Events with Channels").
type filter struct {
	header string // a scalar of the header, or ""
	field  string // a describe field, or ""
	value  string // in the text form of the org; "" is null
	not    bool
}

var comparisonForm = regexp.MustCompile(`^\s*([\w.]+)\s*(!?=)\s*(?:'((?:[^'\\]|\\.)*)'|([^\s'()]+))\s*$`)

func parseFilter(text string, schema *eventSchema) (*filter, error) {
	m := comparisonForm.FindStringSubmatch(text)
	if m == nil {
		return nil, errors.New("a filter is FIELD = VALUE or FIELD != VALUE here")
	}
	f := &filter{field: m[1], not: m[2] == "!=", value: m[3] + m[4]}
	f.value = strings.NewReplacer(`\'`, `'`, `\\`, `\`).Replace(f.value)
	if m[4] == "null" {
		f.value = ""
	}
	if name, found := strings.CutPrefix(f.field, "ChangeEventHeader."); found {
		if _, known := new(header).scalars("")[name]; !known {
			return nil, fmt.Errorf("the header has no scalar %s", name)
		}
		f.header, f.field = name, ""
	} else if _, known := schema.leafs[f.field]; !known {
		return nil, noSuchField(f.field, schema.Object)
	}
	return f, nil
}

// scalars are the members of a header that a filter may name; arrays may not.
func (h *header) scalars(change string) map[string]string {
	return map[string]string{"entityName": h.Entity, "changeType": change, "changeOrigin": h.Origin, "transactionKey": h.Key,
		"sequenceNumber": fmt.Sprint(h.Sequence), "commitTimestamp": fmt.Sprint(h.Time), "commitNumber": fmt.Sprint(h.Number), "commitUser": h.User}
}

// admits reports whether an event is delivered. An event without a body meets
// every condition on one: that gaps pass a filter is not documented, and the
// other answer would be a change that nobody hears of.
func (f *filter) admits(e *event, body []bodyValue) bool {
	if f.header != "" {
		return (e.Header.scalars(e.schema.Symbols[e.Header.Change])[f.header] == f.value) != f.not
	}
	p, known := e.schema.leafs[f.field]
	if !known || !e.tells() {
		return true
	}
	want, err := e.schema.leaf(p).appendValue(nil, map[string]string{f.field: f.value})
	return err == nil && bytes.Equal(body[p.Field].at(p.Part), want) != f.not
}
