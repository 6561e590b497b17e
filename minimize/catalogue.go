package minimize

import (
	"slices"
	"strings"
)

// CatalogueVersion is the edition of the Fideslang taxonomy whose data categories
// a policy may name. Version 3.2 renames some; a key keeps its meaning here until
// both can be told apart in a policy.
const CatalogueVersion = "3.1"

// catalogue is the data categories of that edition, sorted.
var catalogue = [...]string{
	"system", "system.authentication", "system.operations",
	"user",
	"user.account", "user.account.settings", "user.account.username",
	"user.authorization", "user.authorization.biometric", "user.authorization.credentials",
	"user.authorization.password",
	"user.behavior", "user.behavior.browsing_history", "user.behavior.media_consumption",
	"user.behavior.purchase_history", "user.behavior.search_history",
	"user.biometric", "user.biometric.fingerprint", "user.biometric.health",
	"user.biometric.retinal", "user.biometric.voice",
	"user.childrens",
	"user.contact", "user.contact.address", "user.contact.address.city",
	"user.contact.address.country", "user.contact.address.postal_code",
	"user.contact.address.state", "user.contact.address.street", "user.contact.email",
	"user.contact.fax_number", "user.contact.organization", "user.contact.phone_number",
	"user.contact.url",
	"user.content", "user.content.private", "user.content.public", "user.content.self_image",
	"user.criminal_history",
	"user.demographic", "user.demographic.age_range", "user.demographic.date_of_birth",
	"user.demographic.gender", "user.demographic.language", "user.demographic.marital_status",
	"user.demographic.political_opinion", "user.demographic.profile",
	"user.demographic.race_ethnicity", "user.demographic.religious_belief",
	"user.demographic.sexual_orientation",
	"user.device", "user.device.cookie", "user.device.cookie_id", "user.device.device_id",
	"user.device.ip_address",
	"user.financial", "user.financial.bank_account", "user.financial.credit_card",
	"user.government_id", "user.government_id.birth_certificate",
	"user.government_id.drivers_license_number", "user.government_id.immigration",
	"user.government_id.national_identification_number", "user.government_id.passport_number",
	"user.government_id.vehicle_registration",
	"user.health_and_medical", "user.health_and_medical.genetic",
	"user.health_and_medical.insurance_beneficiary_id", "user.health_and_medical.record_id",
	"user.job_title",
	"user.location", "user.location.imprecise", "user.location.precise",
	"user.name", "user.name.first", "user.name.last",
	"user.payment", "user.privacy_preferences", "user.sensor", "user.social", "user.telemetry",
	"user.unique_id", "user.unique_id.pseudonymous",
	"user.user_sensor", "user.workplace",
}

// sensitive are the roots of what tells something even by being there: special
// categories of the GDPR's article 9 and sensitive personal information of the
// California Civil Code, section 1798.140(ae). A union membership has no category
// of its own; say conceal: true.
var sensitive = [...]string{
	"user.authorization", "user.biometric", "user.childrens", "user.criminal_history",
	"user.demographic.political_opinion", "user.demographic.race_ethnicity",
	"user.demographic.religious_belief", "user.demographic.sexual_orientation",
	"user.financial", "user.government_id", "user.health_and_medical", "user.payment",
}

// The categories that the rules of this package speak of.
const (
	birthDate  = "user.demographic.date_of_birth"
	gender     = "user.demographic.gender"
	postalCode = "user.contact.address.postal_code"
	location   = "user.location.precise"
)

// Categories are the keys that [Field] may name as a category, sorted.
func Categories() []string { return slices.Clone(catalogue[:]) }

// Sensitive reports whether a category tells something about a person even where
// only the presence of a value can be seen, so that it is concealed by default.
func Sensitive(category string) bool {
	for _, root := range sensitive {
		if category == root || strings.HasPrefix(category, root+".") {
			return true
		}
	}
	return false
}

func categoryKnown(key string) bool {
	_, found := slices.BinarySearch(catalogue[:], key)
	return found
}

// category is the category of a field: the one the policy gives, or the default
// of a standard field, or "".
func category(object, name string, f Field) string {
	if f.Category != "" {
		return f.Category
	}
	return DefaultCategory(object, name)
}
