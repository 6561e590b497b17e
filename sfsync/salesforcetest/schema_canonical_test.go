package salesforcetest_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/salesforcetest"
)

// captured returns a file of the captures beside the checkout.
func captured(t testing.TB, name string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	data, err := os.ReadFile(filepath.Join(dir, "..", "shared", "data", name))
	if os.IsNotExist(err) {
		t.Skipf("the captures are not beside the checkout: %s is absent", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSchemaIDsOfLiveOrgs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ file, want string }{
		{"AccountChangeEvent.2023-05.avsc", "S3-K_S0GYegWTRZnKLjeag"},
		{"AccountChangeEvent.2023-07.avsc", "4egfTTaxua4Y39nYlBXfNg"},
		{"AccountChangeEvent.2026-02.matched.avsc", "i8wgJwwM-AVcDbFkbRl5Nw"},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			got, err := salesforcetest.SchemaID(captured(t, "captured-events/"+c.file))
			if err != nil || got != c.want {
				t.Errorf("id %s, %v; the org said %s", got, err, c.want)
			}
		})
	}
}

func TestSchemaID(t *testing.T) {
	t.Parallel()
	const plain = `{"type":"record","name":"A","namespace":"n","fields":[{"name":"x","type":["null","int"]}]}`
	for name, c := range map[string]struct {
		schema string
		same   bool
	}{
		"doc and default do not count":    {`{"doc":"d","type":"record","name":"A","namespace":"n","fields":[{"name":"x","type":["null","int"],"default":null,"doc":"d"}]}`, true},
		"a full name":                     {`{"type":"record","name":"n.A","fields":[{"name":"x","type":["null",{"type":"int"}]}]}`, true},
		"white space and order":           {"{ \"fields\":[{\"type\":[\"null\",\"int\"],\n\"name\":\"x\"}],\"namespace\":\"n\",\"name\":\"A\",\"type\":\"record\" }", true},
		"another type":                    {`{"type":"record","name":"A","namespace":"n","fields":[{"name":"x","type":["null","long"]}]}`, false},
		"another namespace":               {`{"type":"record","name":"A","namespace":"","fields":[{"name":"x","type":["null","int"]}]}`, false},
		"the order of a union's branches": {`{"type":"record","name":"A","namespace":"n","fields":[{"name":"x","type":["int","null"]}]}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, _ := salesforcetest.SchemaID([]byte(plain))
			got, err := salesforcetest.SchemaID([]byte(c.schema))
			if err != nil || (got == want) != c.same {
				t.Errorf("%s and %s, %v; want same: %v", got, want, err, c.same)
			}
		})
	}
	for _, bad := range []string{"", "{", "7", `{"type":"record","name":"A","fields":[1]}`} {
		if id, err := salesforcetest.SchemaID([]byte(bad)); err == nil {
			t.Errorf("%q has id %s; want an error", bad, id)
		}
	}
}

// FuzzSchemaID holds that the id does not depend on how the JSON is laid out.
func FuzzSchemaID(f *testing.F) {
	f.Add([]byte(`{"type":"record","name":"A","namespace":"n","fields":[{"name":"x","type":["null",{"type":"array","items":"int"}]}]}`))
	f.Add([]byte(`{"type":"enum","name":"n.E","symbols":["A","B"]}`))
	f.Add([]byte(`{"type":{"type":"map","values":"B"}}`))
	f.Add([]byte(`{"type":"fixed","name":"F","size":16}`))
	f.Fuzz(func(t *testing.T, schema []byte) {
		id, err := salesforcetest.SchemaID(schema)
		if err != nil {
			return
		}
		var laidOut bytes.Buffer
		if json.Indent(&laidOut, schema, "", "\t") != nil {
			return // more than one value
		}
		if again, err := salesforcetest.SchemaID(laidOut.Bytes()); err != nil || again != id || len(id) != 22 {
			t.Errorf("%s, laid out %s, %v", id, again, err)
		}
	})
}
