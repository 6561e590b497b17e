package salesforcetest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// eventLog is the file that makes published events outlive the process: one
// JSON line for a schema, an event or a tick. A nil log keeps nothing.
//
// A line is in the file before a commit is acknowledged, which is as much as a
// killed process needs; nothing is synced, so a power cut may lose the end.
type eventLog struct {
	file    *os.File
	written map[string]bool // schemas that the file has
	end     int64           // length of the file
	before  int64           // its length before the last write
}

// logLine is one line: one of the two members is set.
type logLine struct {
	Schema *eventSchema `json:"schema,omitempty"`
	Event  *event       `json:"event,omitempty"`
}

func openEventLog(dir string) (*eventLog, error) {
	file, err := os.OpenFile(filepath.Join(dir, "events.jsonl"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("salesforcetest: event log: %w", err)
	}
	return &eventLog{file: file, written: map[string]bool{}}, nil
}

func (l *eventLog) close() error {
	if l == nil {
		return nil
	}
	if err := l.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

func (l *eventLog) write(events []*event) error {
	if l == nil || len(events) == 0 {
		return nil
	}
	var lines []byte
	for _, e := range events {
		if e.schema != nil && !l.written[e.Schema] {
			l.written[e.Schema] = true
			lines = appendLine(lines, logLine{Schema: e.schema})
		}
		lines = appendLine(lines, logLine{Event: e})
	}
	n, err := l.file.Write(lines)
	l.before, l.end = l.end, l.end+int64(n)
	if err != nil {
		return errors.Join(fmt.Errorf("salesforcetest: event log: %w", err), l.undo())
	}
	return nil
}

// undo takes back the last write.
func (l *eventLog) undo() error {
	if l == nil {
		return nil
	}
	clear(l.written) // a schema may have gone with it
	return l.cut(l.before)
}

func (l *eventLog) cut(end int64) error {
	l.before, l.end = end, end
	if err := l.file.Truncate(end); err != nil {
		return fmt.Errorf("salesforcetest: event log: %w", err)
	}
	if _, err := l.file.Seek(end, io.SeekStart); err != nil {
		return fmt.Errorf("salesforcetest: event log: %w", err)
	}
	return nil
}

func appendLine(b []byte, line logLine) []byte {
	return append(append(b, must(json.Marshal(line))...), '\n')
}

// load reads the log. It cuts off the events of a last transaction that never
// committed and publishes those whose publishing was held.
func (b *eventBus) load() error {
	held := map[string]*event{}
	err := b.disk.each(func(line logLine) bool {
		switch e := line.Event; {
		case line.Schema != nil:
			line.Schema.finish()
			b.schemas[line.Schema.id] = line.Schema
			b.disk.written[line.Schema.id] = true
		case e == nil:
		case e.Commit > b.org.number:
			return false
		case e.Replay == 0:
			e.schema = b.schemas[e.Schema]
			held[e.ID] = e
			b.held = append(b.held, e)
		default:
			delete(held, e.ID)
			if b.last = max(b.last, e.Replay); e.ID != "" {
				e.schema = b.schemas[e.Schema]
				e.seal()
			}
			if e.Floor > 0 {
				b.log, b.floor, b.last = nil, e.Floor, e.Replay
			}
			b.log = append(b.log, e)
		}
		return true
	})
	if err != nil {
		return err
	}
	late := b.held
	b.held = nil
	for _, e := range late {
		if held[e.ID] != nil {
			b.held = append(b.held, e)
		}
	}
	b.expire()
	return b.release()
}

// each calls fn for each whole line, until it returns false, and cuts off the
// file there or before what a kill left of a line.
func (l *eventLog) each(fn func(logLine) bool) error {
	var end int64
	lines := bufio.NewReaderSize(l.file, 1<<16)
	for {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return l.cut(end)
		}
		if err != nil {
			return fmt.Errorf("salesforcetest: event log: %w", err)
		}
		var line logLine
		if err := json.Unmarshal(text, &line); err != nil {
			return fmt.Errorf("salesforcetest: event log at byte %d: %w", end, err)
		}
		if !fn(line) {
			return l.cut(end)
		}
		end += int64(len(text))
	}
}

// release publishes what was held, now that it gets its replay ids. The
// caller holds the bus or is alone.
func (b *eventBus) release() error {
	late := b.held
	b.held = nil
	for _, e := range late {
		b.last = following(b.last)
		e.Replay, e.At = b.last, b.org.now().UnixMilli()
		b.log = append(b.log, e.seal())
	}
	return b.disk.write(late)
}
