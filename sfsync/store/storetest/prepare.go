package storetest

import (
	"errors"
	"slices"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

func isCode(err, code error) bool { return err != nil && errors.Is(err, code) }

var prepares = []promise{
	{"the first Prepare creates every object and owes all of it", func(c *held) {
		c.plans(store.Plan{Version: 3, Objects: []store.ObjectPlan{{Object: "Contact", Create: true}, {Object: "Case", Create: true}}})
		c.prepare()
		for _, name := range []string{"Contact", "Case"} {
			o := c.state.Objects[name]
			same(c, name+" owed", o.Owed, []store.Range{store.Whole(store.Full)})
			if len(o.Reads) != 0 || o.Caught != 0 || o.N < o.Floor {
				c.Errorf("%s: %+v", name, o)
			}
		}
		if len(c.state.Topics) != 0 {
			c.Errorf("there are positions before any was taken: %v", c.state.Topics)
		}
	}},
	{"Prepare again changes nothing but the epoch", func(c *held) {
		c.start().apply(c.batch(contact(1, "a")))
		before, epoch := c.picture(), c.state.Epoch
		c.plans(store.Plan{Policy: 3, Version: 3})
		c.reopen()
		if c.state.Epoch <= epoch {
			c.Errorf("epoch %d after %d", c.state.Epoch, epoch)
		}
		same(c, "everything", c.picture(), before)
	}},
	{"a batch notes how often the keys had been written", func(c *held) {
		c.start()
		for _, keys := range []int64{7, 0, 5} { // 0: it does not say; 5: they were put back
			want := c.bookkeeping().Keys
			if keys != 0 {
				want = keys
			}
			b := c.batch()
			b.Keys = keys
			c.apply(b)
			if got := c.bookkeeping().Keys; got != want {
				c.Errorf("%d after a batch with %d, want %d", got, keys, want)
			}
		}
	}},
	{"Plan changes nothing", func(c *held) {
		c.start().apply(c.batch(contact(1, "a")))
		before := c.picture()
		now := c.schema
		c.schema.Policy, c.schema.Tables = 4, nil
		c.plans(store.Plan{Policy: 3, Version: 4, Objects: []store.ObjectPlan{{Object: "Case", Drop: true}, {Object: "Contact", Drop: true, Rows: 1}}})
		c.schema = now
		same(c, "everything", c.picture(), before)
	}},
	{"Plan and Prepare refuse another org", refuses(fault.WrongOrg, func(s *store.Schema) { s.Org = "00DDp000000000AMAU" })},
	{"Plan and Prepare refuse an older policy", refuses(fault.PolicyOlder, func(s *store.Schema) { s.Policy, s.Hash = 2, "h2" })},
	{"Plan and Prepare refuse a changed policy of the same version", refuses(fault.PolicyInvalid, func(s *store.Schema) { s.Hash = "other" })},
	{"Plan and Prepare refuse names that are none", refuses(fault.PolicyInvalid, func(s *store.Schema) {
		s.Policy, s.Hash = 4, "h4"
		s.Tables[0].Columns[0].Name = `a" BLOB); DROP TABLE x; --`
	})},
	{"a second writer is refused or fences the first", func(c *held) {
		c.start()
		second := c.open(c.T)
		defer second.Close()
		if _, err := second.Prepare(c.Context(), c.schema); err != nil {
			if !isCode(err, fault.StoreBusy) {
				c.Errorf("got %v", err)
			}
			c.apply(c.batch(contact(1, "a")))
			return
		}
		if err := c.db.Apply(c.Context(), c.batch(contact(1, "a"))); !isCode(err, fault.Fenced) {
			c.Errorf("the first writer: %v", err)
		}
	}},
	{"a new column is read for every row", func(c *held) {
		c.start().apply(c.batch(contact(1, "a")))
		c.settled()
		c.widen(func(t *store.Table) {
			t.Columns = slices.Insert(t.Columns, 1, store.Column{Name: "Phone", Sealed: true, Type: 1})
		})
		c.plans(store.Plan{Policy: 3, Version: 4, Objects: []store.ObjectPlan{{Object: "Contact", Add: []string{"Phone"}, Rows: 1}}})
		c.owes(store.Whole(store.Full))
		was := contact(1, "a").Cells
		same(c, "the cells", c.row(id(1)).Cells, slices.Insert(was, 1, store.Cell{}))
	}},
	{"a column that is no longer named is removed", func(c *held) {
		c.start().apply(c.batch(contact(1, "a")))
		c.settled()
		c.widen(func(t *store.Table) { t.Columns = slices.Delete(t.Columns, 0, 1) })
		c.plans(store.Plan{Policy: 3, Version: 4, Objects: []store.ObjectPlan{{Object: "Contact", Remove: []string{"Email"}, Rows: 1}}})
		c.owes()
		same(c, "the cells", c.row(id(1)).Cells, contact(1, "a").Cells[1:])
	}},
	{"a column that becomes personal is removed and read again", func(c *held) {
		c.start().apply(c.batch(contact(1, "a")))
		c.settled()
		c.widen(func(t *store.Table) { t.Columns[1].Sealed = true })
		c.plans(store.Plan{Policy: 3, Version: 4, Objects: []store.ObjectPlan{{Object: "Contact", Remove: []string{"Tier__c"}, Add: []string{"Tier__c"}, Rows: 1}}})
		c.owes(store.Whole(store.Full))
		if got := c.row(id(1)).Cells[1]; got.State != store.Unset {
			c.Errorf("the plain value is still there: %+v", got)
		}
	}},
	{"a column of another type or person is read again", func(c *held) {
		c.start().settled()
		c.widen(func(t *store.Table) { t.Columns[2].Type, t.Columns[3].Rule = 9, 0 })
		both := []string{"Order", "Assistant"}
		c.plans(store.Plan{Policy: 3, Version: 4, Objects: []store.ObjectPlan{{Object: "Contact", Remove: both, Add: both}}})
		c.owes(store.Whole(store.Full))
	}},
	{"a column that becomes findable, or in another way, is read for every row", func(c *held) {
		c.start().apply(c.batch(contact(1, "a")))
		c.settled()
		c.widen(func(t *store.Table) { t.Columns[0].Find = crypto.EmailIndex })
		c.plans(store.Plan{Policy: 3, Version: 4, Objects: []store.ObjectPlan{{Object: "Contact", Find: []string{"Email"}, Rows: 1}}})
		c.owes(store.Whole(store.Full))
		same(c, "the cells", c.row(id(1)).Cells, contact(1, "a").Cells)
		c.settled()
		c.schema.Tables[0].Columns[0].Find = crypto.ExactIndex
		c.schema.Policy, c.schema.Hash = 5, "h5"
		c.plans(store.Plan{Policy: 4, Version: 5, Objects: []store.ObjectPlan{{Object: "Contact", Find: []string{"Email"}, Rows: 1}}})
		c.prepare()
		same(c, "owed", c.state.Objects["Contact"].Owed, []store.Range{store.Whole(store.Full)})
		c.settled()
		c.schema.Tables[0].Columns[0].Find = ""
		c.schema.Policy, c.schema.Hash = 6, "h6"
		c.plans(store.Plan{Policy: 5, Version: 6})
	}},
	{"columns in another order keep their values", func(c *held) {
		c.start().apply(c.batch(contact(1, "a")))
		c.settled()
		c.widen(func(t *store.Table) { slices.Reverse(t.Columns) })
		c.plans(store.Plan{Policy: 3, Version: 4})
		c.owes()
		want := contact(1, "a").Cells
		slices.Reverse(want)
		same(c, "the cells", c.row(id(1)).Cells, want)
	}},
	{"an object whose persons change is read again from nothing", func(c *held) {
		c.start().apply(c.batch(contact(1, "a")))
		c.settled()
		c.widen(func(t *store.Table) { t.Rules = []string{"AccountId, Id", "ReportsToId"} })
		c.plans(store.Plan{Policy: 3, Version: 4, Objects: []store.ObjectPlan{{Object: "Contact", Rebuild: true, Rows: 1}}})
		c.owes(store.Whole(store.Full))
		same(c, "the row", c.row(id(1)), store.Row{ID: id(1)})
	}},
	{"an object that is no longer named is removed with its position", func(c *held) {
		b := c.start().batch(contact(1, "a"))
		b.Topic, b.Next = "/data/ContactChangeEvent", "\x00\x01"
		c.apply(b)
		c.schema.Policy, c.schema.Hash, c.schema.Tables = 4, "h4", c.schema.Tables[1:]
		c.plans(store.Plan{Policy: 3, Version: 4, Objects: []store.ObjectPlan{{Object: "Contact", Drop: true, Rows: 1}}})
		c.prepare()
		if _, err := c.db.Table(c.Context(), "Contact"); !isCode(err, fault.NotFound) {
			c.Errorf("Table: %v", err)
		}
		if _, ok := c.state.Objects["Contact"]; ok || len(c.state.Topics) != 0 {
			c.Errorf("left: %+v", c.state)
		}
		c.schema = schema() // and named again: from nothing
		c.schema.Policy = 5
		c.prepare()
		same(c, "the row", c.row(id(1)), store.Row{ID: id(1)})
		same(c, "owed", c.state.Objects["Contact"].Owed, []store.Range{store.Whole(store.Full)})
	}},
	{"an object that moves to another topic is compared", func(c *held) {
		c.start().settled()
		c.widen(func(t *store.Table) { t.Topic = "" })
		c.plans(store.Plan{Policy: 3, Version: 4, Objects: []store.ObjectPlan{{Object: "Contact"}}})
		c.owes(store.Whole(store.Stamp))
	}},
}

// refuses checks that a schema is refused and nothing has changed.
func refuses(code fault.Code, spoil func(*store.Schema)) func(*held) {
	return func(c *held) {
		c.start().apply(c.batch(contact(1, "a")))
		before := c.picture()
		wrong := schema()
		spoil(&wrong)
		if _, err := c.db.Plan(c.Context(), wrong); !isCode(err, code) {
			c.Errorf("Plan: got %v", err)
		}
		if _, err := c.db.Prepare(c.Context(), wrong); !isCode(err, code) {
			c.Errorf("Prepare: got %v", err)
		}
		c.apply(c.batch(contact(2, "b"))) // the writer is still the writer
		after := c.picture()
		if len(after.Rows["Contact"]) != 2 || len(before.Rows["Contact"]) != 1 {
			c.Errorf("rows: %d, then %d", len(before.Rows["Contact"]), len(after.Rows["Contact"]))
		}
	}
}

// plans checks what Plan says of the schema.
func (c *held) plans(want store.Plan) {
	c.Helper()
	got, err := c.db.Plan(c.Context(), c.schema)
	if err != nil {
		c.Fatalf("Plan: %v", err)
	}
	same(c, "the plan", got, want)
}

// settled pays all debts of Contact.
func (c *held) settled() {
	c.Helper()
	b := c.batch()
	b.Objects[0].Paid = []store.Range{store.Whole(store.Full)}
	c.apply(b)
}

// widen changes Contact in the next policy version.
func (c *held) widen(change func(*store.Table)) {
	c.schema.Policy, c.schema.Hash = 4, "h4"
	c.schema.Tables = slices.Clone(c.schema.Tables)
	c.schema.Tables[0].Columns = slices.Clone(c.schema.Tables[0].Columns)
	change(&c.schema.Tables[0])
}

// owes prepares and checks the debts of Contact and, if there are any, that
// reads begun before pay nothing.
func (c *held) owes(want ...store.Range) {
	c.Helper()
	before := c.n("Contact")
	c.prepare()
	o := c.state.Objects["Contact"]
	same(c, "owed", o.Owed, want)
	if len(want) > 0 && (o.Floor <= before || o.N < o.Floor) {
		c.Errorf("floor %d and n %d after n %d", o.Floor, o.N, before)
	}
	c.plans(store.Plan{Policy: 4, Version: 4})
	table, err := c.db.Table(c.Context(), "Contact")
	if err != nil {
		c.Fatal(err)
	}
	same(c, "the table", table, c.schema.Tables[0])
}
