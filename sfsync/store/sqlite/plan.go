package sqlite

import (
	"context"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Plan implements store.Store. It fails as Prepare would, save for a second
// writer.
func (s *Store) Plan(ctx context.Context, schema store.Schema) (store.Plan, error) {
	var plan store.Plan
	err := s.reading(ctx, func(c *conn) error {
		policy, changes, err := c.compare(schema)
		if err != nil {
			return err
		}
		plan = store.Plan{Policy: policy, Version: schema.Policy}
		for _, change := range changes {
			if !change.Create {
				if change.Rows, err = c.number(`SELECT count(*) FROM ` + name(change.Object)); err != nil {
					return err
				}
			}
			plan.Objects = append(plan.Objects, change.ObjectPlan)
		}
		return nil
	})
	return plan, err
}

// change is what must become of one object. Without a flag or a column the
// object only moves to another topic, and its rows are compared with the org.
type change struct {
	store.ObjectPlan
	table store.Table
	moved bool
}

// compare tells what differs between the database and a schema, in the order
// of the schema with what is dropped at the end.
func (c *conn) compare(schema store.Schema) (policy int, changes []change, err error) {
	if err := valid(schema); err != nil {
		return 0, nil, err
	}
	if policy, err = c.admit(schema); err != nil {
		return 0, nil, err
	}
	tables, err := c.catalogue("")
	if err != nil {
		return 0, nil, err
	}
	for _, next := range schema.Tables {
		old, held := tables[next.Object]
		delete(tables, next.Object)
		if d := differ(old, held, next); !d.empty() {
			changes = append(changes, d)
		}
	}
	dropped := make([]change, 0, len(tables))
	for _, t := range tables {
		dropped = append(dropped, change{ObjectPlan: store.ObjectPlan{Object: t.Object, Drop: true}, table: t})
	}
	slices.SortFunc(dropped, func(a, b change) int { return strings.Compare(a.Object, b.Object) })
	return policy, append(changes, dropped...), nil
}

// admit checks the org and the policy's version and returns the stored one.
func (c *conn) admit(schema store.Schema) (policy int, err error) {
	var org, hash string
	err = c.each(`SELECT org, policy, hash FROM meta`, nil, func(s *sqlite3.Stmt) error {
		org, policy, hash = s.ColumnText(0), s.ColumnInt(1), s.ColumnText(2)
		return nil
	})
	switch {
	case err != nil:
		return 0, err
	case org != "" && org != schema.Org:
		return 0, fault.New(fault.WrongOrg, "sqlite.Prepare", "the database holds the copy of another org; name another path, or configure that org")
	case schema.Policy < policy:
		return 0, fault.New(fault.PolicyOlder, "sqlite.Prepare", "the database has seen a newer version of the policy; use that one, or raise the version of this one above it")
	case schema.Policy == policy && schema.Hash != hash:
		return 0, fault.New(fault.PolicyInvalid, "sqlite.Prepare", "the policy was changed without a new version; raise its version")
	}
	return policy, nil
}

func differ(old store.Table, held bool, next store.Table) change {
	d := change{ObjectPlan: store.ObjectPlan{Object: next.Object}, table: next}
	switch {
	case !held:
		d.Create = true
		return d
	case !slices.Equal(old.Rules, next.Rules):
		d.Rebuild = true
	}
	d.moved = old.Topic != next.Topic
	for _, was := range old.Columns {
		if now, ok := find(next, was.Name); !ok || other(was, now) {
			d.Remove = append(d.Remove, was.Name)
		}
	}
	for _, now := range next.Columns {
		was, ok := find(old, now.Name)
		switch {
		case !ok || other(was, now):
			d.Add = append(d.Add, now.Name)
		case now.Find != "" && was.Find != now.Find:
			d.Find = append(d.Find, now.Name)
		}
	}
	return d
}

// other reports whether what a column holds is of no use for what it is to
// hold: plain instead of sealed, of another type, or sealed for another person.
func other(was, now store.Column) bool {
	return was.Sealed != now.Sealed || was.Type != now.Type || now.Sealed && was.Rule != now.Rule
}

func (d change) empty() bool {
	return !d.Create && !d.Rebuild && !d.moved && len(d.Add) == 0 && len(d.Remove) == 0 && len(d.Find) == 0
}
