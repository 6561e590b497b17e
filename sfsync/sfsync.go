package sfsync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/bulk"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/pubsub"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/rest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Config is what a Sync needs: Org, Policy, Store and Vault at least.
type Config struct {
	Org    *salesforce.Org
	Policy *minimize.Policy
	Store  store.Store
	Vault  *crypto.Vault

	// Logger receives progress and faults; nil: nothing is logged.
	Logger *slog.Logger
	// Window is how many events of a topic may be asked for that have not come: 1
	// to 100, the service's cap (Pub/Sub API guide, Subscribe RPC). 0 means 100. It
	// is halved when a stream is cut and grows again, because what is delivered
	// again counts against the org's event deliveries. What has come may wait to
	// be applied: in up to 33 answers of the service, of a Window each at most,
	// and in six batches of as many. Nothing more is asked for meanwhile.
	Window int
	// MaxLoss is the share of an object's rows, above 0 and up to 1, that reads
	// may find gone in a day without an event that says so; a copy that would
	// lose more stops with fault.LossRefused. 0 means 0.1, and 1 sets no limit.
	// Up to store.LossFloor rows may go whatever their share.
	MaxLoss float64
	// FailOnExpired ends Run with fault.ReplayInvalid, and moves nothing, when a
	// stored position cannot be gone on from: it expired, was damaged, or is of
	// an earlier stream. Else a new position is taken, and in the same
	// transaction a comparison of everything is owed, so that no change is lost.
	FailOnExpired bool
	// ReconcileEvery is how often the ids and stamps of all records are compared
	// with the copy, object by object, because Salesforce may never publish a
	// change. 0 means 24 hours; below 0 only Reconcile does it.
	ReconcileEvery time.Duration
	// Actor is the name the ledger records for the engine; "" means "sync".
	Actor string
	// Budget is how much of the org's allocations is used at most.
	Budget Budget
	// Horizon says how long copies outside of this library's reach are kept;
	// the receipt of a Forget rests on it.
	Horizon Horizon
	// ForgetHeads keeps the head of the forget log where no backup of the two
	// databases puts it back with them; nil: nowhere, and that both were put back
	// cannot be noticed.
	ForgetHeads ForgetHeads
}

// Sync keeps one org's copy. Its methods are safe for concurrent use, but only
// one of Run, CatchUp and Changes may be under way.
type Sync struct {
	cfg    Config
	rest   *rest.Client
	bulk   *bulk.Jobs
	events *pubsub.PubSub
	log    *slog.Logger

	turn     turn        // whose session is under way
	counts   sync.Map    // by stable name: *count
	begun    atomic.Bool // a session has been opened once
	status   status
	sight    *sight
	forgets  forgetState
	observed observed
	limits   *limits
	pace     pace
	disabled rule // tests only
}

// New checks the configuration and does no I/O.
func New(cfg Config) (*Sync, error) {
	const op = "sfsync.New"
	switch {
	case cfg.Org == nil || cfg.Policy == nil || cfg.Store == nil || cfg.Vault == nil:
		return nil, fault.New(fault.ConfigInvalid, op, "give Org, Policy, Store and Vault")
	case cfg.Window < 0 || cfg.Window > 100:
		return nil, fault.New(fault.ConfigInvalid, op, "set Window between 1 and 100, or leave it 0")
	case !(cfg.MaxLoss >= 0 && cfg.MaxLoss <= 1):
		return nil, fault.New(fault.ConfigInvalid, op, "set MaxLoss between 0 and 1, or leave it 0")
	case !cfg.Budget.valid():
		return nil, fault.New(fault.ConfigInvalid, op, "set the shares of Budget between 0 and 1, and its bounds to 0 or more")
	case samePath(cfg.Store, cfg.Vault.Keys()):
		return nil, fault.New(fault.ConfigInvalid, op, "keep rows and keys in two databases, so that one stolen file opens nothing")
	}
	if err := cfg.Policy.Validate(); err != nil {
		return nil, err
	}
	if at, ok := cfg.Store.(interface{ Path() string }); ok {
		if err := cfg.Vault.Beside(at.Path()); err != nil {
			return nil, err
		}
	}
	if id := cfg.Org.OrgID(); id != "" && id != cfg.Vault.OrgID() {
		return nil, fault.New(fault.WrongOrg, op, "open the vault with the org id that the org is configured with")
	}
	if cfg.Window == 0 {
		cfg.Window = 100
	}
	if cfg.ReconcileEvery == 0 {
		cfg.ReconcileEvery = 24 * time.Hour
	}
	if cfg.MaxLoss == 0 {
		cfg.MaxLoss = 0.1
	}
	if cfg.Actor == "" {
		cfg.Actor = "sync"
	}
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Sync{cfg: cfg, rest: rest.New(cfg.Org), bulk: bulk.New(cfg.Org),
		events: pubsub.New(cfg.Org, pubsub.Options{Window: cfg.Window}), log: log, sight: newSight(), pace: usualPace}
	s.bulk.PageRecords = cfg.Budget.pageRecords()
	s.limits = newLimits(s, cfg.Budget)
	cfg.Org.Observe(s.observe)
	return s, nil
}

// samePath reports whether two stores say that they live in one file.
func samePath(a, b any) bool {
	x, ok := a.(interface{ Path() string })
	y, ok2 := b.(interface{ Path() string })
	return ok && ok2 && filepath.Clean(x.Path()) == filepath.Clean(y.Path())
}

// Run signs in, makes the first copy of what is owed, follows the stream, and
// returns when all it started has stopped: nil when ctx ended, and every batch
// accepted by then is committed. It resumes where the last run stopped,
// however that ended. A fault that waiting can mend is waited out; any other
// is returned, as is every fault before the first session has begun: an org out
// of reach or a second writer is then more likely a wrong setting.
func (s *Sync) Run(ctx context.Context) error {
	ctx, _ = s.metered(ctx)
	return s.keepTrying(ctx, "", func(ctx context.Context) error {
		for batch, err := range s.Changes(ctx) {
			if err != nil {
				return err
			}
			if err := batch.Ack(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// ended reports whether an error only says that the caller's context ended.
func ended(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (err == nil || errors.Is(err, fault.Canceled) || errors.Is(err, fault.Timeout))
}

// Format prints no field; fmt would read what the workers write.
func (s *Sync) Format(f fmt.State, verb rune) { io.WriteString(f, "sfsync.Sync") }
