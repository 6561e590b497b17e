package salesforcetest

import (
	"slices"
	"sync"
)

// permissions are what the integration user may see. They change on a running
// org, as an administrator's click would; every answer and every event
// follows at once.
type permissions struct {
	mu       sync.RWMutex
	hidden   map[string]map[string]bool // object -> fields without read access
	denied   map[string]bool            // objects without read access
	noAll    map[string]bool            // objects without View All Records
	selected map[string]bool            // objects selected for Change Data Capture
	shared   map[string]func(id string) bool
	changed  func() // tells open streams; not under mu
}

func newPermissions(selected []string) *permissions {
	p := &permissions{hidden: map[string]map[string]bool{}, denied: map[string]bool{}, noAll: map[string]bool{}, selected: map[string]bool{},
		shared: map[string]func(string) bool{}}
	for _, object := range selected {
		p.selected[object] = true
	}
	return p
}

// HideField takes away read access to a field: it is missing from describes,
// INVALID_FIELD in queries and null in events. Fields that are not
// permissionable cannot be hidden in a real org; here they can.
func (o *Org) HideField(object, field string) { o.setHidden(object, field, true) }

// ShowField gives it back.
func (o *Org) ShowField(object, field string) { o.setHidden(object, field, false) }

func (o *Org) setHidden(object, field string, hidden bool) {
	p := o.perm
	defer p.changed()
	p.mu.Lock()
	defer p.mu.Unlock()
	object = o.canonical(object)
	if p.hidden[object] == nil {
		p.hidden[object] = map[string]bool{}
	}
	p.hidden[object][field] = hidden
}

// DenyObject takes away read access to an object: it is INVALID_TYPE in
// queries and missing from describes. AllowObject gives it back.
func (o *Org) DenyObject(object string)  { o.perm.set(o.perm.denied, object, true) }
func (o *Org) AllowObject(object string) { o.perm.set(o.perm.denied, object, false) }

// SetViewAll grants or takes View All Records on an object. Without it a
// single-entity topic refuses the subscription.
func (o *Org) SetViewAll(object string, granted bool) { o.perm.set(o.perm.noAll, object, !granted) }

// SetSharing says which records of an object the user sees where View All
// Records is missing (SetViewAll): of the others, queries, Bulk jobs, getUpdated
// and getDeleted say nothing, a collection answers null and a record is
// NOT_FOUND, as if they had been deleted. A nil function shows all of them, as
// in a new org; no function may call the org.
func (o *Org) SetSharing(object string, visible func(id string) bool) {
	o.perm.mu.Lock()
	defer o.perm.mu.Unlock()
	o.perm.shared[o.canonical(object)] = visible
}

// sharing is what decides on records, for the objects of which the user does
// not see all.
func (p *permissions) sharing() map[string]func(id string) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var some map[string]func(id string) bool
	for object, visible := range p.shared {
		if visible != nil && p.noAll[object] {
			if some == nil {
				some = map[string]func(id string) bool{}
			}
			some[object] = visible
		}
	}
	return some
}

// Select selects an object for Change Data Capture, or ends its selection.
func (o *Org) Select(object string, selected bool) { o.perm.set(o.perm.selected, object, selected) }

func (p *permissions) set(m map[string]bool, object string, v bool) {
	defer p.changed()
	p.mu.Lock()
	defer p.mu.Unlock()
	m[object] = v
}

func (p *permissions) is(m map[string]bool, object string) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return m[object]
}

// readable reports read access to a field. A compound field is readable if
// any of its parts is.
func (o *Org) readable(object, field string) bool {
	o.perm.mu.RLock()
	defer o.perm.mu.RUnlock()
	return !o.perm.denied[object] && !o.perm.hidden[object][field]
}

// viewAll reports View All Records, which Change Data Capture asks for.
func (o *Org) viewAll(object string) bool {
	return !o.perm.is(o.perm.noAll, object) && !o.perm.is(o.perm.denied, object)
}

// selectedForCDC lists the selected objects by name.
func (o *Org) selectedForCDC() []string {
	o.perm.mu.RLock()
	defer o.perm.mu.RUnlock()
	var names []string
	for name, selected := range o.perm.selected {
		if selected {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// visible is the object if the user may read it, or nil.
func (o *Org) visible(name string) *object {
	obj := o.object(name)
	if obj == nil || o.perm.is(o.perm.denied, obj.Name) {
		return nil
	}
	return obj
}
