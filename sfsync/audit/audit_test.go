package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 5e6, time.UTC)

var full = audit.Entry{
	Time: noon, Kind: audit.KindReveal, Actor: "billing", Purpose: "support", Reason: `case "4711" <ü>`, Object: "Contact",
	Fields: []string{"Email", "LastName"}, Person: "00ff", Host: "a.example", Count: 2, Code: "denied", Policy: 7,
}

// ledger is a log in memory, to be damaged.
type ledger []audit.Stored

func (l ledger) Entries(_ context.Context, after int64) iter.Seq2[audit.Stored, error] {
	return func(yield func(audit.Stored, error) bool) {
		for _, s := range l {
			if s.Seq > after && !yield(s, nil) {
				return
			}
		}
	}
}

func write(n int) ledger {
	var l ledger
	var head audit.Head
	for i := range n {
		s := audit.Chain(head, audit.Entry{Time: noon, Kind: audit.KindBatch, Count: i})
		l, head = append(l, s), s.Head()
	}
	return l
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		e    audit.Entry
		want string
	}{
		{"least", audit.Entry{Time: noon, Kind: audit.KindStart}, `{"kind":"start","time":"2026-01-02T12:00:00.005Z","v":1}`},
		{"all members, in order and unescaped", full, `{"actor":"billing","code":"denied","count":2,"fields":["Email","LastName"],"host":"a.example",` +
			`"kind":"reveal","object":"Contact","person":"00ff","policy":7,"purpose":"support","reason":"case \"4711\" <ü>","time":"2026-01-02T12:00:00.005Z","v":1}`},
		{"another zone, finer than a millisecond", audit.Entry{Time: noon.Add(400).In(time.FixedZone("", 3600)), Kind: "x"},
			`{"kind":"x","time":"2026-01-02T12:00:00.005Z","v":1}`},
		{"not UTF-8", audit.Entry{Time: noon, Kind: "x", Reason: "a\xff\u2028"}, "{\"kind\":\"x\",\"reason\":\"a\ufffd\u2028\",\"time\":\"2026-01-02T12:00:00.005Z\",\"v\":1}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(c.e.Canonical()); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// The hash is part of the format and must never change. This one was computed
// by another program, from the format in the package doc alone.
func TestChainVector(t *testing.T) {
	t.Parallel()
	s := audit.Chain(audit.Chain(audit.Head{}, full).Head(), audit.Entry{Time: noon, Kind: audit.KindStop})
	if want := "dc4008ffbf66c7655d6e8d9a5a73755241673b1332b94e365b792a820de37227"; s.Seq != 2 || s.Hash.String() != want {
		t.Errorf("entry %d has the hash %s, want %s", s.Seq, s.Hash, want)
	}
}

func TestParseEntry(t *testing.T) {
	t.Parallel()
	got, err := audit.ParseEntry(full.Canonical())
	if err != nil || !cmp.Equal(got, full) {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, c := range []struct{ name, in string }{
		{"a space more", `{"kind":"x", "time":"2026-01-02T12:00:00.005Z","v":1}`},
		{"another order", `{"time":"2026-01-02T12:00:00.005Z","kind":"x","v":1}`},
		{"an unknown member", `{"kind":"x","note":"y","time":"2026-01-02T12:00:00.005Z","v":1}`},
		{"a later version", `{"kind":"x","time":"2026-01-02T12:00:00.005Z","v":2}`},
		{"more behind it", `{"kind":"x","time":"2026-01-02T12:00:00.005Z","v":1}{}`},
		{"a bad time", `{"kind":"x","time":"yesterday","v":1}`},
		{"nothing", ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := audit.ParseEntry([]byte(c.in)); !errors.Is(err, fault.LedgerBroken) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	const n = 100
	for _, c := range []struct {
		name   string
		damage func(l ledger) ledger
		bad    int64 // 0: the chain holds
	}{
		{"whole", func(l ledger) ledger { return l }, 0},
		{"empty", func(l ledger) ledger { return nil }, 0},
		{"an entry changed", func(l ledger) ledger { l[41].Entry.Count++; return l }, 42},
		{"a hash changed", func(l ledger) ledger { l[41].Hash[31] ^= 1; return l }, 42},
		{"the first changed", func(l ledger) ledger { l[0].Entry.Actor = "x"; return l }, 1},
		{"one removed", func(l ledger) ledger { return slices.Delete(l, 41, 42) }, 42},
		{"many removed in the middle", func(l ledger) ledger { return slices.Delete(l, 10, 90) }, 11},
		{"two swapped", func(l ledger) ledger { l[5], l[6] = l[6], l[5]; return l }, 6},
		{"two swapped and renumbered", func(l ledger) ledger {
			l[5].Entry, l[6].Entry = l[6].Entry, l[5].Entry
			return l
		}, 6},
		{"one twice", func(l ledger) ledger { return slices.Insert(l, 7, l[6]) }, 8},
		{"one forged and chained anew", func(l ledger) ledger {
			l[41] = audit.Chain(l[40].Head(), audit.Entry{Kind: "x"})
			return l
		}, 43},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := c.damage(write(n))
			head, err := audit.Verify(t.Context(), l)
			if c.bad == 0 {
				if err != nil || head.Seq != int64(len(l)) {
					t.Fatalf("head %d, %v", head.Seq, err)
				}
				return
			}
			var f *fault.Error
			if !errors.As(err, &f) || f.Code() != fault.LedgerBroken || head.Seq != c.bad-1 {
				t.Fatalf("head %d, %v; want the fault at %d", head.Seq, err, c.bad)
			}
			if line, _ := f.Position(); line != int(c.bad) {
				t.Errorf("the fault is at %d, want %d", line, c.bad)
			}
		})
	}
}

func TestVerifyNotedHead(t *testing.T) {
	t.Parallel()
	l := write(10)
	noted := l[6].Head()
	if _, err := audit.Verify(t.Context(), l, audit.Head{}, noted); err != nil {
		t.Errorf("whole: %v", err)
	}
	head, err := audit.Verify(t.Context(), l[:5], noted)
	if !errors.Is(err, fault.LedgerBroken) || head.Seq != 5 {
		t.Errorf("cut off at the end: head %d, %v", head.Seq, err)
	}
	forged := write(10)
	for i := 3; i < 10; i++ { // by someone who can write all of it
		forged[i] = audit.Chain(forged[i-1].Head(), audit.Entry{Kind: "forged"})
	}
	if head, err := audit.Verify(t.Context(), forged, noted); !errors.Is(err, fault.LedgerBroken) || head.Seq != 6 {
		t.Errorf("written anew: head %d, %v", head.Seq, err)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	l := write(50)
	l = append(l, audit.Chain(l[49].Head(), full))
	var file bytes.Buffer
	if err := audit.Export(t.Context(), &file, l); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(file.Bytes(), []byte("\n")); n != 51 {
		t.Errorf("%d lines", n)
	}
	if head, err := audit.Verify(t.Context(), audit.Exported(bytes.NewReader(file.Bytes()))); err != nil || head != l[50].Head() {
		t.Errorf("the export ends at %d, %v", head.Seq, err)
	}
	changed := bytes.Replace(file.Bytes(), []byte(`"count":7`), []byte(`"count":8`), 1)
	if head, err := audit.Verify(t.Context(), audit.Exported(bytes.NewReader(changed))); !errors.Is(err, fault.LedgerBroken) || head.Seq != 7 {
		t.Errorf("changed: head %d, %v", head.Seq, err)
	}
	cut := file.Bytes()[:file.Len()-10]
	if head, err := audit.Verify(t.Context(), audit.Exported(bytes.NewReader(cut))); !errors.Is(err, fault.LedgerBroken) || head.Seq != 50 {
		t.Errorf("cut: head %d, %v", head.Seq, err)
	}
}

func FuzzEntry(f *testing.F) {
	f.Add(full.Canonical())
	f.Add([]byte(`{"kind":"x","time":"2026-01-02T12:00:00.005Z","v":1}`))
	f.Add([]byte(`{"count":1e3,"kind":"\u00fc","time":"2026-01-02T12:00:00.005Z","v":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e audit.Entry
		if json.Unmarshal(b, &e) != nil {
			return
		}
		again, err := audit.ParseEntry(e.Canonical())
		if err != nil || !bytes.Equal(again.Canonical(), e.Canonical()) {
			t.Fatalf("%s does not read back: %v", e.Canonical(), err)
		}
		if _, err := audit.ParseEntry(b); (err == nil) != bytes.Equal(b, e.Canonical()) {
			t.Fatalf("%s: %v", b, err)
		}
	})
}

func BenchmarkChain(b *testing.B) {
	b.ReportAllocs()
	var head audit.Head
	for b.Loop() {
		head = audit.Chain(head, full).Head()
	}
}

func ExampleVerify() {
	first := audit.Chain(audit.Head{}, audit.Entry{Kind: audit.KindStart})
	second := audit.Chain(first.Head(), audit.Entry{Kind: audit.KindReveal, Actor: "billing", Object: "Contact", Fields: []string{"Email"}})
	second.Entry.Actor = "nobody" // someone edits the file

	head, err := audit.Verify(context.Background(), ledger{first, second})
	fmt.Println("holds up to", head.Seq)
	fmt.Println(errors.Is(err, fault.LedgerBroken))
	// Output:
	// holds up to 1
	// true
}
