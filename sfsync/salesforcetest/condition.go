package salesforcetest

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// condition is a WHERE clause or a part of one.
type condition interface {
	holds(v *view, r *row) bool
}

type (
	both   struct{ a, b condition }
	either struct{ a, b condition }
	not    struct{ a condition }

	// comparison compares a field with one value, or with a list of them.
	comparison struct {
		*column
		operator string
		values   []string
		like     *regexp.Regexp
	}
)

func (c both) holds(v *view, r *row) bool   { return c.a.holds(v, r) && c.b.holds(v, r) }
func (c either) holds(v *view, r *row) bool { return c.a.holds(v, r) || c.b.holds(v, r) }
func (c not) holds(v *view, r *row) bool    { return !c.a.holds(v, r) }

// or reads conditions. Unlike most languages SOQL wants parentheses where AND
// and OR meet; they are asked for here as well.
func (p *soql) or() (condition, error) {
	left, err := p.unary()
	if err != nil {
		return nil, err
	}
	joint := ""
	for p.is("AND") || p.is("OR") {
		word := strings.ToUpper(p.peek().text)
		if joint != "" && joint != word {
			return nil, p.unexpected()
		}
		joint = word
		p.at++
		right, err := p.unary()
		if err != nil {
			return nil, err
		}
		if word == "AND" {
			left = both{left, right}
		} else {
			left = either{left, right}
		}
	}
	return left, nil
}

func (p *soql) unary() (condition, error) {
	switch {
	case p.word("NOT"):
		c, err := p.unary()
		return not{c}, err
	case p.peek().kind == '(':
		p.at++
		c, err := p.or()
		if err == nil && p.next().kind != ')' {
			p.at--
			err = p.unexpected()
		}
		return c, err
	}
	return p.comparison()
}

func (p *soql) comparison() (condition, error) {
	t := p.peek()
	col, err := p.column()
	if err != nil {
		return nil, err
	}
	if !col.field.Filterable {
		return nil, p.wrong("INVALID_FIELD", t, "field '"+col.field.Name+"' can not be filtered in a query call")
	}
	c := &comparison{column: col}
	if c.operator, err = p.operator(); err != nil {
		return nil, err
	}
	if strings.HasSuffix(c.operator, "IN") {
		return c, p.list(c)
	}
	return c, p.operand(c)
}

func (p *soql) operator() (string, error) {
	t := p.next()
	switch word := strings.ToUpper(t.text); word {
	case "=", "!=", "<", "<=", ">", ">=", "LIKE", "IN":
		return word, nil
	case "<>":
		return "!=", nil
	case "NOT":
		if p.word("IN") {
			return "NOT IN", nil
		}
	}
	p.at--
	return "", p.unexpected()
}

func (p *soql) list(c *comparison) error {
	if p.next().kind != '(' {
		p.at--
		return p.unexpected()
	}
	for {
		if err := p.operand(c); err != nil {
			return err
		}
		t := p.next()
		if t.kind == ')' {
			return nil
		}
		if t.kind != ',' {
			p.at--
			return p.unexpected()
		}
	}
}

// operand reads a literal of the field's type.
func (p *soql) operand(c *comparison) error {
	t := p.next()
	value, ok := literal(c.field, t)
	if !ok {
		p.at--
		return p.wrong("INVALID_FIELD", t, "value of filter criterion for field '"+c.field.Name+"' must be of type "+
			strings.TrimPrefix(c.field.SoapType, "xsd:")+" and should not be enclosed in quotes")
	}
	c.values = append(c.values, value)
	if c.operator == "LIKE" {
		c.like = likePattern(value)
	} else {
		c.values[len(c.values)-1] = plain(value)
	}
	return nil
}

// literal turns a token into the text form of the field's type; null is "".
func literal(f *field, t token) (string, bool) {
	if t.kind == 'w' && strings.EqualFold(t.text, "null") {
		return "", true
	}
	switch f.SoapType {
	case "xsd:boolean":
		v := lower(t.text)
		return v, t.kind == 'w' && (v == "true" || v == "false")
	case "xsd:double", "xsd:int", "xsd:long":
		_, err := strconv.ParseFloat(t.text, 64)
		return t.text, t.kind == 'v' && err == nil
	case "xsd:date", "xsd:dateTime", "xsd:time":
		if t.kind == 'w' {
			return dateLiteral(f, t.text)
		}
		v, err := f.parse(t.text)
		return v, t.kind == 'v' && err == nil && (f.Type != "datetime" || len(t.text) > len(time.DateOnly))
	case "tns:ID":
		if id, ok := longID(t.text); ok {
			return id, t.kind == 's'
		}
		return t.text, t.kind == 's' && t.text == ""
	}
	return t.text, t.kind == 's'
}

// dateLiteral reads the day-wise date literals, in UTC.
func dateLiteral(f *field, word string) (string, bool) {
	name, count, _ := strings.Cut(strings.ToUpper(word), ":")
	n, _ := strconv.Atoi(count)
	days, ok := map[string]int{"TODAY": 0, "YESTERDAY": -1, "TOMORROW": 1, "LAST_N_DAYS": -n, "NEXT_N_DAYS": n}[name]
	day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, days)
	if f.Type == "date" {
		return day.Format(time.DateOnly), ok
	}
	return day.Format(stampLayout), ok
}

// likePattern turns % and _ into an expression; \% and \_ stand for themselves.
func likePattern(s string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("(?is)^")
	escaped := false
	for _, c := range s {
		switch {
		case c == '\\' && !escaped:
			escaped = true
			continue
		case c == '%' && !escaped:
			b.WriteString(".*")
		case c == '_' && !escaped:
			b.WriteString(".")
		default:
			if escaped && c != '%' && c != '_' {
				b.WriteString(`\\`)
			}
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
		escaped = false
	}
	return regexp.MustCompile(b.String() + "$")
}

// plain removes the backslashes that only LIKE has a use for.
func plain(s string) string { return strings.NewReplacer(`\%`, "%", `\_`, "_").Replace(s) }

// holds compares. A null is equal to null only, differs from all else, and is
// neither less nor greater than anything.
func (c *comparison) holds(v *view, r *row) bool {
	value := v.value(r, c.column)
	switch c.operator {
	case "=", "IN":
		return c.any(value)
	case "!=", "NOT IN":
		return !c.any(value)
	case "LIKE":
		return c.like.MatchString(value)
	}
	if value == "" || c.values[0] == "" {
		return false
	}
	order := compare(c.field, value, c.values[0])
	switch c.operator {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

func (c *comparison) any(value string) bool {
	for _, want := range c.values {
		if value == want || value != "" && want != "" && compare(c.field, value, want) == 0 {
			return true
		}
	}
	return false
}

// compare orders two values of a field: numbers by size, ids by their exact
// characters, texts without regard to case.
func compare(f *field, a, b string) int {
	switch f.SoapType {
	case "xsd:double", "xsd:int", "xsd:long":
		x, _ := strconv.ParseFloat(a, 64)
		y, _ := strconv.ParseFloat(b, 64)
		return cmp.Compare(x, y)
	case "xsd:string":
		return strings.Compare(lower(a), lower(b))
	}
	return strings.Compare(a, b)
}
