package sqlite_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// dying is a context that ends when it is looked at for the last time, which may
// be anywhere within a statement.
type dying struct {
	context.Context
	left int
}

func (d *dying) Err() error {
	if d.left--; d.left < 0 {
		return context.Canceled
	}
	return nil
}

// Wherever within a call the caller ends it, all of it is done or nothing, as it
// reports, and the connection serves the next one. SQLite looks whether it was
// interrupted once in a thousand steps of a statement, those of earlier calls
// included: at the end of BEGIN or COMMIT too, when that has already been done.
func TestCanceledAnywhere(t *testing.T) {
	t.Parallel()
	w := newWriter(t, filepath.Join(t.TempDir(), "rows.db"))
	w.fill(t, 0, 1, cells(func(int) bool { return true }))
	must(t, w.Unsynced())
	calls, canceled := 10_000, 0
	if testing.Short() {
		calls = 1_000
	}
	for range calls {
		_, err := w.Table(&dying{t.Context(), rand.IntN(20)}, "Contact")
		if err != nil {
			canceled++
			sentence(t, err, fault.Canceled)
		}
		_, err = w.Table(t.Context(), "Contact")
		must(t, err)
	}
	head, err := audit.Verify(t.Context(), w)
	must(t, err)
	made := head.Seq
	for range 3 * calls {
		if err := w.Append(&dying{t.Context(), rand.IntN(7)}, audit.Entry{Kind: audit.KindBatch}); err == nil {
			made++
		} else {
			canceled++
			sentence(t, err, fault.Canceled)
		}
	}
	head, err = audit.Verify(t.Context(), w)
	must(t, err)
	if head.Seq != made || canceled == 0 {
		t.Errorf("%d entries were reported as made, and %d are there; %d calls were canceled", made, head.Seq, canceled)
	}
}
