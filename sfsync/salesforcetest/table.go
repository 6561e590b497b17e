package salesforcetest

import (
	"encoding/binary"
	"strings"
	"time"
)

// row is one state of a record. It never changes: a write makes another.
// Most values of a record are null, so the values are packed: a million
// people with their orders fit in little memory.
type row struct {
	serial  int64 // where it is in its table, and what its id is made from
	stamp   int64 // SystemModstamp, Unix seconds: real ones are whole seconds
	deleted int64 // when it went to the Recycle Bin, Unix seconds, or 0
	purged  bool  // gone from there as well
	packed  string
}

// table holds the rows of one object; row n has serial n+1.
type table struct {
	rows   []*row
	next   int64 // the next serial; serials of open transactions are taken
	live   int
	purges []purge // what getDeleted still tells of purged records
}

type purge struct{ serial, deleted int64 }

func (t *table) put(r *row) {
	for int64(len(t.rows)) < r.serial {
		t.rows = append(t.rows, nil)
	}
	t.next = max(t.next, r.serial)
	old := t.rows[r.serial-1]
	if old != nil && old.deleted == 0 {
		t.live--
	}
	if r.purged {
		t.rows[r.serial-1] = nil
		t.purges = append(t.purges, purge{r.serial, r.deleted})
		return
	}
	if r.deleted == 0 {
		t.live++
	}
	t.rows[r.serial-1] = r
}

func (t *table) get(serial int64) *row {
	if serial < 1 || serial > int64(len(t.rows)) {
		return nil
	}
	return t.rows[serial-1]
}

// pack writes the values that are not null as slot distance, length, bytes.
func pack(values []string) string {
	var buf []byte
	last := 0
	for slot, v := range values {
		if v == "" {
			continue
		}
		buf = binary.AppendUvarint(buf, uint64(slot-last))
		buf = binary.AppendUvarint(buf, uint64(len(v)))
		buf = append(buf, v...)
		last = slot
	}
	return string(buf)
}

// each calls yield for every value that is not null.
func each(packed string, yield func(slot int, value string) bool) {
	for slot := 0; len(packed) > 0; {
		skip, n := uvarint(packed)
		packed = packed[n:]
		size, n := uvarint(packed)
		slot += skip
		if !yield(slot, packed[n:n+size]) {
			return
		}
		packed = packed[n+size:]
	}
}

func uvarint(s string) (value, size int) {
	if s[0] < 0x80 {
		return int(s[0]), 1
	}
	v, n := binary.Uvarint([]byte(s[:min(len(s), binary.MaxVarintLen64)]))
	return int(v), n
}

// values spreads the packed values over dst, which is as long as the object
// has slots.
func (r *row) values(dst []string) []string {
	clear(dst)
	each(r.packed, func(slot int, v string) bool {
		if slot < len(dst) {
			dst[slot] = v
		}
		return true
	})
	return dst
}

// value is one field's value, "" for null.
func (r *row) value(o *object, f *field) string {
	switch f.Name {
	case "Id":
		return recordID(o.KeyPrefix, r.serial)
	case "IsDeleted":
		return flag(r.deleted != 0)
	case "SystemModstamp":
		return datetime(r.stamp)
	}
	found := ""
	each(r.packed, func(slot int, v string) bool {
		if slot == f.slot {
			found = v
		}
		return slot < f.slot
	})
	if found == "" && f.Type == "boolean" {
		return "false"
	}
	return found
}

// fields is the row by field name, nulls left out.
func (r *row) fields(o *object) map[string]string {
	values := r.values(make([]string, o.slots))
	m := make(map[string]string, len(o.Fields)/2)
	for _, f := range o.Fields {
		v := values[f.slot]
		if f.Name == "Id" || f.Name == "IsDeleted" || f.Name == "SystemModstamp" || f.Type == "boolean" {
			v = r.value(o, f)
		}
		if v != "" && !f.compound() {
			m[f.Name] = v
		}
	}
	return m
}

func flag(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

const stampLayout = "2006-01-02T15:04:05.000Z"

func datetime(unix int64) string { return time.Unix(unix, 0).UTC().Format(stampLayout) }

func lower(s string) string { return strings.ToLower(s) }

// Record ids: key prefix, instance, a reserved character, nine digits of base
// 62, and three characters that tell the case of the first fifteen
// (https://help.salesforce.com/s/articleView?id=000385008).
const (
	base62   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	instance = "5e0"
)

// recordID is the 18-character id of the record with this serial.
func recordID(prefix string, serial int64) string {
	var id [18]byte
	copy(id[:], prefix)
	copy(id[3:], instance)
	for i := 14; i >= 6; i-- {
		id[i] = base62[serial%62]
		serial /= 62
	}
	suffix(id[:])
	return string(id[:])
}

// suffix fills in the last three of 18 characters.
func suffix(id []byte) {
	for block := range 3 {
		bits := 0
		for i := range 5 {
			if c := id[block*5+i]; c >= 'A' && c <= 'Z' {
				bits |= 1 << i
			}
		}
		id[15+block] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits]
	}
}

// longID gives an id its 18 characters; false for what is no id. The suffix
// of an 18-character id is checked, as it mends the case of the rest.
func longID(id string) (string, bool) {
	if len(id) != 15 && len(id) != 18 {
		return "", false
	}
	for i := range len(id) {
		if !strings.Contains(base62, id[i:i+1]) {
			return "", false
		}
	}
	var long [18]byte
	copy(long[:], id[:15])
	suffix(long[:])
	return string(long[:]), len(id) == 15 || string(long[15:]) == id[15:]
}

// serialOf is the inverse of recordID, 0 for an id of another object or org.
func serialOf(prefix, id string) int64 {
	long, ok := longID(id)
	if !ok || long[:6] != prefix+instance {
		return 0
	}
	n := int64(0)
	for i := 6; i < 15; i++ {
		n = n*62 + int64(strings.IndexByte(base62, long[i]))
	}
	return n
}
