package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Export writes a log as JSON lines, one [Stored] a line, for an auditor or a
// log collector: line n is entry n.
func Export(ctx context.Context, w io.Writer, log Log) error {
	out := bufio.NewWriter(w)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for s, err := range log.Entries(ctx, 0) {
		if err != nil {
			return err
		}
		if err := lines.Encode(s); err != nil {
			return unwritten(err)
		}
	}
	return unwritten(out.Flush())
}

func unwritten(err error) error {
	return fault.Wrap(err, fault.StoreFailed, "audit.Export", "the export cannot be written; check where it goes")
}

// Exported is a log read from an export, to verify it without the database. It
// can be read once.
func Exported(r io.Reader) Log { return &exported{json.NewDecoder(r)} }

type exported struct{ lines *json.Decoder }

func (x *exported) Entries(ctx context.Context, after int64) iter.Seq2[Stored, error] {
	return func(yield func(Stored, error) bool) {
		for {
			var s Stored
			err := x.lines.Decode(&s)
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Stored{}, fault.Wrap(err, fault.LedgerBroken, "audit.Exported", "the export cannot be read to its end; export the ledger again"))
				return
			}
			if s.Seq > after && !yield(s, nil) {
				return
			}
		}
	}
}
