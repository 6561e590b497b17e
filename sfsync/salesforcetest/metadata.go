package salesforcetest

import "cmp"

// The set-up objects: their rows are what the org's switches say now.

// virtualRows computes the rows of a set-up object. The caller holds o.mu.
func (o *Org) virtualRows(obj *object) []*row {
	b := &rowBuilder{object: obj, org: o}
	switch obj.Name {
	case "Organization":
		return o.organization(obj)
	case "PermissionSet":
		yes := "true"
		b.add(map[string]string{"Name": "X00e000000000000", "Label": "Minimum Access", "ProfileId": recordID("00e", 1),
			"IsOwnedByProfile": yes, "Type": "Profile"})
		b.add(map[string]string{"Name": "SFSync", "Label": "SFSync", "IsCustom": yes, "Type": "Regular", "PermissionsApiEnabled": yes})
	case "PermissionSetAssignment":
		for n := range int64(2) {
			b.add(map[string]string{"PermissionSetId": recordID("0PS", n+1), "AssigneeId": o.state.UserID, "IsActive": "true"})
		}
	case "ObjectPermissions":
		o.objectPermissions(b)
	case "FieldPermissions":
		o.fieldPermissions(b)
	case "PlatformEventChannel", "PlatformEventChannelMember", "EnrichedField":
		o.channelRows(b)
	case "EntityDefinition":
		for _, each := range o.catalogue.Load().sorted() {
			b.add(map[string]string{"QualifiedApiName": each.Name, "DurableId": each.Name, "Label": each.Label, "KeyPrefix": each.KeyPrefix,
				"IsCustomizable": flag(!each.virtual), "IsQueryable": "true"})
		}
	}
	return b.rows
}

// permitted lists the objects with data that the user may read.
func (o *Org) permitted() []*object {
	var list []*object
	for _, obj := range o.catalogue.Load().sorted() {
		if !obj.virtual && o.visible(obj.Name) != nil {
			list = append(list, obj)
		}
	}
	return list
}

func (o *Org) objectPermissions(b *rowBuilder) {
	for _, obj := range o.permitted() {
		all := flag(o.viewAll(obj.Name))
		b.add(map[string]string{"ParentId": recordID("0PS", 2), "SobjectType": obj.Name, "PermissionsRead": "true", "PermissionsCreate": "true",
			"PermissionsEdit": "true", "PermissionsDelete": "true", "PermissionsViewAllRecords": all})
	}
}

// fieldPermissions has a row for each field with access and none for one
// without: absence is refusal. Fields that are not permissionable have none
// either, and are readable.
func (o *Org) fieldPermissions(b *rowBuilder) {
	for _, obj := range o.permitted() {
		for _, f := range obj.Fields {
			if f.Permissionable && o.readable(obj.Name, f.Name) {
				b.add(map[string]string{"ParentId": recordID("0PS", 2), "SobjectType": obj.Name, "Field": obj.Name + "." + f.Name,
					"PermissionsRead": "true", "PermissionsEdit": flag(f.Updateable)})
			}
		}
	}
}

// SetInstance moves the org to another instance: Organization.InstanceName, at
// most five characters. A new org is on TST1.
func (o *Org) SetInstance(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.Instance = name
	o.save()
}

func (o *Org) organization(obj *object) []*row {
	b := &rowBuilder{object: obj, org: o}
	b.add(map[string]string{"Name": "Test Org", "Country": "US", "OrganizationType": "Developer Edition", "InstanceName": cmp.Or(o.state.Instance, "TST1"),
		"IsSandbox": "true", "DefaultLocaleSidKey": "en_US", "TimeZoneSidKey": "America/Los_Angeles"})
	b.rows[0].serial = o.state.OrgSerial
	return b.rows
}

type rowBuilder struct {
	object *object
	org    *Org
	rows   []*row
}

func (b *rowBuilder) add(fields map[string]string) {
	values := make([]string, b.object.slots)
	for name, v := range fields {
		values[b.object.field(name).slot] = v
	}
	created := datetime(b.org.now().Unix())
	for name, v := range map[string]string{"CreatedDate": created, "LastModifiedDate": created, "CreatedById": b.org.state.UserID,
		"LastModifiedById": b.org.state.UserID} {
		values[b.object.field(name).slot] = v
	}
	b.rows = append(b.rows, &row{serial: int64(len(b.rows) + 1), stamp: b.org.now().Unix(), packed: pack(values)})
}
