package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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

	dir    string // of copies; removed at the end
	org    *remote
	copied int // the people whose contacts are copied
}

// line is a row of the table, and what it was measured on, which stands below where
// it is not said of another row.
type line struct{ What, Ours, Bare, Ratio, Goal, Note string }

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
	for _, m := range slices.Concat(b.vaultRows(), []measurement{
		{"fips", b.fips}, {"find", b.find}, {"kms", b.kms}, {"decode", b.decode},
		{"subscribe", b.subscribe}, {"topics", b.topics}, {"roundtrip", b.roundTrip},
		{"memory", b.memory}, {"reconcile", b.reconcile}, {"forget", b.forget}, // before a flood, which is of the stream alone
		{"stream", b.stream}, {"bulk", b.bulk},
		{"calls", b.calls}, {"cut", b.cut}, {"expired", b.expired},
	}) {
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
		if l.Note != "" {
			fmt.Fprintf(out, "- %s: %s.\n", l.What, l.Note)
		}
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
		fmt.Fprintf(w, format, l.What, l.Ours, l.Bare, l.Ratio, l.Goal)
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

// people makes the org have at least so many people, and returns how many it has.
func (b *bench) people(n int) (has int, err error) {
	err = b.org.Call("Org.Populate", n, &has)
	return has, err
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
