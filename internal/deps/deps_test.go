// Package deps_test holds the import policy: which package of this module may
// import which. It is a statement of policy; changing the table is a decision.
// The rule it keeps: data and imports flow one way, and minimize and crypto
// never meet, so that each can be audited alone.
package deps_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/sfsync/sfsync-go/"

// allowed lists what a package may import of this module, tests aside.
var allowed = map[string][]string{
	// 0: nothing of ours but fault and record ids, which hold no data.
	"sfsync/fault":      {},
	"internal/recordid": {},
	"internal/pubsubpb": {},
	"internal/avro":     {"sfsync/fault"},
	"internal/bubble":   {},

	// 1: decide, protect, record, repeat; and the test org, which shares no
	// code with the client it is to test.
	"minimize":              {"internal/avro", "internal/recordid", "sfsync/fault"},
	"crypto":                {"crypto/internal/gcm", "crypto/internal/mac", "internal/recordid", "sfsync/fault"},
	"crypto/internal/gcm":   {"sfsync/fault"},
	"crypto/internal/mac":   {"sfsync/fault"},
	"sfsync/audit":          {"sfsync/fault"},
	"internal/retry":        {"sfsync/fault"},
	"sfsync/salesforcetest": {"internal/pubsubpb"},

	// 2
	"crypto/filekek":    {"crypto", "crypto/internal/gcm", "sfsync/fault"},
	"crypto/cryptotest": {"crypto", "internal/recordid", "sfsync/fault"},
	"sfsync/salesforce": {"internal/retry", "internal/recordid", "sfsync/fault"},
	"sfsync/store":      {"crypto", "sfsync/audit", "sfsync/fault"},

	// 3
	"sfsync/salesforce/rest":   {"sfsync/salesforce", "internal/retry", "internal/recordid", "sfsync/fault"},
	"sfsync/salesforce/bulk":   {"sfsync/salesforce", "internal/retry", "sfsync/fault"},
	"sfsync/salesforce/pubsub": {"sfsync/salesforce", "internal/pubsubpb", "sfsync/fault"},
	"sfsync/store/sqlite":      {"sfsync/store", "crypto", "sfsync/audit", "sfsync/fault"},
	"sfsync/store/storetest":   {"internal/recordid", "sfsync/store", "crypto", "sfsync/audit", "sfsync/fault"},
	"sfsync/access":            {"internal/recordid", "minimize", "crypto", "sfsync/store", "sfsync/audit", "sfsync/fault"},

	// 4: the engine.
	"sfsync": {"minimize", "crypto", "internal/retry", "internal/recordid", "sfsync/fault", "sfsync/audit", "sfsync/store",
		"sfsync/salesforce", "sfsync/salesforce/rest", "sfsync/salesforce/bulk", "sfsync/salesforce/pubsub"},
}

func TestImports(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(strings.TrimPrefix(name, root), string(filepath.Separator)))
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && name != root || d.Name() == "testdata" || nested(name, root) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") || strings.HasPrefix(rel, "examples/") {
			return nil
		}
		pkg := path.Dir(rel)
		may, known := allowed[pkg]
		if !known && pkg != "internal" {
			t.Errorf("%s is not in the import policy: give it a line in internal/deps", pkg)
			return nil
		}
		seen[pkg] = true
		return check(t, name, pkg, may)
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range allowed {
		if !seen[pkg] {
			t.Errorf("the import policy names %s, which does not exist", pkg)
		}
	}
}

// nested reports whether a folder is a module of its own.
func nested(dir, root string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil && dir != root
}

func check(t *testing.T, file, pkg string, may []string) error {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		ours, ok := strings.CutPrefix(imported, module)
		if ok && !slices.Contains(may, ours) {
			t.Errorf("%s imports %s: the import policy does not allow it", pkg, ours)
		}
		// The test org gives net/http a logger that discards; nothing else has use for one.
		if imported == "log" && pkg != "sfsync/salesforcetest" || imported == "github.com/google/tink/go" {
			t.Errorf("%s imports %s, which no package of ours may", pkg, imported)
		}
	}
	return nil
}

// TestPolicyIsAcyclic keeps the table itself honest: layers only point down.
func TestPolicyIsAcyclic(t *testing.T) {
	state := map[string]int{}
	var visit func(pkg string) bool
	visit = func(pkg string) bool {
		switch state[pkg] {
		case 1:
			return false
		case 2:
			return true
		}
		state[pkg] = 1
		for _, next := range allowed[pkg] {
			if !visit(next) {
				t.Errorf("%s and %s import each other by way of the policy", pkg, next)
			}
		}
		state[pkg] = 2
		return true
	}
	for pkg := range allowed {
		visit(pkg)
	}
	if may := allowed["minimize"]; slices.Contains(may, "crypto") || slices.Contains(allowed["crypto"], "minimize") {
		t.Error("minimize and crypto must never meet")
	}
}

// TestNoShortcuts keeps transport shortcuts out of everything a user imports.
func TestNoShortcuts(t *testing.T) {
	forbidden := []string{"InsecureSkip" + "Verify: true", "http.Default" + "Client", "insecure.New" + "Credentials", "http.Default" + "Transport"}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, word := range forbidden {
			if strings.Contains(string(text), word) {
				t.Errorf("%s uses %s", name, word)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestBubbles: a test that stops the clock imports internal/bubble, which says why;
// those of two packages draw no random bytes meanwhile. Other than that it fails
// in FIPS mode, and only when Go happens to need fresh entropy.
func TestBubbles(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil || slices.Contains([]string{"internal/retry", "sfsync/salesforce"}, filepath.ToSlash(dir)) {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		imports := func(path string) bool {
			return slices.ContainsFunc(f.Imports, func(s *ast.ImportSpec) bool { return s.Path.Value == strconv.Quote(path) })
		}
		if imports("testing/synctest") && !imports(module+"internal/bubble") {
			t.Errorf("%s imports testing/synctest and not internal/bubble", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
