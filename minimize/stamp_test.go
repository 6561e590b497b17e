package minimize_test

import (
	"errors"
	"testing"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

func TestStamps(t *testing.T) {
	table := compile(t, "Contact", contactPolicy, contactFields)
	if got := table.StampSOQL(); got != "SELECT Id, SystemModstamp FROM Contact" {
		t.Error(got)
	}
	for _, header := range [][]string{nil, {"Id"}, {"SystemModstamp"}, {"Id", "SystemModstamp", "Id"}} {
		if _, err := table.Stamps(header); !errors.Is(err, fault.ResponseInvalid) {
			t.Errorf("header %q: %v", header, err)
		}
	}
	stamps, err := table.Stamps([]string{"SystemModstamp", "Id"})
	if err != nil {
		t.Fatal(err)
	}
	const at, record = "2022-03-18T16:21:26.999Z", "003Dp00000JJkkHIAT"
	if id, stamp, err := stamps.Decode(cells(at, record)); err != nil || id != record || stamp != 1647620486 {
		t.Error(id, stamp, err)
	}
	for name, bad := range map[string][][]byte{
		"no cells":       nil,
		"one too many":   cells(at, record, ""),
		"a wrong suffix": cells(at, "003Dp00000JJkkHIAA"),
		"an empty stamp": cells("", record),
		"a wrong stamp":  cells("2022-03-32T16:21:26.999Z", record),
	} {
		if id, stamp, err := stamps.Decode(bad); !errors.Is(err, fault.PayloadInvalid) || id != "" || stamp != 0 {
			t.Errorf("%s: %q, %d, %v", name, id, stamp, err)
		}
	}
}

func cells(texts ...string) (list [][]byte) {
	for _, text := range texts {
		list = append(list, []byte(text))
	}
	return list
}

func FuzzStamp(f *testing.F) {
	table := compile(f, "Contact", contactPolicy, contactFields)
	stamps, err := table.Stamps([]string{"Id", "SystemModstamp"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("003Dp00000JJkkHIAT", "2022-03-18T16:21:26.999Z")
	f.Fuzz(func(t *testing.T, id, at string) {
		got, stamp, err := stamps.Decode(cells(id, at))
		full := minimize.NewChange()
		rows, _ := table.Rows(append([]string{}, table.SelectList()...))
		line := cells(id, at)
		for range table.SelectList()[2:] {
			line = append(line, nil)
		}
		if whole := rows.Decode(full, line); (whole == nil) != (err == nil) {
			t.Fatalf("a full row with the same id and stamp: %v, alone: %v", whole, err)
		}
		if err == nil && (got != full.RecordID(0) || stamp != full.Stamp()) {
			t.Error(got, stamp)
		}
	})
}
