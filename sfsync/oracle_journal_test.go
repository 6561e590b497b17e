package sfsync_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/store"
)

// journal is what happened in a history and what the copy made of it, in the
// order of time.
type journal struct {
	mu    sync.Mutex
	began time.Time
	lines []string
}

// Write adds a line of the engine's log.
func (j *journal) Write(line []byte) (int, error) {
	j.add("%s", bytes.TrimSpace(line))
	return len(line), nil
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.began.IsZero() {
		j.began = time.Now()
	}
	j.lines = append(j.lines, fmt.Sprintf(format+" (%.3fs)", append(args, time.Since(j.began).Seconds())...))
}

// applied notes a batch, one line for each row.
func (j *journal) applied(b *store.Batch) {
	for _, o := range b.Objects {
		from := "read"
		if b.Topic != "" {
			from = "event"
		}
		if len(o.Owe)+len(o.Paid) > 0 || o.Floor {
			j.add("  %s: %s owes %v, paid %v, floor %t", from, o.Object, o.Owe, o.Paid, o.Floor)
		}
		for _, r := range o.Rows {
			j.add("  %s %d: %s %s mark %d base %d evented %t dirty %t", from, o.N, r.Op, r.ID, r.Mark, r.Base, r.Evented, r.Dirty)
		}
	}
}

var recordID = regexp.MustCompile(`[0-9A-Za-z]{15}AA[A-Z]`)

// about is the journal without what the copy did to other records than the one
// that a message names.
func (j *journal) about(message string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	id, text := recordID.FindString(message), ""
	for _, line := range j.lines {
		if !strings.HasPrefix(line, "  ") || strings.Contains(line, " owes ") || id != "" && strings.Contains(line, id) {
			text += line + "\n"
		}
	}
	return text
}
