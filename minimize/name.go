package minimize

import (
	"regexp"
	"slices"
	"strings"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// apiName is the form of an object's or field's API name.
var apiName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,79}$`)

// topicName is the form of a topic that carries change events (Pub/Sub API guide,
// "Event Channels and Topics"): a channel, all objects, or one object.
var topicName = regexp.MustCompile(`^/data/(?:[A-Za-z][A-Za-z0-9_]*__chn|ChangeEvents|[A-Za-z][A-Za-z0-9_]*ChangeEvent)$`)

// purposeName is the form of a purpose's name.
var purposeName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

// always are the fields that are read of every record, or never needed.
var always = []string{"Id", "SystemModstamp", "IsDeleted"}

// addresses are the standard compound fields of type address; custom ones are
// told by the describe. Their parts are fields of their own: MailingAddress has
// MailingStreet, MailingCity and so on ("Compound Fields", Object Reference).
var addresses = []string{
	"Address", "BillingAddress", "ShippingAddress", "MailingAddress", "OtherAddress",
	"AdditionalAddress", "PersonMailingAddress", "PersonOtherAddress", "QuoteToAddress",
}

// named are the objects whose Name is a compound of FirstName and LastName.
var named = []string{"Contact", "Lead", "User", "Individual"}

// personNames are the parts of a person account's Name. Other fields of persons
// begin with Person or end with __pc.
var personNames = []string{"FirstName", "LastName", "MiddleName", "Salutation", "Suffix", "InformalName"}

// refuseName is why a name cannot stand as an object's or field's, or nil.
func refuseName(name string) *fault.Error {
	switch {
	case strings.Contains(name, "*") || strings.HasPrefix(strings.ToUpper(name), "FIELDS("):
		return fault.New(fault.PolicyInvalid, validating, "a wildcard would keep fields that nobody has named; list the fields")
	case strings.Contains(name, "."):
		return fault.New(fault.PolicyInvalid, validating, "a field of a related object cannot be kept here; list it on its own object")
	case !apiName.MatchString(name):
		return fault.New(fault.PolicyInvalid, validating, "this is not an API name; use letters, digits and underscores, as Setup shows it")
	}
	return nil
}

// refuseField is why a field cannot be a column, or nil.
func refuseField(object, name string) *fault.Error {
	if e := refuseName(name); e != nil {
		return e
	}
	switch {
	case slices.Contains(always, name):
		return fault.New(fault.PolicyInvalid, validating, "this field needs no entry; take it out of the list")
	case object == "Account" && ofPerson(name):
		return fault.New(fault.PolicyInvalid, validating, "this field belongs to the person account's contact; list it on Contact")
	case slices.Contains(addresses, name):
		return fault.New(fault.PolicyInvalid, validating, "this is a compound field; list its parts, such as MailingCity")
	case name == "Name" && slices.Contains(named, object):
		return fault.New(fault.PolicyInvalid, validating, "this is a compound field; list its parts, FirstName and LastName")
	}
	return nil
}

// ofPerson reports whether a field of Account is one of its person.
func ofPerson(name string) bool {
	if strings.Contains(name, "__") {
		return strings.HasSuffix(name, "__pc")
	}
	return strings.HasPrefix(name, "Person") || slices.Contains(personNames, name)
}
