package salesforcetest

import (
	"slices"
	"strings"
	"time"
)

// Convert converts a lead: an account and a contact, and an opportunity where
// the org describes that object, are created, then the lead is updated, all in
// one transaction (Change Data Capture Developer Guide, "Change Events for
// Lead Conversion"). It panics like Insert.
func (o *Org) Convert(lead string) (account, contact string) {
	o.mustWrite(func(tx *Tx) (err error) {
		account, contact, err = tx.Convert(lead)
		return err
	})
	return account, contact
}

// Convert converts a lead.
func (tx *Tx) Convert(lead string) (account, contact string, err error) {
	l := tx.org.object("Lead")
	r := tx.see(l, lead)
	if r == nil || r.deleted != 0 {
		return "", "", refuse(404, "ENTITY_IS_DELETED", "entity is deleted")
	}
	from := r.fields(l)
	if from["IsConverted"] == "true" {
		return "", "", alreadyConverted()
	}
	if account, err = tx.Insert("Account", tx.org.known("Account", accountOf(from))); err != nil {
		return "", "", err
	}
	if contact, err = tx.Insert("Contact", tx.org.known("Contact", contactOf(from, account))); err != nil {
		return "", "", err
	}
	done := map[string]any{"IsConverted": true, "Status": convertedStatus(l), "ConvertedDate": tx.org.stampTime(),
		"ConvertedAccountId": account, "ConvertedContactId": contact}
	if opportunity := tx.org.object("Opportunity"); opportunity != nil {
		if done["ConvertedOpportunityId"], err = tx.Insert("Opportunity", tx.opportunityOf(opportunity, from, account)); err != nil {
			return "", "", err
		}
	}
	return account, contact, tx.Update("Lead", lead, tx.org.known("Lead", done))
}

// alreadyConverted is what a write to a converted lead gets.
func alreadyConverted() error {
	return refuse(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
}

func accountOf(lead map[string]string) map[string]any {
	return take(lead, "Company:Name Phone Fax Website Industry Rating AnnualRevenue NumberOfEmployees Street:BillingStreet "+
		"City:BillingCity State:BillingState PostalCode:BillingPostalCode Country:BillingCountry OwnerId")
}

func contactOf(lead map[string]string, account string) map[string]any {
	fields := take(lead, "FirstName LastName Salutation Title Phone Fax MobilePhone Email LeadSource Description HasOptedOutOfEmail "+
		"IndividualId Street:MailingStreet City:MailingCity State:MailingState PostalCode:MailingPostalCode Country:MailingCountry OwnerId")
	fields["AccountId"] = account
	return fields
}

func (tx *Tx) opportunityOf(o *object, lead map[string]string, account string) map[string]any {
	fields := map[string]any{"Name": lead["Company"] + "-", "AccountId": account, "CloseDate": tx.org.now().AddDate(0, 3, 0).Format(time.DateOnly)}
	if f := o.field("StageName"); f != nil && len(f.PicklistValues) > 0 {
		fields["StageName"] = f.PicklistValues[0].Value
	}
	return tx.org.known(o.Name, fields)
}

// take copies the values that are there, each under its name or the one behind
// the colon: the standard mapping of lead fields.
func take(from map[string]string, names string) map[string]any {
	fields := map[string]any{}
	for name := range strings.FieldsSeq(names) {
		source, target, renamed := strings.Cut(name, ":")
		if !renamed {
			target = source
		}
		if v := from[source]; v != "" {
			fields[target] = v
		}
	}
	return fields
}

// convertedStatus is the status that says a lead was converted.
func convertedStatus(lead *object) any {
	values := lead.field("Status").PicklistValues
	if i := slices.IndexFunc(values, func(v picklistValue) bool { return strings.Contains(v.Value, "onverted") }); i >= 0 {
		return values[i].Value
	}
	return "Qualified"
}
