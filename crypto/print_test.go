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
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"text/template"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"

	"github.com/sfsync/sfsync-go/crypto"
)

const marker = "Xq7Lovelace7qX"

// leaky is what the probes must find, so that they are known to look.
type leaky struct{ text []byte }

// TestPrintsNothing prints everything that holds plaintext or a key in every
// way that programs print, and searches for all of these.
func TestPrintsNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.ensure(crypto.EmailIndex)
	v := e.seal(field(1, "LastName"), marker)
	o := e.opener()
	plain, err := o.Open(t.Context(), crypto.Use{Object: "Contact", Record: v.Field.Record, Fields: []string{"LastName"}}, v)
	must(t, err)
	if text, _ := plain[0].Reveal(); text != marker {
		t.Fatalf("revealed %q", text)
	}
	b := e.begin()
	holders, err := e.keys.Keys(t.Context(), []crypto.Person{v.Person}, nil)
	must(t, err)
	secrets := e.secrets(v.Person)
	crypto.StopAging(e.vault) // what prints takes no lock, and may take a minute
	if crypto.Remembered(e.vault) == 0 {
		t.Fatal("there is no key in memory that could be printed")
	}
	for name, value := range map[string]any{
		"plaintext": plain[0], "plaintexts": plain, "subject": e.subject(b, contact(1)), "batch": b,
		"sealer": e.vault.Sealer(), "opener": o, "vault": e.vault, "key file": e.kek,
		"search": crypto.NewSearch(crypto.EmailIndex, marker), "holder": holders[0], "person's key": holders[0].Keys[0],
		"entries": b.Entries(nil, e.subject(b, contact(1)), field(1, "Email"), crypto.EmailIndex, []byte(marker)),
	} {
		for how, out := range probes(value) {
			for whose, s := range secrets {
				if i := slices.IndexFunc(s, func(form []byte) bool { return bytes.Contains(out, form) }); i >= 0 {
					t.Errorf("%s printed by %s shows the %s as %q: %.200q", name, how, whose, s[i], out)
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
}

// TestProbesSee: the probes find what hides nothing in many ways, and the walk in
// every nesting.
func TestProbesSee(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{"bytes": leaky{[]byte(marker)}, "string": struct{ s string }{marker}, "array": &struct{ a [14]byte }{[14]byte([]byte(marker))}} {
		found, walked := 0, 0
		for how, out := range probes(value) {
			if slices.ContainsFunc(forms([]byte(marker)), func(form []byte) bool { return bytes.Contains(out, form) }) {
				found++
				if strings.HasSuffix(how, " walk") {
					walked++
				}
			}
		}
		if found < 15 || walked != 7 {
			t.Errorf("the probes find %s in %d ways only, and the walk in %d of 7", name, found, walked)
		}
	}
}

// secrets are the forms of the plaintext and of every key above it.
func (e *env) secrets(p crypto.Person) map[string][][]byte {
	e.Helper()
	out := map[string][][]byte{"plaintext": forms([]byte(marker)), "person's key": forms(rawKey(e, e, p))}
	text, err := os.ReadFile(filepath.Join(e.dir, "kek", "kek.json"))
	must(e, err)
	kek, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	must(e, err)
	out["key-encryption key"] = forms(material(e, kek))
	keysets, err := e.vault.Keysets(e.Context())
	must(e, err)
	for _, k := range keysets {
		h, err := keyset.ReadWithContext(e.Context(), keyset.NewBinaryReader(bytes.NewReader(k.Sealed)), e.kek, tuple("sfsync/keyset/1", orgA, k.Use, k.Version))
		must(e, err)
		out[k.Use+" key"] = forms(material(e, h))
	}
	if len(out) != 6 {
		e.Fatalf("there are %d secrets, want 6", len(out))
	}
	return out
}

// material is the primary key of a keyset.
func material(t testing.TB, h *keyset.Handle) []byte {
	t.Helper()
	entry, err := h.Primary()
	must(t, err)
	return entry.Key().(interface{ KeyBytes() secretdata.Bytes }).KeyBytes().Data(insecuresecretdataaccess.Token{})
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
			"gob": encodeGob, "slog text": logText, "slog json": logJSON, "template": execute, "panic": panicked, "cmp": diff, "walk": walk,
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
