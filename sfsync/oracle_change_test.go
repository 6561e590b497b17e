package sfsync_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// step is one thing that can happen in a history. It draws what it needs from
// the trial's source and says what it did, or "" if it could do nothing.
type step struct {
	name   string
	weight int
	do     func(*trial) string
}

// changes are what people, other systems and Salesforce itself do to the org.
var changes = []step{
	{"insert", 8, func(t *trial) string { return t.write((*trial).insert) }},
	{"update", 14, func(t *trial) string { return t.write((*trial).update) }},
	{"delete", 4, func(t *trial) string { return t.write((*trial).remove) }},
	{"undelete", 3, func(t *trial) string { return t.write((*trial).restore) }},
	{"purge", 2, (*trial).purge},
	{"bulk", 5, func(t *trial) string { return t.write((*trial).several) }},
	{"same change", 3, func(t *trial) string { return t.write((*trial).alike) }},
	{"begin", 3, (*trial).begin},
	{"commit", 4, (*trial).commit},
	{"lag", 3, (*trial).lag},
	{"time passes", 2, (*trial).jump},
	{"publish late", 3, (*trial).hold},
	{"gap", 6, func(t *trial) string { t.org.GapNext(""); return t.write((*trial).several) }},
	{"gap without change", 2, (*trial).gap},
	{"again", 3, (*trial).again},
	{"new field", 1, (*trial).newField},
	{"merge", 3, func(t *trial) string { return t.write((*trial).merge) }},
	{"convert", 3, func(t *trial) string { return t.write((*trial).convert) }},
	{"rename person", 4, func(t *trial) string { return t.write((*trial).rename) }},
	{"two events", 3, func(t *trial) string { t.org.TwoEventsNext(); return t.write((*trial).several) }},
	{"new symbol", 1, func(t *trial) string {
		t.added++
		t.org.AddEnumSymbol(fmt.Sprint("NEW", t.added))
		return "a change type"
	}},
}

// silences are changes of which no event tells: only a comparison finds them.
var silences = []step{
	{"lose", 2, func(t *trial) string { t.unheard = true; t.org.LoseNext(); return t.write((*trial).several) }},
	{"hard delete", 2, func(t *trial) string { return t.silent(t.org.HardDelete) }},
	{"silent change", 2, func(t *trial) string {
		return t.silent(func(object, id string) { t.org.Silent(object, id, t.values(object, false)) })
	}},
	{"deselect", 1, (*trial).deselect},
}

// write runs a change in a transaction of its own.
func (t *trial) write(change func(*trial, *salesforcetest.Tx) string) (did string) {
	t.must(t.org.Transaction(func(tx *salesforcetest.Tx) error { did = change(t, tx); return nil }))
	return did
}

// any picks a live record, or "".
func (t *trial) any(object string) string {
	ids := slices.Sorted(maps.Keys(maps.Collect(t.org.Records(object))))
	if len(ids) == 0 {
		return ""
	}
	return ids[t.random.IntN(len(ids))]
}

func (t *trial) object() string {
	objects := t.policy.objects()
	return objects[t.random.IntN(len(objects))]
}

// values draws values for some fields of an object, for all if whole.
func (t *trial) values(object string, whole bool) map[string]any {
	values := map[string]any{}
	for _, f := range stock {
		switch {
		case f.object != object || f.fixed && !whole || t.dropped[object+"."+f.name]:
		case whole && (f.required || t.random.IntN(3) > 0), !whole && t.random.IntN(4) == 0:
			if values[f.name] = f.value(t); !f.required && t.random.IntN(4) == 0 {
				values[f.name] = nil
			}
		}
	}
	if t.persons && object == "Account" && whole && t.random.IntN(2) == 0 {
		delete(values, "Name")
		values["LastName"] = words(t)
	}
	return values
}

func (t *trial) insert(tx *salesforcetest.Tx) string {
	object := t.object()
	if t.org.Count(object) >= 14 {
		return t.update(tx)
	}
	t.came(object)
	id, err := tx.Insert(object, t.values(object, true))
	return done(id, err)
}

// came notes that a record of the object came, with an event that says all of
// it. A null there may be a hidden value: nothing tells while nobody looks.
func (t *trial) came(object string) {
	t.created[object] = true
	t.unheard = t.unheard || t.hidden[object]
}

// done is what to say of a write: the org refuses one to a record that another
// transaction holds, or that this one has deleted.
func done(id string, err error) string {
	if err != nil {
		return ""
	}
	return id + " "
}

func (t *trial) update(tx *salesforcetest.Tx) string {
	object := t.object()
	id, values := t.any(object), t.values(object, false)
	return done(id, tx.Update(object, id, values))
}

func (t *trial) remove(tx *salesforcetest.Tx) string {
	object := t.object()
	id := t.any(object)
	did := done(id, tx.Delete(object, id))
	if did != "" {
		t.deleted[object] = append(t.deleted[object], id)
	}
	return did
}

func (t *trial) restore(tx *salesforcetest.Tx) string {
	object, id := t.takeDeleted()
	t.came(object)
	return done(id, tx.Undelete(object, id))
}

func (t *trial) takeDeleted() (object, id string) {
	object = t.object()
	list := t.deleted[object]
	if len(list) == 0 {
		return object, ""
	}
	i := t.random.IntN(len(list))
	id = list[i]
	t.deleted[object] = slices.Delete(list, i, i+1)
	return object, id
}

// several makes many changes in one transaction, also to the same record.
func (t *trial) several(tx *salesforcetest.Tx) (did string) {
	for range 1 + t.random.IntN(8) {
		did += pick(t.random, (*trial).insert, (*trial).update, (*trial).update, (*trial).update, (*trial).remove, (*trial).restore)(t, tx)
	}
	return did
}

// alike makes the same change to several records, which is one event.
func (t *trial) alike(tx *salesforcetest.Tx) (did string) {
	object := t.object()
	values := t.values(object, false)
	for _, id := range slices.Sorted(maps.Keys(maps.Collect(t.org.Records(object)))) {
		if t.random.IntN(2) == 0 {
			did += done(id, tx.Update(object, id, values))
		}
	}
	return did
}

// merge gives one record what refers to others, which are deleted.
func (t *trial) merge(tx *salesforcetest.Tx) string {
	object := pick(t.random, "Contact", "Account", "Lead")
	winner, loser := t.any(object), t.any(object)
	if winner == loser {
		return ""
	}
	did := done(winner+" "+loser, tx.Merge(object, winner, loser))
	if did != "" {
		t.deleted[object] = append(t.deleted[object], loser)
	}
	return did
}

// convert makes an account and a contact of a lead: of a new one where there is
// none, or only one that has been converted.
func (t *trial) convert(tx *salesforcetest.Tx) string {
	lead := t.any("Lead")
	if record := t.org.Record("Lead", lead); record == nil || record["IsConverted"] == "true" {
		t.came("Lead")
		var err error
		if lead, err = tx.Insert("Lead", t.values("Lead", true)); err != nil {
			return ""
		}
	}
	t.came("Account")
	t.came("Contact")
	account, contact, err := tx.Convert(lead)
	return done(lead+" "+account+" "+contact, err)
}

// rename changes the name of a person account, on either side of it.
func (t *trial) rename(tx *salesforcetest.Tx) string {
	for id, account := range t.org.Records("Account") {
		if contact := account["PersonContactId"]; contact != "" && t.random.IntN(2) == 0 {
			if t.random.IntN(2) == 0 {
				return done(id, tx.Update("Account", id, map[string]any{"LastName": words(t)}))
			}
			return done(contact, tx.Update("Contact", contact, map[string]any{"FirstName": words(t)}))
		}
	}
	return ""
}

// silent changes a record of an object that is followed by events.
func (t *trial) silent(how func(object, id string)) string {
	object := t.object()
	id := t.any(object)
	if id == "" || object == t.policy.polled || len(t.open) > 0 { // which might hold it
		return ""
	}
	t.unheard = true
	how(object, id)
	return id
}

// deselect ends the change events of an object until this is mended.
func (t *trial) deselect() string {
	object := t.object()
	t.unheard = true
	t.org.Select(object, false)
	t.undos["deselect "+object] = func() { t.org.Select(object, true) }
	return object
}

func (t *trial) purge() string {
	object, id := t.takeDeleted()
	if id == "" || t.org.Record(object, id) != nil { // its deletion has not committed
		return ""
	}
	t.org.Purge(object, id)
	return id
}

// begin starts a transaction that stays open over other steps: its stamps are
// older than its commit, and other commits come between.
func (t *trial) begin() string {
	tx := t.org.Begin()
	t.open = append(t.open, tx)
	return t.several(tx)
}

func (t *trial) commit() string {
	if len(t.open) == 0 {
		return ""
	}
	i := t.random.IntN(len(t.open))
	t.must(t.open[i].Commit())
	t.open = slices.Delete(t.open, i, i+1)
	return "one of those open"
}

// lag lets stamps and commits differ: ten minutes together is the bound.
func (t *trial) lag() string {
	d := pick(t.random, 0, 0, 2*time.Second, time.Minute, 9*time.Minute, -2*time.Second, -time.Minute)
	t.org.SetCommitLag(d)
	return d.String()
}

// jump moves the org's clock. Open transactions end before: none lasts so long.
func (t *trial) jump() string {
	d := pick(t.random, time.Second, time.Minute, 11*time.Minute, 11*time.Minute, 3*time.Hour)
	for len(t.open) > 0 {
		t.commit()
	}
	t.ahead.Add(int64(d))
	return d.String()
}

func (t *trial) hold() string {
	if t.undo("publish late") {
		return "no longer"
	}
	t.undos["publish late"] = t.org.HoldPublish()
	return "from now on"
}

// again delivers the newest events twice. While publishing is held they would
// come after newer ones of the same records, which the service never does.
func (t *trial) again() string {
	if t.undos["publish late"] != nil {
		return ""
	}
	n := 1 + t.random.IntN(6)
	t.must(t.org.Redeliver(n))
	return fmt.Sprint(n, " events")
}

func (t *trial) gap() string {
	object := t.object()
	ids := slices.Sorted(maps.Keys(maps.Collect(t.org.Records(object))))
	if len(ids) == 0 {
		return ""
	}
	ids = ids[:1+t.random.IntN(len(ids))]
	t.must(t.org.Gap(object, pick(t.random, salesforcetest.Create, salesforcetest.Update, salesforcetest.Delete, salesforcetest.Undelete), ids...))
	return fmt.Sprint(len(ids), " of ", object)
}

func (t *trial) newField() string {
	t.added++
	name := fmt.Sprintf("Extra%d__c", t.added)
	object := t.object()
	t.org.AddField(object, name, "string", 40)
	return object + "." + name
}
