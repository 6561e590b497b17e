package salesforcetest

import (
	"slices"
	"strings"
)

// SetPersonAccounts enables person accounts: an Account inserted with a
// LastName is a person and has a Contact, which its PersonContactId names. The
// Account shows the Contact's fields, FirstName and the like under their own
// names, MailingCity as PersonMailingCity, Tier__c as Tier__pc. A write to
// either record writes both, in one transaction, so that their stamps agree
// (Change Data Capture Developer Guide, "Change Events for Person Accounts").
// Disabling them again takes the fields away; a real org cannot.
func (o *Org) SetPersonAccounts(enabled bool) {
	account, contact := o.object("Account"), o.object("Contact")
	fields := personFields(contact)
	kind := newField("IsPersonAccount", "boolean", "readonly", "nofls", "default")
	if !enabled {
		for _, f := range fields {
			account = account.without(f.Name)
		}
		contact = contact.without(kind.Name)
	} else {
		account, contact = account.withAll(fields...), contact.withAll(kind)
		name := *account.field("Name")
		name.Nillable = true
		name.raw = overlay(name.raw, (*plainField)(&name))
		account = account.swap(&name)
	}
	o.setObject(account)
	o.setObject(contact)
}

// personFields are the fields that an Account has for its person.
func personFields(contact *object) []*field {
	fields := []*field{newField("IsPersonAccount", "boolean", "readonly", "nofls", "default"),
		newField("PersonContactId", "reference", "readonly", "nofls", "to=Contact")}
	fields[1].RelationshipName = ptr("PersonContact")
	for _, f := range contact.Fields {
		if name := personName(f); name != "" && !slices.Contains(shared, name) {
			fields = append(fields, personField(f, name))
		}
	}
	return fields
}

// personField is a contact's field as the account shows it.
func personField(f *field, name string) *field {
	c := *f
	c.Name, c.Nillable, c.ExternalID, c.IDLookup, c.Unique = name, f.Type != "boolean", false, false, false
	if parent := f.parent(); parent == "Name" {
		c.ExtraTypeInfo, c.Permissionable = ptr("switchablepersonname"), false
	} else if parent != "" {
		c.CompoundFieldName = ptr("Person" + parent)
	}
	if r := f.RelationshipName; r != nil {
		c.RelationshipName = ptr("Person" + *r)
		if before, custom := strings.CutSuffix(*r, "__r"); custom {
			c.RelationshipName = ptr(before + "__pr")
		}
	}
	return &c
}

// What a contact has that its person account has under the same name, as
// captured describes show no Person field for it; and what it keeps for itself.
var (
	shared = []string{"Phone", "Fax", "Description", "OwnerId"}
	own    = []string{"Id", "IsDeleted", "MasterRecordId", "AccountId", "ReportsToId", "Name", "IsPersonAccount", "SystemModstamp", "PhotoUrl",
		"LastActivityDate", "LastViewedDate", "LastReferencedDate", "IsEmailBounced", "Jigsaw", "JigsawContactId", "CleanStatus"}
	audited = []string{"CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById"}
)

// personName is the account's name for a field of its contact, "" if it shows
// none.
func personName(f *field) string {
	before, custom := strings.CutSuffix(f.Name, "__c")
	switch {
	case custom:
		return before + "__pc"
	case f.parent() == "Name" || slices.Contains(shared, f.Name):
		return f.Name
	case slices.Contains(own, f.Name) || slices.Contains(audited, f.Name):
		return ""
	}
	return "Person" + f.Name
}

// contactSourced reports a field of Account whose value is that of the
// person's contact.
func contactSourced(name string) bool {
	return strings.HasSuffix(name, "__pc") || strings.HasPrefix(name, "Person") && name != "PersonContactId"
}

// share copies what account and contact have in common, one way or the other.
func share(account, contact *object, a, c []string, toContact bool) {
	for _, f := range contact.Fields {
		name := personName(f)
		if slices.Contains(audited, f.Name) {
			name = f.Name
		}
		switch twin := account.field(name); {
		case twin == nil || f.compound():
		case toContact:
			c[f.slot] = a[twin.slot]
		default:
			a[twin.slot] = c[f.slot]
		}
	}
	complete(account, a)
	complete(contact, c)
}

// persons reports that o is Account in an org with person accounts.
func (tx *Tx) persons(o *object) bool {
	contact := tx.org.object("Contact")
	return o.Name == "Account" && o.field("PersonContactId") != nil && contact != nil && contact.field("IsPersonAccount") != nil
}

// insertPerson writes a new account and, if it is a person, its contact. The
// caller holds org.mu.
func (tx *Tx) insertPerson(o *object, serial int64, values []string) {
	write := func(o *object, serial int64, values []string) {
		tx.write(o.Name, nil, &row{serial: serial, stamp: tx.org.stampTime().Unix(), packed: pack(values)})
	}
	if !tx.persons(o) || values[o.field("LastName").slot] == "" {
		write(o, serial, values)
		return
	}
	contact := tx.org.object("Contact")
	t := tx.org.table(contact.Name)
	t.next++
	values[o.field("PersonContactId").slot] = recordID(contact.KeyPrefix, t.next)
	twin := make([]string, contact.slots)
	twin[contact.field("AccountId").slot], twin[contact.field("IsPersonAccount").slot] = recordID(o.KeyPrefix, serial), "true"
	number(contact, twin, t.next)
	share(o, contact, values, twin, true)
	write(o, serial, values)
	write(contact, t.next, twin)
}

// updatePerson writes the other record of a person account after one was.
func (tx *Tx) updatePerson(o *object, id string) error {
	for _, twin := range tx.twin(o, id, 0) {
		written := tx.see(o, id).values(make([]string, o.slots))
		return tx.change(twin.object, twin.id, func(other *object, old *row) (*row, error) {
			values := old.values(make([]string, other.slots))
			if o.Name == "Account" {
				share(o, other, written, values, true)
			} else {
				share(other, o, values, written, false)
			}
			return &row{serial: old.serial, stamp: tx.org.stampTime().Unix(), packed: pack(values)}, nil
		})
	}
	return nil
}

// twin is the contact of a person account, or the account of its contact, if
// it was deleted at a time, 0 for a live one.
func (tx *Tx) twin(o *object, id string, deleted int64) []pointer {
	link := map[string][2]string{"Account": {"PersonContactId", "Contact"}, "Contact": {"AccountId", "Account"}}[o.Name]
	if link[0] == "" || !tx.persons(tx.org.object("Account")) {
		return nil
	}
	r := tx.see(o, id)
	if r == nil || !r.person(o) {
		return nil
	}
	other := r.value(o, o.field(link[0]))
	if t := tx.see(tx.org.object(link[1]), other); t == nil || t.deleted != deleted {
		return nil
	}
	return []pointer{{link[1], other, ""}}
}

// person reports a row of a person account, or of its contact.
func (r *row) person(o *object) bool {
	f := o.field("IsPersonAccount")
	return f != nil && r.value(o, f) == "true"
}

// personal reports the reference of a person's contact to its own account,
// which nothing moves.
func (tx *Tx) personal(r pointer) bool {
	return r.object == "Contact" && r.field == "AccountId" && tx.twin(tx.org.object("Contact"), r.id, 0) != nil
}

// withAll is a copy of the object with the fields that it lacked.
func (o *object) withAll(fields ...*field) *object {
	for _, f := range fields {
		if o.field(f.Name) == nil {
			f.raw = overlay(fieldDefaults, (*plainField)(f))
			o = o.with(f)
		}
	}
	return o
}

// swap is a copy of the object with another description of one field.
func (o *object) swap(f *field) *object {
	c := *o
	c.edited = true
	c.Fields = slices.Clone(o.Fields)
	c.Fields[slices.IndexFunc(c.Fields, func(old *field) bool { return old.Name == f.Name })] = f
	c.index()
	return &c
}
