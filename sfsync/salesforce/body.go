package salesforce

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// longestStall is how long an answer may send nothing. A connection that
// silently died would otherwise hold its reader until the kernel gives up.
const longestStall = 2 * time.Minute

// body is the body of an answer. Its errors are faults, it ends with its call,
// and it ends the call when closed.
type body struct {
	io.ReadCloser
	ctx   context.Context
	meter Meter // or nil
	stall *time.Timer
	end   func()
	once  sync.Once
}

func newBody(rc io.ReadCloser, ctx context.Context, cancel context.CancelCauseFunc, end func()) *body {
	stalled := func() {
		cancel(fault.New(fault.Timeout, "salesforce.Do", "the answer stalled; try again later"))
	}
	b := &body{ReadCloser: rc, ctx: ctx, meter: meterOf(ctx), stall: time.AfterFunc(longestStall, stalled), end: end}
	b.stall.Stop() // the clock runs only while a reader waits
	return b
}

func (b *body) Read(p []byte) (int, error) {
	b.stall.Reset(longestStall)
	n, err := b.ReadCloser.Read(p)
	b.stall.Stop()
	if b.meter != nil {
		b.meter.Bytes(n)
	}
	if err == nil || err == io.EOF {
		return n, err
	}
	if cause := context.Cause(b.ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, http.ErrBodyReadAfterClose) {
		return n, fault.New(fault.Internal, "salesforce.Do", "the answer was read after its end; please report it")
	}
	return n, fault.Wrap(err, fault.Truncated, "salesforce.Do", "the answer broke off; make the call again")
}

func (b *body) Close() error {
	b.once.Do(func() {
		b.stall.Stop()
		b.ReadCloser.Close()
		b.end()
	})
	return nil
}

// readAll reads and closes a body of at most limit bytes.
func readAll(resp *http.Response, limit int64) ([]byte, error) {
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fault.Wrap(err, fault.Truncated, "salesforce.Do", "the answer broke off; make the call again")
	}
	if int64(len(data)) > limit {
		return nil, fault.New(fault.TooLarge, "salesforce.Do", "the answer is larger than such an answer may be; ask for less at once")
	}
	return data, nil
}
