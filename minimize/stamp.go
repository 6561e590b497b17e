package minimize

import (
	"slices"

	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// StampSOQL is the query of the ids and stamps of all the object's records: what
// it takes to tell which of them a copy does not have as they are.
func (t *Table) StampSOQL() string { return "SELECT Id, SystemModstamp FROM " + t.object }

// StampProjection decodes the rows of a Bulk API result of [Table.StampSOQL]. It
// never changes and is safe for concurrent use.
type StampProjection struct {
	object string
	width  int // cells of a row
	id     int // index of Id
	stamp  int // index of SystemModstamp
}

// Stamps prepares to decode rows under a header, in any order of columns. The
// error is fault.ResponseInvalid: the header lacks Id or SystemModstamp, or has it
// twice.
func (t *Table) Stamps(header []string) (*StampProjection, error) {
	p := &StampProjection{object: t.object, width: len(header)}
	for name, at := range map[string]*int{"Id": &p.id, "SystemModstamp": &p.stamp} {
		*at = slices.Index(header, name)
		if *at < 0 || slices.Contains(header[*at+1:], name) {
			return nil, fault.New(fault.ResponseInvalid, "minimize.Table.Stamps", "the header does not have this name exactly once; query Id and SystemModstamp").On(t.object, name)
		}
	}
	return p, nil
}

// Decode returns the record's id and its SystemModstamp in seconds since 1970. The
// error is fault.PayloadInvalid.
func (p *StampProjection) Decode(cells [][]byte) (id string, stamp int64, err error) {
	if len(cells) != p.width {
		return "", 0, fault.New(fault.PayloadInvalid, "minimize.StampProjection.Decode", "the row has more or fewer cells than the header; read it again").On(p.object)
	}
	ms, ok := parseMoment(DateTime, cells[p.stamp])
	if !ok || !recordid.Valid(cells[p.id]) {
		return "", 0, fault.New(fault.PayloadInvalid, "minimize.StampProjection.Decode", "the row has no valid Id and SystemModstamp; read it again").On(p.object, "Id", "SystemModstamp")
	}
	return string(cells[p.id]), ms / 1000, nil
}
