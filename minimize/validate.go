package minimize

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// validating is the operation that errors about a policy name.
const validating = "minimize.Policy.Validate"

// Validate reports the first contradiction in a policy, or nil. [Parse] calls it;
// [Policy.Compile] does as well. The error is fault.PolicyInvalid.
func (p *Policy) Validate() error { return p.validate(nil) }

// validate is Validate with the places of a file, for the errors.
func (p *Policy) validate(at places) error {
	if e := p.check(validator{p, at}); e != nil {
		return e
	}
	return nil
}

func (p *Policy) check(v validator) *fault.Error {
	if p.Version < 1 {
		return v.at("version", fault.New(fault.PolicyInvalid, validating, "the version is missing or below 1; set it to 1 and raise it with every change"))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Purposes)) {
		if !purposeName.MatchString(name) {
			return v.at("purposes/"+name, fault.New(fault.PolicyInvalid, validating, "this is not a name for a purpose; use lower-case letters, digits, - and _"))
		}
		if strings.TrimSpace(p.Purposes[name]) == "" {
			return v.at("purposes/"+name, fault.New(fault.PolicyInvalid, validating, "the purpose is not explained; say in a sentence what the data is used for"))
		}
	}
	if len(p.Objects) == 0 {
		return v.at("objects", fault.New(fault.PolicyInvalid, validating, "no object is listed; list the objects and fields to keep"))
	}
	taken := map[string]bool{}
	for _, name := range p.ObjectNames() {
		o := p.Objects[name]
		path := "objects/" + name
		if e := refuseName(name); e != nil {
			return v.at(path, e.On(name))
		}
		if e := v.renamed(path, name, "", o.Was, taken); e != nil {
			return e
		}
		if e := v.object(path, name, o); e != nil {
			return e
		}
	}
	return nil
}

// validator checks one policy.
type validator struct {
	*Policy
	places places
}

// at gives an error its place in the file, if there is one.
func (v validator) at(path string, e *fault.Error) *fault.Error {
	if p, ok := v.places.find(path); ok {
		return e.At(p.line, p.column)
	}
	return e
}

func (v validator) object(path, name string, o Object) *fault.Error {
	for _, check := range []func(string, string, Object) *fault.Error{v.settings, v.retention, v.classes, v.singles} {
		if e := check(path, name, o); e != nil {
			return e
		}
	}
	return nil
}

// settings checks what is said of the object as a whole.
func (v validator) settings(path, name string, o Object) *fault.Error {
	switch {
	case o.OnForget != DeleteRow && o.OnForget != KeepPlain:
		return v.at(path+"/on_forget", fault.New(fault.PolicyInvalid, validating, "on_forget is delete or keep_plain; choose one of the two").On(name))
	case o.Changes != Stream && o.Changes != Poll:
		return v.at(path+"/changes", fault.New(fault.PolicyInvalid, validating, "changes is stream or poll; choose one of the two").On(name))
	case o.FullRead.Days < 0:
		return v.at(path+"/full_read/days", fault.New(fault.PolicyInvalid, validating, "full_read needs days above 0; set them or take full_read out").On(name))
	case o.Channel != "" && !topicName.MatchString(o.Channel):
		return v.at(path+"/channel", fault.New(fault.PolicyInvalid, validating, "the channel is not a topic of change events; write it as /data/Name__chn").On(name))
	case o.Channel != "" && o.Changes == Poll:
		return v.at(path+"/channel", fault.New(fault.PolicyInvalid, validating, "a polled object has no channel; keep one of channel and changes: poll").On(name))
	case len(o.Plain)+len(o.Coarse)+len(o.Personal) == 0:
		return v.at(path, fault.New(fault.PolicyInvalid, validating, "no field is listed; list the fields to keep or take the object out").On(name))
	}
	if e := v.purposes(path, name, "", o.Purpose); e != nil {
		return e
	}
	return v.person(path, name, "", o.Person)
}

// purposes checks a list of purposes; an empty one is left to the caller.
func (v validator) purposes(path, object, field string, list []string) *fault.Error {
	for i, purpose := range list {
		if _, declared := v.Purposes[purpose]; !declared {
			return v.at(path+"/purpose/"+strconv.Itoa(i), on(fault.New(fault.PolicyInvalid, validating, "the purpose is not declared; add it to purposes, with a sentence that explains it"), object, field))
		}
	}
	return nil
}

// person checks a list of references.
func (v validator) person(path, object, field string, list []string) *fault.Error {
	for i, reference := range list {
		at := path + "/person/" + strconv.Itoa(i)
		switch e := refuseName(reference); {
		case e != nil:
			return v.at(at, on(e, object, field))
		case slices.Contains(list[:i], reference):
			return v.at(at, on(fault.New(fault.PolicyInvalid, validating, "the reference is listed twice; keep one of the two"), object, field))
		case reference == "Id" && i < len(list)-1:
			return v.at(at, on(fault.New(fault.PolicyInvalid, validating, "Id is always set, so no reference after it counts; put it last"), object, field))
		}
	}
	return nil
}

func (v validator) retention(path, name string, o Object) *fault.Error {
	r := o.Retention
	if r == (Retention{}) {
		return nil
	}
	_, plain := o.Plain[r.From]
	switch path += "/retention"; {
	case r.Days < 1:
		return v.at(path+"/days", fault.New(fault.PolicyInvalid, validating, "retention needs days above 0; set them or take retention out").On(name))
	case r.From == "":
		return v.at(path, fault.New(fault.PolicyInvalid, validating, "retention needs a field to count from; set from to a date, such as LastModifiedDate").On(name))
	case !plain && !slices.Contains(stamps, r.From):
		return v.at(path+"/from", on(fault.New(fault.PolicyInvalid, validating, "retention counts from a field that is not listed; list it as plain"), name, r.From))
	}
	return nil
}

// stamps are the dates of every record that retention may count from unlisted.
var stamps = []string{"CreatedDate", "LastModifiedDate"}

// on names the object and, if there is one, the field.
func on(e *fault.Error, object, field string) *fault.Error {
	if field == "" {
		return e.On(object)
	}
	return e.On(object, field)
}
