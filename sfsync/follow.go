package sfsync

import (
	"cmp"
	"slices"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// A record may take its person from another one: an order item from its order.
// When the order becomes another customer's, its items do too, and no event
// says so. So a row keeps the ids of the records that its persons came from,
// its Owners, where those may move; and what fills a row that was another
// person's makes the rows dirty that have it for an owner.

// movable are the API names of the objects whose records may come to be
// another person's: those with a reference to a person. Contacts of person
// accounts are among them, because the account's name is theirs.
func movable(tables []*minimize.Table) map[string]bool {
	names := map[string]bool{}
	for _, t := range tables {
		if rules := t.Rules(); len(rules) > 0 && len(rules[0]) > 0 {
			names[t.Object()] = true
		}
		if personAccounts(t) {
			names["Contact"] = true
		}
	}
	return names
}

// personal are the API names of the objects whose records are or may be a
// person's: those of the policy, and those that a person is taken from.
func personal(tables []*minimize.Table) map[string]bool {
	names := map[string]bool{}
	for _, t := range tables {
		names[t.Object()] = true
		for _, r := range t.References() {
			for _, object := range r.Objects {
				names[object] = true
			}
		}
	}
	return names
}

// personAccounts reports whether the table is of accounts some of which are
// persons.
func personAccounts(t *minimize.Table) bool {
	return t.Object() == "Account" && slices.ContainsFunc(t.References(), func(r minimize.Reference) bool { return r.Name == "PersonContactId" })
}

// ruleText names the references of a rule for the store, and which are followed.
func ruleText(table *minimize.Table, rule []int, movable map[string]bool) string {
	text := ""
	for _, i := range rule {
		r := table.References()[i]
		text += r.Name
		if slices.ContainsFunc(r.Objects, func(object string) bool { return movable[object] }) {
			text += store.Followed
		}
		text += " "
	}
	return text
}

// relate tells each object which others take persons from its records.
func (s *session) relate() {
	for _, o := range s.objects {
		o.family = append(o.family[:0], o)
		for _, other := range s.objects {
			if other != o && other.takesFrom(o.api) {
				o.followers = append(o.followers, other)
				other.tracked[o.name] = true
			}
		}
		o.family = append(o.family, o.followers...)
		slices.SortFunc(o.family, inOrder)
	}
}

func inOrder(a, b *object) int { return cmp.Compare(a.api, b.api) }

// takesFrom reports whether a rule of the object follows records of another.
func (o *object) takesFrom(api string) bool {
	references := o.table.References()
	for k, rule := range o.table.Rules() {
		if o.schema.Follows(k) && slices.ContainsFunc(rule, func(i int) bool { return slices.Contains(references[i].Objects, api) }) {
			return true
		}
	}
	return false
}

// owners are the records that a row's persons are taken from, where they may
// move.
func (o *object) owners(wants []crypto.Want) (owners []string) {
	for k, w := range wants {
		if !w.Owner.IsZero() && o.schema.Follows(k) && o.tracked[w.Owner.Object] {
			if owners == nil {
				owners = make([]string, len(wants))
			}
			owners[k] = w.Owner.Record
		}
	}
	return owners
}

// lockAll locks objects in the one order that keeps two lockers from waiting
// for each other: that of their names, in which every list of objects is.
func lockAll(objects []*object) (unlock func()) {
	for _, o := range objects {
		o.mu.Lock()
	}
	return func() {
		for _, o := range objects {
			o.mu.Unlock()
		}
	}
}

// concerned are the objects that a batch of events is about, in the order of
// locking.
func concerned(arrivals []arrival) (list []*object) {
	for _, a := range arrivals {
		if !slices.Contains(list, a.object) {
			list = append(list, a.object)
		}
	}
	slices.SortFunc(list, inOrder)
	return list
}

// named reports whether the table keeps the name of accounts some of which are
// persons: it is that of their contact.
func named(t *minimize.Table) bool {
	return personAccounts(t) && slices.ContainsFunc(t.Columns(), func(c minimize.Column) bool { return c.Source == "Name" })
}

// followed makes the parts of a batch in which other objects' rows become dirty,
// because records that they take a person from moved. The caller holds the
// object's family.
func (o *object) followed(moved []string) []store.ObjectBatch {
	if len(moved) == 0 {
		return nil
	}
	var parts []store.ObjectBatch
	for _, f := range o.followers {
		parts = append(parts, store.ObjectBatch{Object: f.name, Moved: moved})
	}
	return parts
}

// owned covers the rows that take a person from one of the records.
func owned(records []string) func(store.Row) bool {
	owners := map[string]bool{}
	for _, id := range records {
		owners[id] = true
	}
	return func(row store.Row) bool {
		return slices.ContainsFunc(row.Owners, func(id string) bool { return owners[id] })
	}
}
