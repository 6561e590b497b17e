package salesforcetest

// enrich adds fields to the body of an event of one record: with their values
// now, not those when it was published, but for what the event itself changed
// (Change Data Capture Developer Guide, "Event Enrichment Considerations").
// Fields that are null, and all of a record that is gone, are null.
func (s *eventSchema) enrich(body []bodyValue, changed []position, enriched map[string]bool, values map[string]string) {
	told := positionSet(changed)
	for i := range s.Fields {
		if f := &s.Fields[i]; enriched[f.Source] {
			s.enrichField(&body[i], i, told, values)
		}
	}
}

func (s *eventSchema) enrichField(c *bodyValue, i int, told map[position]bool, values map[string]string) {
	f := &s.Fields[i]
	if f.Parts == nil || f.Switch && values["LastName"] == "" {
		if !told[position{i, -1}] {
			c.raw = f.value(values)
		}
		return
	}
	if c.parts == nil {
		c.parts, c.branch = make([][]byte, len(f.Parts)), 1
		if f.Switch {
			c.branch = 2
		}
	}
	for j := range f.Parts {
		if !told[position{i, j}] || c.parts[j] == nil {
			c.parts[j] = f.Parts[j].value(values)
		}
	}
}

// value is a field's ["null", T]; null too for a value that is not of its type,
// which the field had under another describe.
func (f *eventField) value(values map[string]string) []byte {
	b, err := f.appendValue(nil, values)
	if err != nil {
		return null
	}
	return b
}

// tells reports an event whose body says something of single records, unlike
// that of a gap, an overflow or a wildcard.
func (e *event) tells() bool {
	return !e.Raw && e.Header.Change < 4 && len(e.Header.IDs[0]) == 18
}

// enrichable reports an event to which a channel adds fields: an update or a
// delete. Creates and undeletes have all fields anyway.
func (e *event) enrichable() bool {
	kind := Kind(changeTypes[e.Header.Change])
	return e.tells() && (kind == Update || kind == Delete)
}
