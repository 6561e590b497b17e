package salesforcetest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
)

// recordLog keeps the records of an org in one append-only file, so that a
// second run meets the same org. A commit is one frame, written before it is
// acknowledged; a frame that a kill cut short was never acknowledged and is
// cut off on opening. The file is:
//
//	frame  = length uint32, crc32 of payload uint32, payload      (big-endian)
//	schema = 'S', object, number of slots, name of each slot      (before the first commit that uses it)
//	commit = 'C', number, count, count × row
//	row    = object, serial, stamp, deleted, purged, packed       (numbers are varints, texts have a length)
type recordLog struct {
	f      *os.File
	wrote  map[string]int // object -> slots in the schema last written
	buffer bytes.Buffer
}

// openLog reads the file at path into the tables and returns it ready to be
// appended to, with the number of the last commit.
func openLog(path string, tables func(string) *table, object func(string) *object) (*recordLog, int64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, err
	}
	l := &logReader{in: bufio.NewReaderSize(f, 1<<20), tables: tables, object: object, slots: map[string][]int{}}
	for l.frame() {
	}
	if l.err == nil {
		_, l.err = f.Seek(l.offset, io.SeekStart)
	}
	if l.err == nil {
		l.err = f.Truncate(l.offset)
	}
	if l.err != nil {
		return nil, 0, errors.Join(l.err, f.Close())
	}
	return &recordLog{f: f, wrote: map[string]int{}}, l.number, nil
}

// append writes a commit as one frame, in one write.
func (l *recordLog) append(number int64, changes []change, object func(string) *object) error {
	l.buffer.Reset()
	for _, ch := range changes {
		if o := object(ch.table); l.wrote[o.Name] != o.slots {
			l.frame(schemaFrame(o))
			l.wrote[o.Name] = o.slots
		}
	}
	b := binary.AppendVarint([]byte{'C'}, number)
	b = binary.AppendVarint(b, int64(len(changes)))
	for _, ch := range changes {
		b = appendRow(b, ch.table, ch.after)
	}
	l.frame(b)
	_, err := l.f.Write(l.buffer.Bytes())
	return err
}

func (l *recordLog) frame(payload []byte) {
	var head [8]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(payload)))
	binary.BigEndian.PutUint32(head[4:], crc32.ChecksumIEEE(payload))
	l.buffer.Write(head[:])
	l.buffer.Write(payload)
}

func schemaFrame(o *object) []byte {
	names := make([]string, o.slots)
	for _, f := range o.Fields {
		names[f.slot] = f.Name
	}
	b := appendText([]byte{'S'}, o.Name)
	b = binary.AppendVarint(b, int64(len(names)))
	for _, name := range names {
		b = appendText(b, name)
	}
	return b
}

func appendRow(b []byte, table string, r *row) []byte {
	b = appendText(b, table)
	b = binary.AppendVarint(b, r.serial)
	b = binary.AppendVarint(b, r.stamp)
	b = binary.AppendVarint(b, r.deleted)
	purged := int64(0)
	if r.purged {
		purged = 1
	}
	b = binary.AppendVarint(b, purged)
	return appendText(b, r.packed)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendVarint(b, int64(len(s))), s...)
}

func (l *recordLog) close() error { return l.f.Close() }

type logReader struct {
	in     *bufio.Reader
	tables func(string) *table
	object func(string) *object
	slots  map[string][]int // object -> where the slots of the file are now, -1 for gone; nil if nothing moved
	offset int64            // behind the last whole frame
	number int64
	err    error
}

// frame reads one frame. It returns false at the end or at a torn frame.
func (l *logReader) frame() bool {
	var head [8]byte
	if _, err := io.ReadFull(l.in, head[:]); err != nil {
		return false
	}
	size := binary.BigEndian.Uint32(head[:])
	var payload bytes.Buffer
	if n, err := io.CopyN(&payload, l.in, int64(size)); err != nil || n == 0 {
		return false
	}
	if crc32.ChecksumIEEE(payload.Bytes()) != binary.BigEndian.Uint32(head[4:]) {
		return false
	}
	p := &payloadReader{b: payload.Bytes()[1:]}
	if payload.Bytes()[0] == 'S' {
		l.schema(p)
	} else {
		l.commit(p)
	}
	if p.bad {
		l.err = fmt.Errorf("salesforcetest: the record log is damaged at byte %d; use another directory", l.offset)
		return false
	}
	l.offset += int64(len(head)) + int64(size)
	return l.err == nil
}

func (l *logReader) schema(p *payloadReader) {
	name := p.text()
	o := l.object(name)
	if o == nil {
		l.err = fmt.Errorf("salesforcetest: the record log has records of %s, which the org no longer describes", name)
		return
	}
	moved := false
	slots := make([]int, 0, o.slots)
	for i := range int(p.varint()) {
		slot := -1
		if f := o.field(p.text()); f != nil {
			slot = f.slot
		}
		slots = append(slots, slot)
		moved = moved || slot != i
	}
	if !moved {
		slots = nil
	}
	l.slots[name] = slots
}

func (l *logReader) commit(p *payloadReader) {
	l.number = p.varint()
	for range p.varint() {
		name := p.text()
		r := &row{serial: p.varint(), stamp: p.varint(), deleted: p.varint(), purged: p.varint() == 1, packed: p.text()}
		if p.bad || r.serial < 1 {
			return
		}
		if slots := l.slots[name]; slots != nil {
			r.packed = move(r.packed, slots)
		}
		l.tables(name).put(r)
	}
}

// move repacks a row whose fields are in other places than when it was written.
func move(packed string, slots []int) string {
	values := make([]string, slices.Max(slots)+1)
	each(packed, func(slot int, v string) bool {
		if slot < len(slots) && slots[slot] >= 0 {
			values[slots[slot]] = v
		}
		return true
	})
	return pack(values)
}

type payloadReader struct {
	b   []byte
	bad bool
}

func (p *payloadReader) varint() int64 {
	v, n := binary.Varint(p.b)
	if n <= 0 {
		p.bad = true
		return 0
	}
	p.b = p.b[n:]
	return v
}

func (p *payloadReader) text() string {
	n := p.varint()
	if n < 0 || n > int64(len(p.b)) {
		p.bad = true
		return ""
	}
	s := string(p.b[:n])
	p.b = p.b[n:]
	return s
}
