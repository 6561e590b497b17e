package vectors_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"

	"github.com/sfsync/sfsync-go/crypto/internal/gcm"
	"github.com/sfsync/sfsync-go/crypto/internal/mac"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// file is a file of vectors, in Wycheproof's schemas for AEAD, MAC and HKDF tests.
type file struct {
	NumberOfTests int
	TestGroups    []struct {
		KeySize, IVSize, TagSize int // in bits
		Tests                    []vector
	}
}

type vector struct {
	TcID                       int
	Comment                    string
	Key, IV, AAD, Msg, CT, Tag hexed
	IKM, Salt, Info, OKM       hexed // of HKDF, with the size in bytes
	Size                       int
	Result                     string
}

func (v vector) valid() bool { return v.Result == "valid" }

type hexed []byte

func (h *hexed) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func load(t *testing.T, name string) file {
	t.Helper()
	data, err := fs.ReadFile(wycheproof.TestVectors, name)
	var f file
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err != nil || f.NumberOfTests == 0 {
		t.Fatalf("%s has %d vectors, %v", name, f.NumberOfTests, err)
	}
	return f
}

// TestAESGCM opens every vector in the format of a sealed value. A key or a
// nonce of another size than ours must be refused, whatever it is with others.
func TestAESGCM(t *testing.T) {
	t.Parallel()
	f := load(t, "aes_gcm_test.json")
	opened, refused := 0, 0
	for _, group := range f.TestGroups {
		for _, v := range group.Tests {
			key, err := gcm.New(7, v.Key)
			if group.KeySize != 8*gcm.KeyLen {
				if refused++; fault.CodeOf(err) != fault.FormatUnknown {
					t.Errorf("vector %d (%s): a key of %d bits: %v", v.TcID, v.Comment, group.KeySize, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			plain, err := key.Open([]byte("before"), sealed(7, v), v.AAD)
			if v.valid() && group.IVSize == 96 {
				if opened++; err != nil || string(plain) != "before"+string(v.Msg) {
					t.Errorf("vector %d (%s): opened %x, %v; want %x", v.TcID, v.Comment, plain, err, v.Msg)
				}
				again, err := key.Open(nil, key.Seal(nil, v.Msg, v.AAD), v.AAD)
				if err != nil || !bytes.Equal(again, v.Msg) {
					t.Errorf("vector %d (%s): sealed again it opens as %x, %v", v.TcID, v.Comment, again, err)
				}
			} else if refused++; fault.CodeOf(err) != fault.Tampered || plain != nil {
				t.Errorf("vector %d (%s): opened %x, %v; want %s", v.TcID, v.Comment, plain, err, fault.Tampered)
			}
		}
	}
	if opened != 39 || opened+refused != f.NumberOfTests {
		t.Errorf("%d vectors opened and %d were refused, of %d", opened, refused, f.NumberOfTests)
	}
}

func sealed(id uint32, v vector) []byte {
	out := binary.BigEndian.AppendUint32([]byte{1}, id)
	return append(append(append(out, v.IV...), v.CT...), v.Tag...)
}

// TestHMAC computes every vector. Tags that are cut short are found at the
// beginning of ours, and are no sum of ours.
func TestHMAC(t *testing.T) {
	t.Parallel()
	f := load(t, "hmac_sha256_test.json")
	n := 0
	for _, group := range f.TestGroups {
		for _, v := range group.Tests {
			n++
			key, err := mac.New(v.Key)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second with the state of the first
				sum := key.Sum(v.Msg)
				if bytes.Equal(sum[:group.TagSize/8], v.Tag) != v.valid() {
					t.Errorf("vector %d (%s): %x, which is %s", v.TcID, v.Comment, sum, v.Result)
				}
			}
			if whole := group.TagSize == 256; key.Equal(v.Msg, v.Tag) != (v.valid() && whole) {
				t.Errorf("vector %d (%s): Equal says %v", v.TcID, v.Comment, !v.valid())
			}
		}
	}
	if n != f.NumberOfTests {
		t.Errorf("%d vectors, want %d", n, f.NumberOfTests)
	}
}

// TestHKDF computes every vector with the standard library, and with our HMAC,
// which takes no salt for a key that is shorter than its keys are. RFC 5869,
// section 2.2: no salt is one of zeros.
func TestHKDF(t *testing.T) {
	t.Parallel()
	f := load(t, "hkdf_sha256_test.json")
	derived, refused, short := 0, 0, 0
	for _, group := range f.TestGroups {
		for _, v := range group.Tests {
			out, err := hkdf.Key(sha256.New, v.IKM, v.Salt, string(v.Info), v.Size)
			if !v.valid() {
				if refused++; err == nil {
					t.Errorf("vector %d (%s): %d bytes were derived", v.TcID, v.Comment, v.Size)
				}
				continue
			}
			if derived++; err != nil || !bytes.Equal(out, v.OKM) {
				t.Errorf("vector %d (%s): %x, %v; want %x", v.TcID, v.Comment, out, err, v.OKM)
			}
			if len(v.Salt) == 0 {
				v.Salt = make([]byte, sha256.Size)
			}
			if len(v.Salt) < mac.MinKeyLen {
				if _, err := mac.New(v.Salt); err == nil {
					t.Errorf("vector %d (%s): %d bytes are a key", v.TcID, v.Comment, len(v.Salt))
				}
				short++
				continue
			}
			if out := derive(t, v); !bytes.Equal(out, v.OKM) {
				t.Errorf("vector %d (%s): with our HMAC %x, want %x", v.TcID, v.Comment, out, v.OKM)
			}
		}
	}
	if refused != 3 || short != 2 || derived+refused != f.NumberOfTests {
		t.Errorf("%d vectors were derived, %d of these with a short salt, and %d refused, of %d", derived, short, refused, f.NumberOfTests)
	}
}

// derive is HKDF (RFC 5869, sections 2.2 and 2.3) upon our HMAC.
func derive(t *testing.T, v vector) (out []byte) {
	t.Helper()
	extract, err := mac.New(v.Salt)
	if err != nil {
		t.Fatal(err)
	}
	sum := extract.Sum(v.IKM)
	expand, err := mac.New(sum[:])
	if err != nil {
		t.Fatal(err)
	}
	var block []byte
	for i := byte(1); len(out) < v.Size; i++ {
		sum := expand.Sum(slices.Concat(block, v.Info, []byte{i}))
		block = sum[:]
		out = append(out, block...)
	}
	return out[:v.Size]
}

// TestNoKeyIsDerived: no package of ours has use for HKDF.
func TestNoKeyIsDerived(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "list", "-f", `{{range .Imports}}{{$.ImportPath}} {{.}}{{"\n"}}{{end}}`, "./...")
	cmd.Dir = "../../.."
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), "crypto/hmac") {
		t.Fatalf("the imports cannot be listed: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if _, imported, _ := strings.Cut(line, " "); strings.Contains(imported, "hkdf") || strings.Contains(imported, "pbkdf2") {
			t.Errorf("%s: the library derives no key; a derived one cannot be destroyed", strings.TrimSpace(line))
		}
	}
}

// TestFIPS plays the vectors again where only approved algorithms run.
func TestFIPS(t *testing.T) {
	if strings.Contains(os.Getenv("GODEBUG"), "fips140=") {
		t.Skip("this process is the child")
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run", "^(TestAESGCM|TestHMAC|TestHKDF)$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	if out, err := cmd.CombinedOutput(); err != nil || strings.Count(string(out), "--- PASS") != 3 {
		t.Errorf("under fips140=only: %v\n%s", err, out)
	}
}
