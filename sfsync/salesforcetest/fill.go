package salesforcetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// fill checks and sets the given fields.
func (tx *Tx) fill(o *object, values []string, fields map[string]any, create bool) error {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		f := o.field(name)
		if name == "attributes" {
			continue
		}
		if f == nil || f.compound() || !tx.lenient && !tx.org.readable(o.Name, f.Name) {
			return noSuchField(name, o.Name)
		}
		if writable := create && f.Createable || !create && f.Updateable; !writable && !tx.lenient || f.Name == "Id" {
			return refuse(400, "INVALID_FIELD_FOR_INSERT_UPDATE", fmt.Sprintf(
				"Unable to create/update fields: %s. Please check the security settings of this field and verify that it is read/write for your profile or permission set.", f.Name), f.Name)
		}
		v, err := f.text(fields[name])
		if err != nil {
			return err
		}
		values[f.slot] = v
	}
	return nil
}

// required refuses a record that lacks what it must have.
func required(o *object, values []string) error {
	var missing []string
	for _, f := range o.Fields {
		if !f.Nillable && f.Createable && !f.DefaultedOnCreate && f.Type != "boolean" && values[f.slot] == "" {
			missing = append(missing, f.Name)
		}
	}
	if f, person := o.field("Name"), o.field("LastName"); o.Name == "Account" && person != nil && values[f.slot]+values[person.slot] == "" {
		missing = append(missing, "Name")
	}
	if missing == nil {
		return nil
	}
	return refuse(400, "REQUIRED_FIELD_MISSING", "Required fields are missing: ["+strings.Join(missing, ", ")+"]", missing...)
}

// audit sets the fields that tell who wrote and when. What the Go API said of
// the creation stands.
func audit(o *object, values []string, at time.Time, user string, create bool) {
	now := datetime(at.Unix())
	set := func(name, v string, always bool) {
		if f := o.field(name); f != nil && (always || values[f.slot] == "") {
			values[f.slot] = v
		}
	}
	set("LastModifiedDate", now, true)
	set("LastModifiedById", user, true)
	if create {
		set("CreatedDate", now, false)
		set("CreatedById", user, false)
		set("OwnerId", user, false)
	}
}

// number fills the auto-number fields of a new record, and the default of a
// required picklist.
func number(o *object, values []string, serial int64) {
	for _, f := range o.Fields {
		switch {
		case values[f.slot] != "":
		case f.AutoNumber:
			values[f.slot] = fmt.Sprintf("%08d", serial+999)
		case !f.Nillable && f.DefaultedOnCreate && len(f.PicklistValues) > 0:
			values[f.slot] = f.PicklistValues[0].Value
		}
	}
}

// complete sets what follows from other fields: a person's Name, and when a
// case was closed.
func complete(o *object, values []string) {
	get := func(name string) string {
		if f := o.field(name); f != nil {
			return values[f.slot]
		}
		return ""
	}
	kind := o.field("IsPersonAccount")
	if kind != nil && o.Name == "Account" {
		values[kind.slot] = flag(get("LastName") != "")
	}
	if f := o.field("Name"); f != nil && (f.extra() == "personname" || f.extra() == "switchablepersonname" && get("LastName") != "") {
		values[f.slot] = strings.TrimSpace(get("FirstName") + " " + get("LastName"))
	}
	if f, closed := o.field("IsClosed"), o.field("ClosedDate"); o.Name == "Case" && f != nil && closed != nil {
		isClosed := strings.HasPrefix(get("Status"), "Closed")
		values[f.slot] = flag(isClosed)
		if !isClosed {
			values[closed.slot] = ""
		} else if values[closed.slot] == "" {
			values[closed.slot] = get("LastModifiedDate")
		}
	}
}
