package tinkv1_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/tink/go/aead"
	"github.com/google/tink/go/insecurecleartextkeyset"
	"github.com/google/tink/go/keyset"
	"github.com/google/tink/go/prf"
	gcmpb "github.com/google/tink/go/proto/aes_gcm_go_proto"
	tinkpb "github.com/google/tink/go/proto/tink_go_proto"
	"github.com/google/tink/go/tink"
	"google.golang.org/protobuf/proto"

	"github.com/sfsync/sfsync-go/internal/tinkv1/exchange"
)

// program is our side, built.
var program string

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tinkv1")
	if err == nil {
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "ours")
		cmd := exec.Command("go", "build", "-o", program, "./ours")
		cmd.Stderr = os.Stderr
		err = cmd.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "our side cannot be built:", err)
		return 1
	}
	return m.Run()
}

// ask runs our side.
func ask(t *testing.T, what string, in, out any) {
	t.Helper()
	var stdin, stderr bytes.Buffer
	must(t, json.NewEncoder(&stdin).Encode(in))
	cmd := exec.Command(program, what)
	cmd.Stdin, cmd.Stderr = &stdin, &stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("our side: %v\n%s", err, stderr.Bytes())
	}
	must(t, json.Unmarshal(text, out))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// primitive is Tink's AEAD over a keyset.
func primitive(t *testing.T, h *keyset.Handle) tink.AEAD {
	t.Helper()
	a, err := aead.New(h)
	must(t, err)
	return a
}

// personKey is the AEAD of a person's raw key.
func personKey(t *testing.T, raw []byte, id uint32) tink.AEAD {
	t.Helper()
	key, err := proto.Marshal(&gcmpb.AesGcmKey{KeyValue: raw})
	must(t, err)
	return primitive(t, insecurecleartextkeyset.KeysetHandle(&tinkpb.Keyset{PrimaryKeyId: id, Key: []*tinkpb.Keyset_Key{{
		KeyId: id, Status: tinkpb.KeyStatusType_ENABLED, OutputPrefixType: tinkpb.OutputPrefixType_TINK,
		KeyData: &tinkpb.KeyData{TypeUrl: "type.googleapis.com/google.crypto.tink.AesGcmKey", Value: key,
			KeyMaterialType: tinkpb.KeyData_SYMMETRIC}}}}))
}

func read(t *testing.T, form string, data []byte, kek tink.AEAD, place []byte) *keyset.Handle {
	t.Helper()
	var h *keyset.Handle
	var err error
	switch r := bytes.NewReader(data); form {
	case exchange.Binary:
		h, err = insecurecleartextkeyset.Read(keyset.NewBinaryReader(r))
	case exchange.JSON:
		h, err = insecurecleartextkeyset.Read(keyset.NewJSONReader(r))
	case exchange.EncryptedBinary:
		h, err = keyset.ReadWithAssociatedData(keyset.NewBinaryReader(r), kek, place)
	case exchange.EncryptedJSON:
		h, err = keyset.ReadWithAssociatedData(keyset.NewJSONReader(r), kek, place)
	default:
		t.Fatalf("the form %q is not known", form)
	}
	must(t, err)
	return h
}

func write(t *testing.T, form string, h *keyset.Handle, kek tink.AEAD, place []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch form {
	case exchange.Binary:
		err = insecurecleartextkeyset.Write(h, keyset.NewBinaryWriter(&b))
	case exchange.JSON:
		err = insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b))
	case exchange.EncryptedBinary:
		err = h.WriteWithAssociatedData(keyset.NewBinaryWriter(&b), kek, place)
	case exchange.EncryptedJSON:
		err = h.WriteWithAssociatedData(keyset.NewJSONWriter(&b), kek, place)
	}
	must(t, err)
	return b.Bytes()
}

var forms = []string{exchange.Binary, exchange.JSON, exchange.EncryptedBinary, exchange.EncryptedJSON}

// TestTinkOpensOurs goes from our key file to a value with nothing but version 1
// and the documentation.
func TestTinkOpensOurs(t *testing.T) {
	t.Parallel()
	var c exchange.Copy
	ask(t, "seal", nil, &c)
	kek := primitive(t, read(t, exchange.JSON, c.KEK, nil, nil))
	c.Forms["as stored"] = c.Branch.Sealed
	for name, data := range c.Forms {
		form := name
		if name == "as stored" {
			form = exchange.EncryptedBinary
		}
		branch := primitive(t, read(t, form, data, kek, c.BranchPlace()))
		raw, err := branch.Decrypt(c.Key.Wrapped, c.KeyPlace())
		if err != nil {
			t.Errorf("%s: the person's key does not open: %v", name, err)
			continue
		}
		key := personKey(t, raw, c.Key.ID)
		plain, err := key.Decrypt(c.Value.Bytes, c.ValuePlace())
		if want := "\x01\x08Lovelace\x00\x00\x00\x00\x00\x00"; err != nil || string(plain) != want {
			t.Errorf("%s: opened %q, %v; want %q", name, plain, err, want)
		}
		if plain, err := key.Decrypt(c.Value.Bytes, c.KeyPlace()); err == nil {
			t.Errorf("%s: opened %q at another place", name, plain)
		}
		if rest, err := branch.Decrypt(c.Branch.Proof, c.Proven("branch")); err != nil || len(rest) != 0 {
			t.Errorf("%s: the proof opens as %x, %v", name, rest, err)
		}
	}
	sum := prove(t, read(t, exchange.EncryptedBinary, c.Suppression.Sealed, kek, c.SuppressionPlace()), c.Proven("suppression"))
	if !bytes.Equal(sum, c.Suppression.Proof) {
		t.Errorf("the proof of the suppression keyset is %x, want %x", c.Suppression.Proof, sum)
	}
	index := read(t, exchange.EncryptedBinary, c.Index.Sealed, kek, c.IndexPlace())
	if sum := prove(t, index, c.Proven("index:email")); !bytes.Equal(sum, c.Index.Proof) {
		t.Errorf("the proof of the index keyset is %x, want %x", c.Index.Proof, sum)
	}
	if sum := prove(t, index, c.Indexed()); !bytes.Equal(sum[:16], c.Digest) {
		t.Errorf("the digest of the e-mail address is %x, want %x", c.Digest, sum[:16])
	}
	if _, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(c.Branch.Sealed)), kek, c.SuppressionPlace()); err == nil {
		t.Error("the branch keyset opens at another place")
	}
}

func prove(t *testing.T, h *keyset.Handle, data []byte) []byte {
	t.Helper()
	set, err := prf.NewPRFSet(h)
	must(t, err)
	sum, err := set.ComputePrimaryPRF(data, 32)
	must(t, err)
	return sum
}

// TestOursOpensTinks gives our side a key file, keysets, a person's key and a
// value that version 1 has made; the key file and the branch keyset have two
// keys, and the older one has sealed what lies below.
func TestOursOpensTinks(t *testing.T) {
	t.Parallel()
	c := exchange.Copy{Org: "00D000000000001EAA", Key: exchange.Key{Person: [16]byte{1, 15: 2}, ID: 0xfffefdfc}, Forms: map[string][]byte{}}
	c.Value = exchange.Value{Object: "Contact", Record: "003000000000001AAA", Name: "LastName", Text: "Babbage"}
	kekKeys, kek, _ := rotated(t)
	c.KEK = write(t, exchange.JSON, kekKeys, nil, nil)
	branchKeys, older, newer := rotated(t)
	for _, form := range forms {
		c.Forms[form] = write(t, form, branchKeys, kek, c.BranchPlace())
	}
	suppression, err := keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate())
	must(t, err)
	c.Suppression = exchange.Keyset{Sealed: write(t, exchange.EncryptedBinary, suppression, kek, c.SuppressionPlace()),
		Proof: prove(t, suppression, c.Proven("suppression"))}
	index, err := keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate())
	must(t, err)
	c.Index = exchange.Keyset{Sealed: write(t, exchange.EncryptedBinary, index, kek, c.IndexPlace()), Proof: prove(t, index, c.Proven("index:email"))}
	c.Email = "ben@example.com"
	c.Digest = prove(t, index, c.Indexed())[:16]
	c.Branch.Proof, err = newer.Encrypt(nil, c.Proven("branch"))
	must(t, err)
	raw := make([]byte, 32)
	rand.Read(raw)
	c.Key.Wrapped, err = older.Encrypt(raw, c.KeyPlace())
	must(t, err)
	c.Value.Bytes, err = personKey(t, raw, c.Key.ID).Encrypt([]byte("\x01\x07Babbage\x00\x00\x00\x00\x00\x00\x00"), c.ValuePlace())
	must(t, err)

	var texts map[string]string
	ask(t, "open", c, &texts)
	for _, form := range forms {
		if texts[form] != c.Value.Text {
			t.Errorf("with the %s keyset ours opens %q, want %q", form, texts[form], c.Value.Text)
		}
	}
}

// rotated makes a keyset with two AES256_GCM keys, and the primitive from before
// and from after the second one came.
func rotated(t *testing.T) (h *keyset.Handle, older, newer tink.AEAD) {
	t.Helper()
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	must(t, err)
	older = primitive(t, h)
	m := keyset.NewManagerFromHandle(h)
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	must(t, err)
	must(t, m.SetPrimary(id))
	h, err = m.Handle()
	must(t, err)
	return h, older, primitive(t, h)
}
