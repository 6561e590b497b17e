package sfsync

import (
	"context"
	"sync/atomic"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
)

// Budget is how much of an org's allocations a Sync takes. The shares are of
// what everyone in the org uses together, above 0 up to 1; 0 means 0.8, which
// leaves a fifth to others. At a share the Sync waits until less is used.
type Budget struct {
	// Calls is the share of the API calls of 24 hours at which none is made
	// (header Sforce-Limit-Info; REST API guide, "Limits", DailyApiRequests).
	// The look at the limits itself, every 15 minutes then, is one call.
	Calls float64
	// Deliveries is the share of the event deliveries of 24 hours at which
	// every stream is closed: an open one would go on using them. It counts
	// DailyDeliveredPlatformEvents of the limits, read hourly, and what came
	// since, repeated events too. If the user may not see the limits (View
	// Setup and Configuration), only the org's own refusal closes the streams.
	Deliveries float64
	// Rows and Bytes bound what the API calls of one run read: rows of the
	// policy's objects, and bytes of answers after decompression. 0 sets no
	// bound. At either no further call is made, and the run ends with
	// fault.BudgetSpent once the page under way is committed, of 10,000 rows at
	// most; the next run goes on from there. A run is one call of Run, CatchUp
	// or Changes. It begins with the description of each object, of up to a few
	// hundred thousand bytes.
	Rows, Bytes int64
}

// boundedPage is how many rows a page has in a run with a bound, which ends
// between two: a larger page might not fit into one run at all.
const boundedPage = 10_000

func (b Budget) pageRecords() int {
	switch {
	case b.Rows > 0:
		return int(min(boundedPage, max(b.Rows, batchRows)))
	case b.Bytes > 0:
		return boundedPage
	}
	return 0 // as Salesforce likes
}

func (b Budget) valid() bool {
	share := func(f float64) bool { return f >= 0 && f <= 1 }
	return share(b.Calls) && share(b.Deliveries) && b.Rows >= 0 && b.Bytes >= 0
}

const usualShare = 0.8

// meter counts what one run reads, and refuses its calls when a budget is spent.
type meter struct {
	*limits
	budget      Budget
	rows, bytes atomic.Int64
}

type meterKey struct{}

// metered returns a context for a run's calls, and its meter: those of ctx, if
// it is one of this Sync already.
func (s *Sync) metered(ctx context.Context) (context.Context, *meter) {
	if m, ok := ctx.Value(meterKey{}).(*meter); ok && m.limits == s.limits {
		return ctx, m
	}
	m := &meter{limits: s.limits, budget: s.cfg.Budget}
	return salesforce.Metered(context.WithValue(ctx, meterKey{}, m), m), m
}

// Call implements salesforce.Meter. It waits for nothing but a look at the
// limits: its caller may hold an object.
func (m *meter) Call(ctx context.Context) error {
	if err := m.spent(); err != nil {
		return err
	}
	return m.left(ctx, &m.calls)
}

// Bytes implements salesforce.Meter.
func (m *meter) Bytes(n int) { m.bytes.Add(int64(n)) }

// read counts rows that an answer brought.
func (m *meter) read(rows int) { m.rows.Add(int64(rows)) }

func (m *meter) spent() error {
	reached := func(used, bound int64) bool { return bound > 0 && used >= bound }
	if reached(m.rows.Load(), m.budget.Rows) || reached(m.bytes.Load(), m.budget.Bytes) {
		return fault.New(fault.BudgetSpent, "sfsync.Run", "the run has read what Config.Budget allows one run; start the next one to go on from here")
	}
	return nil
}

// allowance is one of the org's allocations of 24 hours.
type allowance struct {
	name      string
	share     float64
	used, max int64 // max is 0 until known
	refused   bool  // the org said no, whatever the numbers say
	told      bool  // that it is spent
}

func newAllowance(name string, share float64) allowance {
	if share == 0 {
		share = usualShare
	}
	return allowance{name: name, share: share}
}

func (a *allowance) spent() bool {
	return a.refused || a.max > 0 && float64(a.used) >= a.share*float64(a.max)
}

// remaining is how much is left until the org itself refuses, -1 if not known.
func (a *allowance) remaining() int64 {
	if a.max == 0 {
		return -1
	}
	return max(0, a.max-a.used)
}
