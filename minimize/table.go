package minimize

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Table is what the policy keeps of one object, checked against the org. It never
// changes and is safe for concurrent use.
type Table struct {
	object   string
	stable   string
	columns  []column
	refs     []reference
	rules    [][]int
	unlisted []string
	retained int  // index of the column that retention counts from, or -1
	retyping bool // the object has record types that change what a record is
	merges   bool // its records can be merged
}

// Column is a field that is kept.
type Column struct {
	// Name is the name to store it under: the first it had.
	Name string
	// Source is its API name in the org now.
	Source string
	// Type is the type of its canonical text. A coarse column is Text.
	Type Type
	// Class is how it is kept.
	Class Class
	// Category is a key of [Categories].
	Category string
	// Purposes are what it is kept for, at least one.
	Purposes []string
	// Objects are the objects that an ID can belong to; nil for other types.
	Objects []string
	// Rule is the index in [Table.Rules] that finds the person it is about.
	Rule int
	// Find is how it can be looked up.
	Find Find
	// Conceal hides also whether there is a value. Only personal columns do.
	Conceal bool
}

// column is a Column with what decoding needs.
type column struct {
	Column
	from  Type // type in the org, before it is made coarse
	field described
	limit float64 // a number this large may have lost digits in a double; 0 is none
}

// Reference is a field that leads to a person.
type Reference struct {
	// Name is its API name in the org.
	Name string
	// Objects are the objects it can refer to, at least one.
	Objects []string
}

type reference struct {
	Reference
	field described
}

// compiling is the operation that errors about the org name.
const compiling = "minimize.Policy.Compile"

// Compile checks what the policy says of an object against the org's describe of
// it, the unchanged answer of REST describe. The errors are fault.FieldLost with
// the fields that the org has not, or hides from the user; fault.PolicyInvalid for
// a field that cannot be kept that way; and fault.ResponseInvalid.
func (p *Policy) Compile(object string, describe []byte) (*Table, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	o, listed := p.Objects[object]
	if !listed {
		return nil, fault.New(fault.ConfigInvalid, compiling, "the policy does not list the object; add it or do not ask for it").On(object)
	}
	fields, err := describes(object, describe)
	if err != nil {
		return nil, err
	}
	c := compiler{object: object, policy: o, fields: fields}
	if err := c.lost(); err != nil {
		return nil, err
	}
	c.Table = &Table{object: object, stable: stable(object, o.Was), retained: -1}
	if e := c.compile(); e != nil {
		return nil, e
	}
	return c.Table, nil
}

// Object is the object's API name.
func (t *Table) Object() string { return t.object }

// StableName is the name to store the object under: the first it had.
func (t *Table) StableName() string { return t.stable }

// Columns are the fields that are kept, sorted by stable name.
func (t *Table) Columns() []Column {
	columns := make([]Column, len(t.columns))
	for i, c := range t.columns {
		columns[i] = c.Column
	}
	return columns
}

// References are the fields that lead to persons.
func (t *Table) References() []Reference {
	refs := make([]Reference, len(t.refs))
	for i, r := range t.refs {
		refs[i] = r.Reference
	}
	return refs
}

// Equal reports whether two tables of an object keep the same, read and decoded in
// the same way. What the org has beside it may differ.
func (t *Table) Equal(o *Table) bool {
	a, b := *t, *o
	a.unlisted, b.unlisted = nil, nil
	return reflect.DeepEqual(a, b)
}

// Rules are the ways to find a person, of which the first is the record's: each is
// a list of indexes into [Table.References], to be tried in order. If none of them
// is set, or there is none, the record itself is the person.
func (t *Table) Rules() [][]int { return t.rules }

// Names reports whether the record's first reference to a person says whom it is
// about, and not that it is one with another record: an order names a customer,
// a contact does not name its Individual.
func (t *Table) Names() bool {
	rule := t.rules[0]
	return len(rule) > 0 && !slices.Contains(kin[t.object], t.refs[rule[0]].Name)
}

// Merges reports whether the object's records can be merged into one another.
func (t *Table) Merges() bool { return t.merges }

// Retained is the index of the column that retention counts from, a date, a
// datetime or, of a policy without retention, -1.
func (t *Table) Retained() int { return t.retained }

// Unlisted are the names of fields that the org has and the policy does not list,
// sorted, without those that are compounds of others.
func (t *Table) Unlisted() []string { return t.unlisted }

// SelectList is what to ask of a query: Id, SystemModstamp, the columns and the
// references, each once.
func (t *Table) SelectList() []string {
	list := []string{"Id", "SystemModstamp"}
	for _, c := range t.columns {
		list = append(list, c.Source)
	}
	for _, r := range t.refs {
		if !slices.Contains(list, r.Name) {
			list = append(list, r.Name)
		}
	}
	return list
}

// SOQL is the query of all the object's records, without conditions.
func (t *Table) SOQL() string {
	return "SELECT " + strings.Join(t.SelectList(), ", ") + " FROM " + t.object
}

// compiler is a Table in the making.
type compiler struct {
	*Table
	object string
	policy Object
	fields map[string]described
}

// lost is the error for fields that the describe lacks.
func (c *compiler) lost() error {
	names := map[string]bool{}
	for _, class := range []Class{Plain, Coarse, Personal} {
		for name, f := range c.policy.fields(class) {
			names[name] = true
			for _, reference := range f.Person {
				names[reference] = true
			}
		}
	}
	for _, name := range append(slices.Clone(c.policy.Person), c.policy.Retention.From) {
		names[name] = true
	}
	delete(names, "") // no retention
	var lost []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if _, ok := c.fields[name]; !ok {
			lost = append(lost, name)
		}
	}
	if lost == nil {
		return nil
	}
	return fault.New(fault.FieldLost, compiling, "the org does not show these fields; restore them, grant the user access, or take them out of the policy").On(c.object, lost...)
}

func (c *compiler) compile() *fault.Error {
	if _, e := c.rule(c.selves()); e != nil {
		return e
	}
	_, c.merges = c.fields["MasterRecordId"]
	for _, class := range []Class{Plain, Coarse, Personal} {
		fields := c.policy.fields(class)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if e := c.column(class, name, fields[name]); e != nil {
				return e
			}
		}
	}
	if e := c.retention(); e != nil {
		return e
	}
	slices.SortFunc(c.columns, func(a, b column) int { return cmp.Compare(a.Name, b.Name) })
	if from := c.policy.Retention.From; from != "" {
		c.retained = slices.IndexFunc(c.columns, func(col column) bool { return col.Source == from })
	}
	_, types := c.fields[recordType]
	c.retyping = types && c.object == "Account"
	c.unlisted = c.rest()
	return nil
}

// kin are the references by which Salesforce itself says whose a record is
// besides its own: the contact of a person account, the contact that a lead
// became, and the Individual that records of one human being share (Object
// Reference, Account, Lead and Individual).
var kin = map[string][]string{
	"Account": {"PersonContactId"},
	"Lead":    {"ConvertedContactId", "IndividualId"},
	"Contact": {"IndividualId"},
}

// selves is the record's person rule, with the kin that the org shows before
// the record itself.
func (c *compiler) selves() []string {
	rule := slices.Clone(c.policy.Person)
	if i := slices.Index(rule, "Id"); i >= 0 {
		rule = rule[:i]
	}
	for _, name := range kin[c.object] {
		if c.fields[name].Type == "reference" && !slices.Contains(rule, name) {
			rule = append(rule, name)
		}
	}
	return rule
}

// recordType turns a business account into a person account and back.
const recordType = "RecordTypeId"

// retention adds the field that retention counts from, if it is not listed.
func (c *compiler) retention() *fault.Error {
	from := c.policy.Retention.From
	if from == "" {
		return nil
	}
	if t := types[c.fields[from].Type]; t != Date && t != DateTime {
		return fault.New(fault.PolicyInvalid, compiling, "retention counts from a field that is no date; choose a date").On(c.object, from)
	}
	if slices.ContainsFunc(c.columns, func(col column) bool { return col.Source == from }) {
		return nil
	}
	return c.column(Plain, from, Field{Purpose: c.purposes()})
}

// purposes are the object's purposes, or else all those of its fields.
func (c *compiler) purposes() []string {
	if len(c.policy.Purpose) > 0 {
		return c.policy.Purpose
	}
	all := map[string]bool{}
	for _, class := range []Class{Plain, Coarse, Personal} {
		for _, f := range c.policy.fields(class) {
			for _, purpose := range f.Purpose {
				all[purpose] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// rest are the fields that nobody listed.
func (c *compiler) rest() (names []string) {
	listed := c.SelectList()
	for name, f := range c.fields {
		whole := f.compound() || name == "Name" && slices.Contains(named, c.object)
		if !whole && !slices.Contains(listed, name) && !slices.Contains(always, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
