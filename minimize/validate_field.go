package minimize

import (
	"maps"
	"slices"
	"strings"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// classes checks every field of an object.
func (v validator) classes(path, object string, o Object) *fault.Error {
	taken := map[string]bool{}
	for _, class := range []Class{Plain, Coarse, Personal} {
		fields := o.fields(class)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			f := fields[name]
			at := path + "/" + class.String() + "/" + name
			if e := refuseField(object, name); e != nil {
				return v.at(at, e.On(object, name))
			}
			if e := v.renamed(at, object, name, f.Was, taken); e != nil {
				return e
			}
			if e := v.field(at, object, name, f, o); e != nil {
				return e
			}
			if class != Personal {
				if e := v.unsealed(at, object, name, f); e != nil {
					return e
				}
			} else if len(o.Person) == 0 && len(f.Person) == 0 {
				return v.at(at, fault.New(fault.PolicyInvalid, validating, "a personal field needs a person; set person on the object, to [Id] if its records are persons").On(object, name))
			}
		}
	}
	return nil
}

// renamed checks the earlier names of an object (with field "") or field, and
// takes the one it is stored under. Stores do not tell upper from lower case.
func (v validator) renamed(path, object, field string, was []string, taken map[string]bool) *fault.Error {
	for _, name := range was {
		if e := refuseName(name); e != nil {
			return v.at(path+"/was", on(e, object, field))
		}
	}
	stored := strings.ToLower(stable(object, was))
	if field != "" {
		stored = strings.ToLower(stable(field, was))
	}
	if taken[stored] {
		return v.at(path, on(fault.New(fault.PolicyInvalid, validating, "the name is used twice, in two classes or by a field that was called so; keep one of the two"), object, field))
	}
	taken[stored] = true
	return nil
}

// field checks what holds for fields of every class.
func (v validator) field(path, object, name string, f Field, o Object) *fault.Error {
	if e := v.purposes(path, object, name, f.Purpose); e != nil {
		return e
	}
	if e := v.person(path, object, name, f.Person); e != nil {
		return e
	}
	switch key := category(object, name, f); {
	case len(o.Purpose) == 0 && len(f.Purpose) == 0:
		return v.at(path, fault.New(fault.PolicyInvalid, validating, "the field has no purpose; set purpose on the object or on the field").On(object, name))
	case key == "":
		return v.at(path, fault.New(fault.PolicyInvalid, validating, "the field has no default category; give it one of Fideslang, such as {category: user.behavior.purchase_history}").On(object, name))
	case !categoryKnown(key):
		return v.at(path+"/category", fault.New(fault.PolicyInvalid, validating, "the category is not in Fideslang's catalogue; use a key of its tree, such as user.contact.email").On(object, name))
	case f.Find != FindNone && f.Find != FindEmail && f.Find != FindPhone && f.Find != FindExact:
		return v.at(path+"/find", fault.New(fault.PolicyInvalid, validating, "find is email, phone or exact; choose one of them").On(object, name))
	}
	return nil
}

// unsealed refuses what only personal fields have.
func (v validator) unsealed(path, object, name string, f Field) *fault.Error {
	switch {
	case len(f.Person) > 0:
		return v.at(path+"/person", fault.New(fault.PolicyInvalid, validating, "only a personal field has a person of its own; move the field to personal").On(object, name))
	case f.Find != FindNone:
		return v.at(path+"/find", fault.New(fault.PolicyInvalid, validating, "only a personal field can be findable; move the field to personal").On(object, name))
	case f.Conceal != nil:
		return v.at(path+"/conceal", fault.New(fault.PolicyInvalid, validating, "only a personal field can be concealed; move the field to personal").On(object, name))
	}
	return nil
}

// singles refuses fields that together single people out, unless a reason is
// given. Birth date, gender and postal code alone identify most of a population
// (L. Sweeney, Simple Demographics Often Identify People Uniquely, 2000).
func (v validator) singles(path, object string, o Object) *fault.Error {
	if len(o.Person) == 0 && !slices.Contains(named, object) || strings.TrimSpace(o.Accept) != "" {
		return nil
	}
	kinds := map[string]bool{}
	var fields []string
	for _, name := range slices.Sorted(maps.Keys(o.Plain)) {
		switch key := category(object, name, o.Plain[name]); key {
		case birthDate, gender, postalCode, location:
			kinds[key] = true
			fields = append(fields, name)
		}
	}
	if len(kinds) < 2 {
		return nil
	}
	return v.at(path+"/plain/"+fields[1], fault.New(fault.PolicyInvalid, validating, "these plain fields together single people out; make one coarse or personal, or give a reason in accept").On(object, fields...))
}

// stable is the name that stays when an object or field is renamed: the first.
func stable(name string, was []string) string {
	if len(was) > 0 {
		return was[0]
	}
	return name
}
