package sqlite_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// A writer that is killed at any moment leaves what it reported as committed, no
// part of a batch, and no lock.
func TestKill(t *testing.T) {
	if path := os.Getenv("SFSYNC_TEST_KILL"); path != "" {
		writeForever(t, path)
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rows.db")
	var reported int64
	for range 15 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "SFSYNC_TEST_KILL="+path)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for range 3 { // it is the writer now
			lines.Scan()
		}
		second := open(t, path)
		_, err = second.Prepare(t.Context(), wide())
		sentence(t, err, fault.StoreBusy)
		must(t, second.Close())
		time.AfterFunc(rand.N(20*time.Millisecond), func() { cmd.Process.Kill() })
		for lines.Scan() {
			if n, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
				reported = n
			}
		}
		_ = cmd.Wait()
		whole(t, path, reported)
	}
}

// whole checks that the copy is as some batch left it, not before the reported
// one.
func whole(t *testing.T, path string, reported int64) {
	t.Helper()
	w := newWriter(t, path)
	defer w.Close()
	last := w.n
	if last < reported {
		t.Errorf("batch %d was reported, the copy has %d", reported, last)
	}
	if at := w.state.Topics["t"].Position; at != position(last) {
		t.Errorf("position %q after batch %d", at, last)
	}
	if head, err := audit.Verify(t.Context(), w); err != nil || head.Seq != last-1 { // the first N is that of Prepare
		t.Errorf("%d ledger entries after batch %d, %v", head.Seq, last, err)
	}
	seen := map[int64]int{}
	for row, err := range w.Rows(t.Context(), "Contact") {
		must(t, err)
		seen[row.Seq]++
	}
	for n := int64(2); n <= last; n++ {
		if seen[n] != 20 {
			t.Errorf("batch %d of %d has %d rows", n, last, seen[n])
		}
	}
}

func position(n int64) store.Position { return store.Position(strconv.FormatInt(n, 10)) }

func writeForever(t *testing.T, path string) {
	w := newWriter(t, path)
	for {
		rows := make([]store.Row, 20)
		for i := range rows {
			rows[i] = store.Row{ID: recordID(int(w.n)*20 + i), Mark: store.Live, Cells: cells(func(int) bool { return true })}
		}
		b := store.Batch{Epoch: w.state.Epoch, Policy: 1, Topic: "t", From: w.state.Topics["t"].Position, Next: position(w.n + 1),
			Objects: []store.ObjectBatch{{Object: "Contact", N: w.n, Rows: rows}}, Entries: []audit.Entry{{Kind: audit.KindBatch}}}
		must(t, w.Apply(t.Context(), &b))
		w.state.Topics["t"] = store.Topic{Position: b.Next}
		w.n++
		fmt.Println(w.n)
	}
}
