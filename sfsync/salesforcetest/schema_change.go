package salesforcetest

import (
	"slices"
)

// AddEnumSymbol adds a symbol to the enum ChangeType, as SNAPSHOT was added in
// 2026: every object has a new schema with its next event. It lasts until the
// org is closed.
func (o *Org) AddEnumSymbol(symbol string) {
	b := o.events
	b.mu.Lock()
	defer b.mu.Unlock()
	b.symbols = append(slices.Clone(b.symbols), symbol)
	clear(b.minted)
}

// SymbolNext publishes the next transaction's events under another change
// type: SNAPSHOT, which is reserved, or one that AddEnumSymbol added. It panics
// like Insert.
func (o *Org) SymbolNext(symbol string) {
	if o.events.symbol(symbol) < 0 {
		panic("salesforcetest: SymbolNext: " + symbol + " is no change type")
	}
	o.replaceNext(func(events []*event) []*event {
		for _, e := range events {
			e.Header.Change = slices.Index(e.schema.Symbols, symbol)
		}
		return events
	})
}

func (b *eventBus) symbol(name string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Index(b.symbols, name)
}

// conversion is what the change of a custom field's type does to its values
// (Change Data Capture Developer Guide, "Change Events for Field Conversions").
type conversion int

const (
	converted conversion = iota // they are kept, and nothing is published
	gapped                      // a gap event names the records that had one
	lost                        // they are null, and one event names all records by a wildcard
)

func conversionOf(from, to string) conversion {
	alone := []string{"date", "datetime", "boolean", "multipicklist"}
	switch {
	case from == "picklist" && (to == "boolean" || to == "multipicklist"):
		return gapped
	case slices.Contains(alone, from) || to == "date" || to == "datetime":
		return lost
	}
	return converted
}

// ChangeFieldType gives a field another describe type, as an administrator
// does with a custom field. Stamps stay as they are. It panics like Insert.
func (o *Org) ChangeFieldType(object, name, kind string) {
	obj := o.object(object)
	if obj == nil {
		panic(noSuchObject(object))
	}
	old := obj.field(name)
	if old == nil {
		panic(noSuchField(name, obj.Name))
	}
	what := conversionOf(old.Type, kind)
	ids, err := o.clearField(obj, old, what == lost || kind == "boolean")
	if err != nil {
		panic(err)
	}
	f := newField(old.Name, kind)
	f.Length, f.ByteLength, f.slot = old.Length, old.ByteLength, old.slot
	f.raw = overlay(fieldDefaults, (*plainField)(f))
	o.setObject(obj.swap(f))
	switch {
	case what == lost:
		err = o.announce(obj.Name, Update, obj.KeyPrefix+"*")
	case what == gapped && len(ids) > 0:
		err = o.Gap(obj.Name, Update, ids...)
	}
	if err != nil {
		panic(err)
	}
}

// clearField names the records with a value of the field and, if asked to, takes
// it from them, without an event and without a stamp.
func (o *Org) clearField(obj *object, f *field, really bool) (ids []string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var changes []change
	for _, r := range o.table(obj.Name).rows {
		if r == nil || r.value(obj, f) == "" {
			continue
		}
		values := r.values(make([]string, obj.slots))
		values[f.slot] = ""
		next := *r
		next.packed = pack(values)
		changes = append(changes, change{obj.Name, r, &next, true})
		if r.deleted == 0 {
			ids = append(ids, recordID(obj.KeyPrefix, r.serial))
		}
	}
	if really && len(changes) > 0 {
		err = o.install(o.number+1, changes)
	}
	return ids, err
}
