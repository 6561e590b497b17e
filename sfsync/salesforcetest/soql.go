package salesforcetest

import (
	"fmt"
	"strconv"
	"strings"
)

// selection is a parsed SOQL query: SELECT fields or count() FROM one object,
// with WHERE, ORDER BY, LIMIT and OFFSET. Fields may be those of parents.
// Subqueries, GROUP BY and TYPEOF are not part of it.
type selection struct {
	object  *object
	columns []*column
	count   bool
	where   condition // nil for all
	order   []sorting
	limit   int // -1 for none
	offset  int
}

// column is a field, reached through references for Account.Name and the like.
type column struct {
	text  string // as it was written
	steps []step
	of    *object
	field *field
}

// step follows a reference to another object.
type step struct {
	via  *field
	from *object
	to   *object
}

type sorting struct {
	*column
	descending, nullsLast bool
}

// soql is a parser over the tokens of a query. Its errors carry the query's
// text, as those of the service do.
type soql struct {
	text   string
	tokens []token
	at     int
	find   func(string) *object // objects the user may read
	reads  func(object, field string) bool
	from   *object
}

// parseSOQL reads a query as the user of find and reads.
func parseSOQL(text string, find func(string) *object, reads func(object, field string) bool) (*selection, error) {
	if len(text) > 100_000 {
		return nil, refuse(400, "MALFORMED_QUERY", "SOQL statements cannot be longer than 100000 characters.")
	}
	p := &soql{text: text, find: find, reads: reads}
	if err := p.scan(); err != nil {
		return nil, err
	}
	return p.selection()
}

func (p *soql) selection() (*selection, error) {
	s := &selection{limit: -1}
	if !p.word("SELECT") {
		return nil, p.unexpected()
	}
	first := p.at
	for !p.is("FROM") && p.peek().kind != 0 {
		p.at++
	}
	if !p.word("FROM") {
		return nil, p.unexpected()
	}
	name := p.next()
	if s.object = p.find(name.text); s.object == nil {
		return nil, p.wrong("INVALID_TYPE", name, "sObject type '"+name.text+"' is not supported. If you are attempting to use a custom object, "+
			"be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.")
	}
	p.from = s.object
	if !p.clause() && p.peek().kind == 'w' {
		p.at++ // an alias, of no further use
	}
	last := p.at
	p.at = first
	if err := p.columns(s); err != nil {
		return nil, err
	}
	p.at = last
	return s, p.clauses(s)
}

// clause reports that a clause follows, not an alias.
func (p *soql) clause() bool {
	return p.is("WHERE") || p.is("ORDER") || p.is("LIMIT") || p.is("OFFSET") || p.is("GROUP") || p.is("USING") || p.is("FOR")
}

func (p *soql) columns(s *selection) error {
	if p.is("COUNT") && p.tokens[p.at+1].kind == '(' && p.tokens[p.at+2].kind == ')' {
		s.count = true
		p.at += 3
	}
	for !s.count {
		if p.is("FROM") {
			return p.unexpected()
		}
		c, err := p.column()
		if err != nil {
			return err
		}
		s.columns = append(s.columns, c)
		if p.peek().kind != ',' {
			break
		}
		p.at++
	}
	if !p.is("FROM") {
		return p.unexpected()
	}
	return nil
}

// column reads a field name and finds what it means.
func (p *soql) column() (*column, error) {
	t := p.next()
	if t.kind != 'w' {
		p.at--
		return nil, p.unexpected()
	}
	c := &column{text: t.text, of: p.from}
	parts := strings.Split(t.text, ".")
	if len(parts) > 1 && strings.EqualFold(parts[0], p.from.Name) && p.from.relation(parts[0]) == nil {
		parts = parts[1:]
	}
	for _, name := range parts[:len(parts)-1] {
		via := c.of.relation(name)
		var to *object
		if via != nil && len(via.ReferenceTo) > 0 {
			to = p.find(via.ReferenceTo[0])
		}
		if to == nil || !p.reads(c.of.Name, via.Name) {
			return nil, p.wrong("INVALID_FIELD", t, "Didn't understand relationship '"+name+"' in field path. If you are attempting to use a custom "+
				"relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.")
		}
		c.steps = append(c.steps, step{via, c.of, to})
		c.of = to
	}
	name := parts[len(parts)-1]
	if c.field = c.of.field(name); c.field == nil || !p.reads(c.of.Name, c.field.Name) {
		return nil, p.wrong("INVALID_FIELD", t, "No such column '"+name+"' on entity '"+c.of.Name+"'. If you are attempting to use a custom field, "+
			"be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.")
	}
	return c, nil
}

// relation finds the reference of a relationship name.
func (o *object) relation(name string) *field {
	for _, f := range o.Fields {
		if f.RelationshipName != nil && strings.EqualFold(*f.RelationshipName, name) {
			return f
		}
	}
	return nil
}

func (p *soql) clauses(s *selection) (err error) {
	if p.word("WHERE") {
		if s.where, err = p.or(); err != nil {
			return err
		}
	}
	if p.word("ORDER") {
		if !p.word("BY") {
			return p.unexpected()
		}
		if err := p.sortings(s); err != nil {
			return err
		}
	}
	if p.word("LIMIT") {
		if s.limit, err = p.number(); err != nil {
			return err
		}
	}
	if p.word("OFFSET") {
		if s.offset, err = p.number(); err != nil {
			return err
		}
		if s.offset > 2000 {
			return refuse(400, "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
		}
	}
	if p.peek().kind != 0 {
		return p.unexpected()
	}
	return nil
}

func (p *soql) sortings(s *selection) error {
	for {
		t := p.peek()
		c, err := p.column()
		if err != nil {
			return err
		}
		if !c.field.Sortable {
			return p.wrong("MALFORMED_QUERY", t, "field '"+c.field.Name+"' can not be sorted in a query call")
		}
		by := sorting{column: c}
		if p.word("DESC") {
			by.descending = true
		} else {
			p.word("ASC")
		}
		if p.word("NULLS") {
			by.nullsLast = p.word("LAST")
			if !by.nullsLast && !p.word("FIRST") {
				return p.unexpected()
			}
		}
		s.order = append(s.order, by)
		if p.peek().kind != ',' {
			return nil
		}
		p.at++
	}
}

func (p *soql) number() (int, error) {
	n, err := strconv.Atoi(p.next().text)
	if err != nil || n < 0 {
		p.at--
		return 0, p.unexpected()
	}
	return n, nil
}

func (p *soql) peek() token { return p.tokens[p.at] }

func (p *soql) next() token {
	t := p.tokens[p.at]
	if t.kind != 0 {
		p.at++
	}
	return t
}

func (p *soql) is(word string) bool {
	t := p.peek()
	return t.kind == 'w' && strings.EqualFold(t.text, word)
}

func (p *soql) word(word string) bool {
	if !p.is(word) {
		return false
	}
	p.at++
	return true
}

func (p *soql) unexpected() error {
	return p.wrong("MALFORMED_QUERY", p.peek(), "unexpected token: '"+p.peek().text+"'")
}

// wrong points at a token in the query's text, as the service does.
func (p *soql) wrong(code string, t token, message string) error {
	from, to := max(0, t.pos-30), min(len(p.text), t.pos+30)
	return refuse(400, code, fmt.Sprintf("\n%s\n%s^\nERROR at Row:1:Column:%d\n%s",
		p.text[from:to], strings.Repeat(" ", t.pos-from), t.pos+1, message))
}
