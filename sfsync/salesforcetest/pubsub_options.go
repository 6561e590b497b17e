package salesforcetest

import (
	"cmp"
	"time"

	"google.golang.org/grpc/codes"
)

// PubSub says how the Pub/Sub side behaves where that is a matter of release,
// org or luck. The zero value is the service as documented, but for the first
// response, which comes at once.
type PubSub struct {
	// KeepAlive is how long a stream with events owed stays silent before an
	// empty response; 0 means 270 s, the documented limit.
	KeepAlive time.Duration
	// StillKeepAlive has empty responses repeat a replay id for as long as no
	// event follows; else it moves with each, as with the traffic of others. The
	// API definition calls it "possibly advanced".
	StillKeepAlive bool
	// FirstResponse is how long a new stream without events waits for its
	// first, empty response. Below 0 it is as late as any other.
	FirstResponse time.Duration
	// IdleClose is how long a stream with no events owed stays open; 0 means
	// 60 s. Salesforce's samples say 60 and 70. That of PublishStream, 70 s or
	// 1,800 s, is no option: it refuses every topic of the org at once.
	IdleClose time.Duration
	// Retention is how long an event can be replayed; 0 means 72 h.
	Retention time.Duration
	// RoundTrip is the time that a request and its answer spend on the way,
	// half in each direction, for connections accepted from then on.
	RoundTrip time.Duration
	// Cap is the number of events a stream may be owed; 0 means 100, below 0 none.
	Cap int
	// RefuseExcess ends a stream that asks for more than the cap; else such a
	// request counts as one for the cap.
	RefuseExcess bool
	// Unmerged publishes an event for each record even if a transaction made
	// the same change to several.
	Unmerged bool
	// MaxEvent is the size in bytes above which a change is published as a gap
	// event; 0 means 1 MB (Change Data Capture Developer Guide, "Gap Events").
	MaxEvent int
	// OverflowAfter is how many changes of a transaction have events of their
	// own, each changed field of an update counting; what comes after them has
	// one GAP_OVERFLOW an object. 0 means 100,000 (the same guide, "Overflow
	// Events").
	OverflowAfter int
	// DiffText publishes changed long texts as diffs where the rules allow.
	DiffText bool
	// SlotHold is how long a connection that CutStreams broke keeps the place
	// of its managed subscription, on the org's clock; the service takes 15
	// minutes to notice, as others saw it.
	SlotHold time.Duration
	// CommitBatch is how long commits of a managed subscription are put
	// together, to be answered as one.
	CommitBatch time.Duration
	// Statuses replace the gRPC status of an error by the end of its
	// error-code, such as topic.not.found: few of them are documented, and
	// clients are to go by the code.
	Statuses map[string]codes.Code
	// Unlicensed refuses every new call with service.tenant.license, Throttled
	// with service.protection.triggered.
	Unlicensed, Throttled bool
	// MaxStreams is how many streaming calls may be open at once, below 0 none;
	// one more is refused with concurrent.client.limit.exceeded. 0: any number.
	MaxStreams int
	// Settle is how long after its first request a stream at LATEST begins:
	// what is published meanwhile is missed. Others saw 3 to 5 seconds.
	Settle time.Duration
	// RefuseReplay refuses every CUSTOM start as if its replay id were corrupted.
	RefuseReplay bool
	// PermissionDelay is how long open streams go on as before when a
	// permission, a selection or a channel changes; the service takes up to ten
	// minutes.
	PermissionDelay time.Duration
	// ChannelSchema has GetTopic name the schema of a channel's first member;
	// else it names none for topics of several objects. Which the service does
	// is not documented.
	ChannelSchema bool
	// NoSchemas has GetSchema know none of the schemas.
	NoSchemas bool
	// OddSchemas has GetSchema answer schemas of another namespace, so that
	// their ids are not their fingerprints: that they are was observed, and is
	// not documented.
	OddSchemas bool
	// ContactNames tells the changed name of a person account in the event of
	// its contact alone; else in both, as the documentation says for orgs that
	// select both objects.
	ContactNames bool
	// TLS12 has the Pub/Sub API offer TLS 1.2 and no more, as hosts outside
	// Hyperforce and Edge do; whether its own host is one is not documented.
	TLS12 bool
	// DropHiddenBits takes the changed bit of a field with the value that
	// field-level security hides; else the bit stays.
	DropHiddenBits bool
}

func (p PubSub) keepAlive() time.Duration { return orElse(p.KeepAlive, 270*time.Second) }
func (p PubSub) idleClose() time.Duration { return orElse(p.IdleClose, 60*time.Second) }
func (p PubSub) retention() time.Duration { return orElse(p.Retention, 72*time.Hour) }

func (p PubSub) firstResponse() time.Duration {
	if p.FirstResponse < 0 {
		return p.keepAlive()
	}
	return p.FirstResponse
}

func (p PubSub) cap() int32 {
	switch {
	case p.Cap < 0:
		return 1<<31 - 1
	case p.Cap == 0:
		return 100
	}
	return int32(p.Cap)
}

func (p PubSub) maxEvent() int      { return cmp.Or(p.MaxEvent, 1<<20) }
func (p PubSub) overflowAfter() int { return cmp.Or(p.OverflowAfter, 100_000) }

func orElse(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// SetPubSub changes how the Pub/Sub side behaves from now on; open streams
// follow at their next step.
func (o *Org) SetPubSub(p PubSub) {
	b := o.events
	b.mu.Lock()
	defer b.mu.Unlock()
	b.options = p
	b.signal()
}
