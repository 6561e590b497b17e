package sfsync_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// marker is in every personal value that the canary tests write and in every
// answer that they make up. It has letters of both cases and digits, so that
// neither a name nor an error code can look like it.
const marker = "Zq7Canary4Kx"

// search finds secrets in whatever form they got somewhere.
type search struct {
	sync.Mutex
	needles []needle
	known   map[string]bool
}

// needle is one secret in all its forms.
type needle struct {
	name  string
	forms map[string][]byte
}

func newSearch() *search {
	s := &search{known: map[string]bool{}}
	s.add("marker", marker)
	s.add("marker in lower case", strings.ToLower(marker)) // as e-mail addresses have it
	return s
}

// add makes a secret one that is searched for. Short ones would be found by
// chance.
func (s *search) add(name, secret string) {
	s.Lock()
	defer s.Unlock()
	if len(secret) < 10 || s.known[secret] {
		return
	}
	s.known[secret] = true
	s.needles = append(s.needles, needle{name, forms(secret)})
}

// forms are a secret as text and bytes, in hex, in base64 at each of the three
// places where it may stand in a longer text, and in UTF-16.
func forms(secret string) map[string][]byte {
	raw := []byte(secret)
	list := map[string][]byte{
		"plain": raw, "hex": []byte(hex.EncodeToString(raw)), "upper hex": []byte(strings.ToUpper(hex.EncodeToString(raw))),
		"UTF-16LE": wide(secret, 0), "UTF-16BE": wide(secret, 1),
		"bytes": []byte(strings.Trim(fmt.Sprint(raw), "[]")), // as %v prints a []byte
	}
	if quoted := strings.Trim(fmt.Sprintf("%q", secret), `"`); quoted != secret {
		list["quoted"] = []byte(quoted)
	}
	for shift := range 3 {
		list[fmt.Sprint("base64 at ", shift)] = inner(base64.StdEncoding, raw, shift)
		list[fmt.Sprint("base64url at ", shift)] = inner(base64.URLEncoding, raw, shift)
	}
	return list
}

func wide(text string, high int) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		pair := [2]byte{}
		pair[high], pair[1-high] = byte(u), byte(u>>8)
		b = append(b, pair[:]...)
	}
	return b
}

// inner is the base64 of a secret behind so many other bytes, without the
// characters at its ends that its neighbours have a part in.
func inner(e *base64.Encoding, raw []byte, shift int) []byte {
	text := e.WithPadding(base64.NoPadding).EncodeToString(append(make([]byte, shift), raw...))
	end := (shift + len(raw)) * 8 / 6
	return []byte(text[(shift*8+5)/6 : end])
}

// find says which secrets are in the bytes.
func (s *search) find(where string, hay []byte) (found []string) {
	s.Lock()
	needles := slices.Clone(s.needles)
	s.Unlock()
	for _, n := range needles {
		for form, text := range n.forms {
			if i := bytes.Index(hay, text); i >= 0 {
				found = append(found, fmt.Sprintf("%s has %s (%s): …%.120q", where, n.name, form, hay[max(0, i-60):min(len(hay), i+60)]))
			}
		}
	}
	return found
}

// files searches every file below a directory.
func (s *search) files(t testing.TB, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return gone(err)
		}
		hay, err := os.ReadFile(path)
		found = append(found, s.find(filepath.Base(path), append([]byte(path+"\n"), hay...))...)
		return gone(err)
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// gone passes over files that a database removed meanwhile.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// said is all that can be made to show of an error: each of its chain, by every
// verb and encoder.
func said(err error) []byte {
	var b bytes.Buffer
	for _, e := range chain(err) {
		show(&b, e)
	}
	return b.Bytes()
}

func chain(err error) []error {
	if err == nil {
		return nil
	}
	list := []error{err}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		list = append(list, chain(e.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			list = append(list, chain(one)...)
		}
	}
	return list
}

// show prints a value in every way that a program may come to print one.
func show(b *bytes.Buffer, v any) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%s", "%x", "%X", "%d"} {
		fmt.Fprintf(b, verb+"\n", v)
	}
	if text, err := json.Marshal(v); err == nil {
		b.Write(text)
	}
	for _, h := range []slog.Handler{slog.NewJSONHandler(b, nil), slog.NewTextHandler(b, nil)} {
		slog.New(h).Error("failed", "value", v)
	}
}

// plainError is what a careless program would return: a sentence made of data
// around the error that it got.
type plainError struct {
	Row   string
	cause error
}

func (e *plainError) Error() string { return "it failed" }
func (e *plainError) Unwrap() error { return e.cause }

// TestCanarySearch plants a leak in each place and form, and the search must
// see every one. Without it a search that finds nothing proves nothing.
func TestCanarySearch(t *testing.T) {
	t.Parallel()
	quiet := fault.New(fault.Internal, "sfsync.Run", "this says nothing")
	logs := &records{}
	logger(logs).Debug("a row", "row", map[string]string{"LastName": "Doe " + marker})
	planted := map[string][]byte{
		"wrapped foreign error": said(fmt.Errorf("it failed: %w", errors.New("row "+marker))),
		"foreign error below":   said(&plainError{cause: errors.New(marker)}),
		"field of an error":     said(&plainError{Row: marker, cause: quiet}),
		"one of joined errors":  said(errors.Join(quiet, errors.New(marker))),
		"error around bytes":    said(fmt.Errorf("%v", []byte(marker))),
		"log line":              logs.bytes(),
		"text":                  []byte("Doe " + marker + "\x00"),
		"e-mail address":        []byte("doe." + strings.ToLower(marker) + "@example.com"),
		"hex":                   []byte("ff" + hex.EncodeToString([]byte("x"+marker))),
		"upper hex":             fmt.Appendf(nil, "%X", "x"+marker),
		"UTF-16, little endian": wide("Doe "+marker, 0),
		"UTF-16, big endian":    wide("Doe "+marker, 1),
		"Go syntax of bytes":    fmt.Appendf(nil, "%v", []byte("Doe "+marker+".")),
		"JSON of bytes":         fmt.Appendf(nil, "%s", must(json.Marshal([]byte("xy"+marker+"z")))),
		"ledger entry":          must(json.Marshal(audit.Entry{Reason: "for " + marker})),
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 4 {
			text := strings.Repeat("\xff", before) + marker + strings.Repeat("\xfe", 3-before)
			planted[fmt.Sprintf("base64 %s %d", e.EncodeToString([]byte{0xff}), before)] = []byte(e.EncodeToString([]byte(text)))
		}
	}
	for name, hay := range planted {
		if len(newSearch().find(name, hay)) == 0 {
			t.Errorf("%s: not seen in %q", name, hay)
		}
	}
	if found := newSearch().find("fault", said(quiet)); len(found) > 0 {
		t.Errorf("seen where nothing is: %q", found)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// records are log lines, as JSON and as text, that several loggers write.
type records struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *records) bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.text.Bytes())
}

// has reports whether the text was written.
func (r *records) has(text string) bool { return bytes.Contains(r.bytes(), []byte(text)) }

// logger writes everything, at every level, in both forms.
func logger(to io.Writer) *slog.Logger {
	all := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}
	return slog.New(slog.NewMultiHandler(slog.NewJSONHandler(to, all), slog.NewTextHandler(to, all)))
}

// exported is the ledger as an auditor gets it.
func exported(ctx context.Context, log audit.Log) ([]byte, error) {
	var b bytes.Buffer
	err := audit.Export(ctx, &b, log)
	return b.Bytes(), err
}
