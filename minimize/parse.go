package minimize

import (
	"errors"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// maxPolicy bounds a policy file, in bytes. One with all 900 fields of 50 objects
// has some 2 MB.
const maxPolicy = 4 << 20

// ParseFile reads a policy from a YAML file; see [Parse].
func ParseFile(path string) (*Policy, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fault.New(fault.ConfigInvalid, "minimize.ParseFile", "the policy file does not exist; check its path")
	case err != nil:
		return nil, fault.Wrap(err, fault.ConfigInvalid, "minimize.ParseFile", "the policy file cannot be read; check its permissions")
	}
	return Parse(text)
}

// Parse reads a policy from YAML and validates it. It is strict: keys that it does
// not know, keys given twice, anchors, tags and further documents are errors.
// Fields are a map, in which those without settings need no value, or a list:
//
//	version: 1
//	purposes: {support: "answer a customer"}
//	objects:
//	  Contact:
//	    purpose: [support]
//	    person: [Id]
//	    plain: [AccountId, CreatedDate]
//	    personal: {FirstName, LastName, Email: {find: email}}
//
// The error is fault.PolicyInvalid and has the line and column.
func Parse(text []byte) (*Policy, error) {
	if len(text) > maxPolicy {
		return nil, fault.New(fault.PolicyInvalid, parsing, "the policy is larger than 4 MiB; list fewer fields")
	}
	if tooDeep(text) {
		return nil, fault.New(fault.PolicyInvalid, parsing, "the policy nests too deeply; compare it with the example in the documentation")
	}
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntax(err)
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, fault.New(fault.PolicyInvalid, parsing, "the file must hold one YAML document, the policy")
	}
	p := new(Policy)
	r := reader{places: places{}}
	r.policy(file.Docs[0].Body, p)
	if r.err != nil {
		return nil, r.err
	}
	if err := p.validate(r.places); err != nil {
		return nil, err
	}
	return p, nil
}

// parsing is the operation that errors about a policy's form name.
const parsing = "minimize.Parse"

// tooDeep reports whether the text could make the parser, which recurses, nest
// hundreds of levels; a policy nests six.
func tooDeep(text []byte) bool {
	const deepest = 100
	depth, indent := 0, 0
	for _, c := range text {
		switch c {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ' ', '-', '?', ':', '!', '&':
			indent++
			if indent > 10*deepest {
				return true
			}
			continue
		}
		if depth > deepest {
			return true
		}
		indent = 0
	}
	return false
}

// syntax is the error for text that is not YAML. The parser's own message quotes
// the text, so only its place is kept.
func syntax(err error) *fault.Error {
	e := fault.New(fault.PolicyInvalid, parsing, "the text is not valid YAML here; check brackets, colons and indentation")
	var found *yaml.SyntaxError
	if !errors.As(err, &found) || found.Token == nil || found.Token.Position == nil {
		return e
	}
	if strings.HasPrefix(found.Token.Value, "*") {
		e = refuseName("*")
	}
	return e.At(found.Token.Position.Line, found.Token.Position.Column)
}

// place is a position in a file, counted from 1.
type place struct{ line, column int }

// places are the positions of the keys of a policy by path.
type places map[string]place

// find is the place of a path, or of what contains it.
func (p places) find(path string) (place, bool) {
	for {
		if at, ok := p[path]; ok {
			return at, true
		}
		i := strings.LastIndexByte(path, '/')
		if i < 0 {
			return place{}, false
		}
		path = path[:i]
	}
}

func placeOf(n ast.Node) place {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return place{1, 1}
	}
	at := n.GetToken().Position
	return place{at.Line, at.Column}
}
