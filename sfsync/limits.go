package sfsync

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/rest"
)

// limits are the org's allocations as last seen. Nothing watches them: whoever
// wants to use one looks when a look is due, and those who come meanwhile wait
// for it.
type limits struct {
	org  *salesforce.Org
	rest *rest.Client
	pace *pace
	tell func(allocation string) // that one has come to its share

	looking chan struct{} // holds one token, taken during a look

	mu         sync.Mutex
	next       time.Time // when the next look is due
	looked     time.Time // when the last one ended
	calls      allowance
	deliveries allowance
	open       context.Context // ends when the deliveries are spent
	shut       context.CancelCauseFunc
}

func newLimits(s *Sync, b Budget) *limits {
	l := &limits{org: s.cfg.Org, rest: s.rest, pace: &s.pace, tell: s.observeLimit, looking: make(chan struct{}, 1),
		calls: newAllowance("API calls", b.Calls), deliveries: newAllowance("event deliveries", b.Deliveries)}
	l.open, l.shut = context.WithCancelCause(context.Background())
	return l
}

// left returns nil while there is something left of the allowance, and else a
// fault that says when the next look is.
func (l *limits) left(ctx context.Context, a *allowance) error {
	if err := l.lookIfDue(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.check(a)
}

// check is left without a look. The caller holds mu.
func (l *limits) check(a *allowance) error {
	l.heard()
	was := a.told
	if a.told = a.spent(); !a.told {
		return nil
	}
	if !was {
		l.tell(a.name)
	}
	if soon := time.Now().Add(l.pace.refill); l.next.After(soon) {
		l.next = soon
	}
	wait := time.Until(l.next)
	if a == &l.calls {
		return fault.New(fault.LimitExceeded, "sfsync.Run", "the caller's share of the org's API calls of 24 hours is used; wait, or raise Config.Budget").After(wait)
	}
	err := fault.New(fault.LimitExceeded, "sfsync.Run", "the caller's share of the org's event deliveries of 24 hours is used; wait, events are kept 72 hours, or raise Config.Budget").After(wait)
	l.shut(err) // which hands it to every stream: it must not change any more
	return err
}

// heard takes over what the last answer said. The caller holds mu.
func (l *limits) heard() {
	if u := l.org.Usage(); u.At.After(l.looked) {
		l.calls.used, l.calls.max = int64(u.Used), int64(u.Max)
	}
}

func (l *limits) due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !time.Now().Before(l.next)
}

// lookIfDue asks for the limits, if it is time. Its fault is one that other
// calls would meet too; what only keeps it from seeing the limits is none.
func (l *limits) lookIfDue(ctx context.Context) error {
	if !l.due() {
		return nil
	}
	select {
	case l.looking <- struct{}{}:
		defer func() { <-l.looking }()
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Canceled, "sfsync.Run", "the run was stopped")
	}
	if !l.due() {
		return nil
	}
	short, cancel := context.WithTimeout(salesforce.Metered(ctx, nil), time.Minute)
	defer cancel()
	seen, err := l.rest.Limits(short)
	if ctx.Err() != nil {
		return err
	}
	l.note(seen, err)
	switch fault.CodeOf(err) {
	case fault.SignInRefused, fault.Blocked, fault.WrongOrg, fault.TLSRefused:
		return err
	}
	return nil
}

// note takes over what a look saw. One that failed leaves the deliveries to
// what the org says when they are asked for.
func (l *limits) note(seen map[string]rest.Limit, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looked = time.Now()
	l.calls.refused = fault.CodeOf(err) == fault.LimitExceeded
	l.calls.take(seen["DailyApiRequests"])
	l.deliveries.refused = false
	l.deliveries.take(seen["DailyDeliveredPlatformEvents"])
	l.next = l.looked.Add(l.pace.survey)
	if l.calls.spent() || l.deliveries.spent() || fault.Retryable(err) {
		l.next = l.looked.Add(l.pace.refill)
	}
	if !l.deliveries.spent() && l.open.Err() != nil {
		l.open, l.shut = context.WithCancelCause(context.Background())
	}
}

func (a *allowance) take(seen rest.Limit) {
	if seen.Max > 0 {
		a.used, a.max = seen.Max-seen.Remaining, seen.Max
	}
}

// Error codes by which the org itself says that an allocation is used up.
const (
	noCalls      = "REQUEST_LIMIT_EXCEEDED"
	noDeliveries = "sfdc.platform.eventbus.grpc.subscription.limit.exceeded"
)

// refusal notes a refusal of the org and returns how long to wait after it: 0
// for faults that are none.
func (l *limits) refusal(err error) time.Duration {
	var e *fault.Error
	if !errors.As(err, &e) || e.Code() != fault.LimitExceeded {
		return 0
	}
	a := map[string]*allowance{noCalls: &l.calls, noDeliveries: &l.deliveries}[e.ServerCode()]
	if a == nil && e.RetryAfter() > 0 { // said by check, or by the org
		return e.RetryAfter()
	}
	if a == nil {
		return l.pace.refill
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a.refused = true
	errors.As(l.check(a), &e)
	return e.RetryAfter()
}

// deliver counts events that came.
func (l *limits) deliver(ctx context.Context, events int) error {
	l.mu.Lock()
	l.deliveries.used += int64(events)
	l.mu.Unlock()
	return l.left(ctx, &l.deliveries)
}

// whenSpent has cancel called when the deliveries are spent, until the returned
// function is.
func (l *limits) whenSpent(cancel context.CancelCauseFunc) (stop func() bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	open := l.open
	return context.AfterFunc(open, func() { cancel(context.Cause(open)) })
}

// remaining is what is left of both until the org refuses, -1 while not known.
func (l *limits) remaining() (calls, deliveries int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard()
	return l.calls.remaining(), l.deliveries.remaining()
}
