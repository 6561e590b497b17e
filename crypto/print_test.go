package crypto_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"
	"text/template"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/sfsync/sfsync-go/crypto"
)

const marker = "Xq7Lovelace7qX"

// leaky is what the probes must find, so that they are known to look.
type leaky struct{ text []byte }

// TestPrintsNothing prints everything that holds plaintext or a key in every
// way that programs print, and searches for both.
func TestPrintsNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	v := e.seal(field(1, "LastName"), marker)
	plain, err := e.opener().Open(t.Context(), crypto.Use{Object: "Contact", Record: v.Field.Record, Fields: []string{"LastName"}}, v)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := plain[0].Reveal(); text != marker {
		t.Fatalf("revealed %q", text)
	}
	b := e.begin()
	secrets := forms([]byte(marker), rawKey(t, e, v.Person))
	for name, value := range map[string]any{
		"plaintext": plain[0], "plaintexts": plain, "subject": e.subject(b, contact(1)), "batch": b,
		"sealer": e.vault.Sealer(), "opener": e.opener(), "vault": e.vault, "key file": e.kek,
	} {
		for how, out := range probes(value) {
			for _, s := range secrets {
				if bytes.Contains(out, s) {
					t.Errorf("%s printed by %s shows %q: %.200q", name, how, s, out)
				}
			}
		}
	}
	if got := fmt.Sprintf("%v %+v %#v %s %q %x", plain[0], plain[0], plain[0], plain[0], plain[0], plain[0]); got != strings.TrimSpace(strings.Repeat("[sealed] ", 6)) {
		t.Errorf("a plaintext prints as %q", got)
	}
	if got, err := json.Marshal(plain); err != nil || string(got) != `["[sealed]"]` {
		t.Errorf("a plaintext is %s in JSON, %v", got, err)
	}
	found := 0
	for _, out := range probes(leaky{[]byte(marker)}) {
		for _, s := range secrets {
			if bytes.Contains(out, s) {
				found++
				break
			}
		}
	}
	if found < 15 {
		t.Errorf("the probes find a plain []byte in %d ways only", found)
	}
}

// forms are the ways in which bytes are written out.
func forms(all ...[]byte) (out [][]byte) {
	for _, b := range all {
		b = b[:min(len(b), 12)]
		list, hexes := fmt.Sprint(b), fmt.Sprintf("%#v", b)
		out = append(out, b, []byte(hex.EncodeToString(b)), []byte(strings.ToUpper(hex.EncodeToString(b))),
			[]byte(base64.RawStdEncoding.EncodeToString(b)), []byte(strings.Trim(list, "[]")),
			[]byte(strings.ReplaceAll(strings.Trim(list, "[]"), " ", ",")),
			[]byte(strings.TrimSuffix(strings.TrimPrefix(hexes, "[]byte{"), "}")))
	}
	return out
}

// probes are the ways of printing, for the value and for what it is put into.
func probes(v any) map[string][]byte {
	out := map[string][]byte{}
	pointer := reflect.New(reflect.TypeOf(v))
	pointer.Elem().Set(reflect.ValueOf(v))
	for nest, v := range map[string]any{
		"itself": v, "pointer": pointer.Interface(), "slice": []any{v}, "map": map[string]any{"k": v}, "key": struct{ K any }{v},
		"unexported": struct{ k any }{v}, "deep": []any{map[string]any{"k": &struct{ K, k any }{v, v}}},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%U", "%t", "%e", "%p", "%T", "%w"} {
			out[nest+" "+verb] = fmt.Appendf(nil, verb, v)
		}
		for how, print := range map[string]func(any) ([]byte, error){
			"json": json.Marshal, "json v2": func(v any) ([]byte, error) { return jsonv2.Marshal(v) }, "xml": xml.Marshal,
			"gob": encodeGob, "slog text": logText, "slog json": logJSON, "template": execute, "panic": panicked, "cmp": diff,
		} {
			b, err := print(v)
			if err != nil { // an error shows what it could not print, now and then
				b = fmt.Appendf(b, " %v %+v", err, err)
			}
			out[nest+" "+how] = b
		}
	}
	return out
}

func encodeGob(v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

func logText(v any) ([]byte, error) {
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).With("w", v).Info("m", "k", v, slog.Group("g", "k", v))
	return b.Bytes(), nil
}

func logJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).With("w", v).Info("m", "k", v, slog.Group("g", "k", v))
	return b.Bytes(), nil
}

func execute(v any) ([]byte, error) {
	var b bytes.Buffer
	err := template.Must(template.New("").Parse(`{{.}} {{printf "%v %s %x" . . .}} {{print .}} {{html .}} {{js .}}`)).Execute(&b, v)
	return b.Bytes(), err
}

func panicked(v any) (b []byte, err error) {
	defer func() {
		b = fmt.Append(nil, recover(), string(debug.Stack()))
	}()
	panic(v)
}

func diff(v any) (b []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			b = fmt.Append(b, r)
		}
	}()
	all := cmp.Exporter(func(reflect.Type) bool { return true })
	return []byte(cmp.Diff(v, struct{}{}, all) + cmp.Diff(nil, v, all)), nil
}
