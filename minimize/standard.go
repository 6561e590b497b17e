package minimize

import (
	"strings"
	"sync"
)

// DefaultCategory is the category that a standard field has unless the policy
// gives another, or "" for custom fields and for standard fields whose content
// depends on the org.
func DefaultCategory(object, field string) string {
	if strings.Contains(field, "__") {
		return ""
	}
	if c := standard()[object+"."+field]; c != "" {
		return c
	}
	if c := standard()[field]; c != "" {
		return c
	}
	for _, e := range endings {
		if strings.HasSuffix(field, e.ending) {
			return e.category
		}
	}
	return ""
}

// endings are the names that Salesforce builds from parts, such as
// MailingPostalCode and AssistantPhone. The first that fits counts.
var endings = [...]struct{ ending, category string }{
	{"Street", "user.contact.address.street"},
	{"City", "user.contact.address.city"},
	{"State", "user.contact.address.state"},
	{"StateCode", "user.contact.address.state"},
	{"PostalCode", postalCode},
	{"Country", "user.contact.address.country"},
	{"CountryCode", "user.contact.address.country"},
	{"Latitude", location},
	{"Longitude", location},
	{"GeocodeAccuracy", "user.location"},
	{"Email", "user.contact.email"},
	{"Phone", "user.contact.phone_number"},
	{"Fax", "user.contact.fax_number"},
	{"Id", "user.unique_id"},
}

// standard are the fields of standard objects by name, or by object and name
// where the object matters (Object Reference for the Salesforce Platform).
var standard = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for category, names := range standardNames {
		for name := range strings.FieldsSeq(names) {
			m[name] = category
		}
	}
	return m
})

var standardNames = map[string]string{
	"user.name.first": `FirstName`,
	"user.name.last":  `LastName`,
	"user.name": `Salutation MiddleName Suffix InformalName SuppliedName AssistantName
		ContactName User.Name`,
	"user.job_title": `Title`,
	"user.workplace": `Department Division CompanyName`,
	"user.contact.organization": `Account.Name Company SuppliedCompany Account.Type
		Industry AnnualRevenue NumberOfEmployees Ownership TickerSymbol Site Sic SicDesc
		NaicsCode NaicsDesc YearStarted Tradestyle DunsNumber CompanyDunsNumber`,
	"user.contact.email": `EmailBouncedReason EmailBouncedDate IsEmailBounced FromAddress
		ToAddress CcAddress BccAddress`,
	"user.contact.phone_number": `ContactMobile`,
	"user.contact.url":          `Website`,
	"user.content.self_image":   `PhotoUrl`,
	birthDate:                   `Birthdate BirthDate`,
	gender:                      `GenderIdentity Pronouns`,
	"user.demographic.language": `LanguageLocaleKey Language`,
	"user.demographic.profile":  `LeadSource Rating`,
	"user.account.username":     `Username Alias CommunityNickname FederationIdentifier`,
	"user.account.settings":     `TimeZoneSidKey LocaleSidKey EmailEncodingKey`,
	"user.account":              `AccountNumber IsPartner IsCustomerPortal IsPersonAccount`,
	"user.unique_id":            `CaseNumber Jigsaw`,
	"user.privacy_preferences": `DoNotCall HasOptedOutOfEmail HasOptedOutOfFax HasOptedOutProcessing
		HasOptedOutProfiling HasOptedOutSolicit HasOptedOutTracking HasOptedOutGeoTracking
		ShouldForget SendIndividualData CanStorePiiElsewhere HasPrivacyHold`,
	"user.content.private": `Description Subject Comments CommentBody TextBody HtmlBody
		Case.Type Case.Reason NextStep`,
	"user.behavior": `LastActivityDate LastActivityDateTime HasOpenActivity HasOverdueTask
		ActivityDate ActivityDateTime StartDateTime EndDateTime`,
	"user.behavior.purchase_history": `OrderNumber OrderReferenceNumber PoNumber PoDate
		EffectiveDate EndDate ActivatedDate Order.Type OrderItemNumber Quantity AvailableQuantity
		UnitPrice ListPrice TotalPrice TotalAmount Subtotal Discount ServiceDate
		Opportunity.Name Opportunity.Type Amount ExpectedRevenue TotalOpportunityQuantity
		CloseDate StageName Probability IsWon HasOpportunityLineItem ForecastCategory
		ForecastCategoryName LastStageChangeDate Fiscal FiscalQuarter FiscalYear`,
	"system.operations": `CreatedDate LastModifiedDate LastViewedDate LastReferencedDate
		LastCURequestDate LastCUUpdateDate Status StatusCode Priority Origin IsClosed
		ClosedDate IsEscalated IsConverted ConvertedDate IsUnreadByOwner IsPrivate IsActive
		IsPrimary Role CleanStatus AccountSource ChannelProgramName ChannelProgramLevelName
		ProductCode Family Product2.Name Product2.Description`,
}
