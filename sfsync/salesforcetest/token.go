package salesforcetest

import (
	"strconv"
	"strings"
)

type token struct {
	kind rune // 'w' word, 's' string, 'v' number or date, or the sign itself; 0 at the end
	text string
	pos  int
}

// scan cuts the text into tokens.
func (p *soql) scan() error {
	for i := 0; i < len(p.text); {
		start := i
		switch c := p.text[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case c == '\'':
			value, n := unquote(p.text[i:])
			if n == 0 {
				return refuse(400, "MALFORMED_QUERY", "line 1:"+strconv.Itoa(i)+" mismatched character '<EOF>' expecting '''")
			}
			p.tokens = append(p.tokens, token{'s', value, start})
			i += n
			continue
		case letter(c):
			for i < len(p.text) && (letter(p.text[i]) || digit(p.text[i]) || p.text[i] == '.' || p.text[i] == ':') {
				i++
			}
			p.tokens = append(p.tokens, token{'w', p.text[start:i], start})
		case digit(c) || (c == '-' || c == '+' || c == '.') && i+1 < len(p.text) && digit(p.text[i+1]):
			for i++; i < len(p.text) && (letter(p.text[i]) || digit(p.text[i]) || strings.IndexByte(".:+-", p.text[i]) >= 0); i++ {
			}
			p.tokens = append(p.tokens, token{'v', p.text[start:i], start})
		default:
			i++
			if i < len(p.text) && (c == '!' || c == '<' || c == '>') && (p.text[i] == '=' || c == '<' && p.text[i] == '>') {
				i++
			}
			p.tokens = append(p.tokens, token{rune(c), p.text[start:i], start})
		}
	}
	p.tokens = append(p.tokens, token{0, "<EOF>", len(p.text)}, token{0, "<EOF>", len(p.text)}, token{0, "<EOF>", len(p.text)})
	return nil
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// unquote reads a string literal and how long it was, 0 if it does not end.
// LIKE needs to know an escaped wildcard, so \% and \_ keep the backslash.
func unquote(s string) (value string, size int) {
	escapes := map[byte]string{'n': "\n", 'r': "\r", 't': "\t", 'b': "\b", 'f': "\f", '"': `"`, '\'': "'", '\\': `\`, '%': `\%`, '_': `\_`}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\'':
			return b.String(), i + 1
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteString(escapes[s[i]])
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 0
}
