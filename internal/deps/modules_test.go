package deps_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// required are the modules that an importer gets with this one, apart from what
// these need: no cloud's SDK and no message broker. Those are in nested modules.
var required = []string{
	"github.com/cenkalti/backoff/v4",
	"github.com/go-json-experiment/json",
	"github.com/goccy/go-yaml",
	"github.com/google/go-cmp", // tests
	"github.com/ncruces/go-sqlite3",
	"github.com/simpleforce/simpleforce",
	"github.com/tink-crypto/tink-go/v2",
	"github.com/twmb/avro",
	"golang.org/x/sync",
	"golang.org/x/sys",
	"golang.org/x/time",
	"google.golang.org/grpc",
	"google.golang.org/protobuf",
}

// cloud is in the path of a module that speaks to one.
var cloud = regexp.MustCompile(`aws|azure|cloud\.google|google\.golang\.org/api|gcpkms|hashicorp|hcvault`)

func TestModules(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^\s+(\S+) v\S+( // indirect)?$`)
	var direct []string
	for _, m := range line.FindAllStringSubmatch(string(text), -1) {
		if cloud.MatchString(m[1]) {
			t.Errorf("%s belongs into a nested module", m[1])
		}
		if m[2] == "" {
			direct = append(direct, m[1])
		}
	}
	if slices.Sort(direct); !slices.Equal(direct, required) {
		t.Errorf("go.mod requires %v, the table has %v", direct, required)
	}
}
