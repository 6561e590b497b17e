package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// bench is one run.
type bench struct {
	scale    float64
	markdown bool
	only     string
	profile  string

	dir string // of copies; removed at the end
	org *remote
}

// line is a row of the table, and what it was measured on, which stands below.
type line struct{ what, ours, bare, ratio, goal, note string }

// measurement makes lines. The name is what -only looks for.
type measurement struct {
	name string
	take func(context.Context) ([]line, error)
}

func (b *bench) run(ctx context.Context, out io.Writer) (err error) {
	if b.dir, err = os.MkdirTemp("", "sfsync-bench-"); err != nil {
		return errors.New("no temporary directory can be made; name one with TMPDIR")
	}
	defer os.RemoveAll(b.dir)
	if b.org, err = startOrg(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.org.stop()) }()
	lines := []line{{"", "sfsync", "bare limit", "ratio", "goal", ""}}
	for _, m := range []measurement{
		{"decode", b.decode}, {"seal", b.seal}, {"subscribe", b.subscribe}, {"topics", b.topics}, {"roundtrip", b.roundTrip},
		{"memory", b.memory}, {"stream", b.stream}, {"bulk", b.bulk},
		{"calls", b.calls}, {"expired", b.expired}, {"reconcile", b.reconcile}, {"cut", b.cut},
	} {
		if !strings.Contains(m.name, b.only) {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring:", m.name)
		start := time.Now()
		more, err := m.take(ctx)
		fmt.Fprintln(os.Stderr, m.name, time.Since(start))
		if err != nil {
			return err
		}
		lines = append(lines, more...)
	}
	fmt.Fprintf(out, "%s. The test org runs on the same cores in another process; CPU is the client's, for each event or row.\n\n", machine())
	if err := b.table(out, lines); err != nil {
		return err
	}
	fmt.Fprintln(out)
	for _, l := range lines[1:] {
		fmt.Fprintf(out, "- %s: %s.\n", l.what, l.note)
	}
	return nil
}

// table writes the lines, the first of which is its head.
func (b *bench) table(out io.Writer, lines []line) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	format, rule := "%s\t%s\t%s\t%s\t%s\n", ""
	if b.markdown {
		format, rule = "| %s | %s | %s | %s | %s |\n", "|---|---|---|---|---|\n"
	}
	for i, l := range lines {
		fmt.Fprintf(w, format, l.what, l.ours, l.bare, l.ratio, l.goal)
		if i == 0 {
			fmt.Fprint(w, rule)
		}
	}
	return w.Flush()
}

// size scales a number of records or events.
func (b *bench) size(n int) int { return max(100, int(float64(n)*b.scale)) }

// place is a directory for a copy.
func (b *bench) place(name string) string { return filepath.Join(b.dir, name) }

// people makes the org have so many people.
func (b *bench) people(n int) (int, error) {
	err := b.org.do("Populate", n)
	return n, err
}

func percent(ours, bare float64) string { return fmt.Sprintf("%.0f%%", 100*ours/bare) }

// speed writes a rate and what each costs.
func (w work) speed(of string) string {
	each := float64(w.CPU.Nanoseconds()) / float64(max(1, w.Rows)) / 1000
	return fmt.Sprintf("%s %s/s, %.1fµs CPU", thousands(int(w.rate())), of, each)
}

// thousands writes a number with its thousands apart.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
