package access_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"
)

// What was revealed shows in nothing that prints it.
func TestRevealedPrintsNothing(t *testing.T) {
	t.Parallel()
	c := newCopy(t)
	got, err := c.guard.Reveal(t.Context(), ask("Email", "Tier__c"))
	must(t, err)
	for name, v := range map[string]any{"value": got, "pointer": &got, "slice": []any{got}, "map": map[string]any{"k": got}, "guard": c.guard} {
		var out bytes.Buffer
		for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d %T %p %t %e") {
			fmt.Fprintf(&out, verb, v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("", "v", v)
		json.NewEncoder(&out).Encode(v)
		xml.NewEncoder(&out).Encode(v)
		gob.NewEncoder(&out).Encode(v)
		template.Must(template.New("").Parse(`{{.}} {{printf "%#v" .}}`)).Execute(&out, v)
		func() {
			defer func() { fmt.Fprint(&out, recover()) }()
			panic(v)
		}()
		for _, secret := range []string{"ada@example.com", "61646140", "616461", "Gold"} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s prints %s", name, secret)
			}
		}
	}
	if s := fmt.Sprintf("%+v %#v", got, got); s != "[revealed] [revealed]" {
		t.Errorf("prints as %s", s)
	}
}
