package minimize

import (
	"math"
	"slices"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// column adds a column.
func (c *compiler) column(class Class, name string, f Field) *fault.Error {
	field := c.fields[name]
	from, scalar := types[field.Type]
	if field.compound() {
		return fault.New(fault.PolicyInvalid, compiling, "this is a compound field; list its parts, such as MailingCity or Shop__Latitude__s").On(c.object, name)
	}
	if !scalar {
		return fault.New(fault.PolicyInvalid, compiling, "a field of this type cannot be kept; take it out of the policy").On(c.object, name)
	}
	col := column{from: from, field: field, limit: field.limit()}
	col.Column = Column{
		Name: stable(name, f.Was), Source: name, Type: from, Class: class,
		Category: category(c.object, name, f), Purposes: f.Purpose, Find: f.Find,
	}
	if from == ID {
		col.Objects = field.ReferenceTo
	}
	if len(f.Purpose) == 0 {
		col.Purposes = c.policy.Purpose
	}
	switch class {
	case Coarse:
		if !coarsens(from, col.Category) {
			return fault.New(fault.PolicyInvalid, compiling, "only dates and US postal codes have a coarse form; make the field plain or personal").On(c.object, name)
		}
		col.Type = Text
	case Personal:
		if col.Conceal = Sensitive(col.Category); f.Conceal != nil {
			col.Conceal = *f.Conceal
		}
		if f.Find != FindNone && from != Text {
			return fault.New(fault.PolicyInvalid, compiling, "only text can be findable; take find off the field").On(c.object, name)
		}
		var e *fault.Error
		if col.Rule, e = c.ruleOf(f); e != nil {
			return e
		}
	}
	c.columns = append(c.columns, col)
	return nil
}

// ruleOf is the index of the rule that finds a personal field's person.
func (c *compiler) ruleOf(f Field) (int, *fault.Error) {
	if len(f.Person) == 0 {
		return 0, nil
	}
	return c.rule(f.Person)
}

// rule is the index of the rule for a list of references, which it adds if it is
// new. Id ends a list and adds nothing to it.
func (c *compiler) rule(person []string) (int, *fault.Error) {
	rule := []int{}
	for _, name := range person {
		if name == "Id" {
			break
		}
		i, e := c.reference(name)
		if e != nil {
			return 0, e
		}
		rule = append(rule, i)
	}
	for k, known := range c.rules {
		if slices.Equal(known, rule) {
			return k, nil
		}
	}
	c.rules = append(c.rules, rule)
	return len(c.rules) - 1, nil
}

// reference is the index of a reference, which it adds if it is new.
func (c *compiler) reference(name string) (int, *fault.Error) {
	if i := slices.IndexFunc(c.refs, func(r reference) bool { return r.Name == name }); i >= 0 {
		return i, nil
	}
	field := c.fields[name]
	if field.Type != "reference" || len(field.ReferenceTo) == 0 {
		return 0, fault.New(fault.PolicyInvalid, compiling, "this field does not refer to a record; name a lookup or master-detail field as person").On(c.object, name)
	}
	c.refs = append(c.refs, reference{Reference{name, field.ReferenceTo}, field})
	return len(c.refs) - 1, nil
}

// limit is the magnitude from which a double may not tell a number of this field
// from its neighbours: a double holds 15 decimal digits, a field up to 18.
func (d described) limit() float64 {
	if types[d.Type] != Decimal || d.Precision <= doubleDigits || d.coordinate() {
		return 0
	}
	return math.Pow10(doubleDigits - d.Scale)
}

// doubleDigits is how many decimal digits every double keeps (IEEE 754-2019,
// binary64).
const doubleDigits = 15

// prefixes are the key prefixes of standard objects, which all orgs share (Object
// Reference). Those of custom objects differ by org.
var prefixes = map[string]string{
	"001": "Account", "003": "Contact", "005": "User", "006": "Opportunity",
	"00G": "Group", "00Q": "Lead", "00T": "Task", "00U": "Event", "01t": "Product2",
	"02i": "Asset", "0PK": "Individual", "500": "Case", "701": "Campaign",
	"800": "Contract", "801": "Order", "802": "OrderItem",
}

// ReferenceObject is the object that an id in the i-th reference belongs to. Where
// a reference can lead to several, the id's first three characters tell; it is ""
// if they do not.
func (t *Table) ReferenceObject(i int, id string) string {
	objects := t.refs[i].Objects
	if len(objects) == 1 {
		return objects[0]
	}
	if len(id) < 3 {
		return ""
	}
	if object, standard := prefixes[id[:3]]; standard {
		if slices.Contains(objects, object) {
			return object
		}
		return ""
	}
	var rest []string
	for _, object := range objects {
		if !prefixed(object) {
			rest = append(rest, object)
		}
	}
	if len(rest) == 1 {
		return rest[0]
	}
	return ""
}

// prefixed reports whether the object's prefix is known.
func prefixed(object string) bool {
	for _, known := range prefixes {
		if known == object {
			return true
		}
	}
	return false
}
