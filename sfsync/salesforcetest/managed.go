package salesforcetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/sfsync/sfsync-go/internal/pubsubpb"
)

// ManagedSubscription is a ManagedEventSubscription of the org (Metadata API,
// beta): a subscription whose position the service keeps.
type ManagedSubscription struct {
	ID            string // empty has the org choose
	DeveloperName string
	Topic         string // such as /data/ChangeEvents
	// DefaultReplay is where it begins while nothing is committed, and
	// ErrorRecoveryReplay where it goes on, without a word, when what is
	// committed has expired: LATEST, which empty means, or EARLIEST.
	DefaultReplay, ErrorRecoveryReplay string
	State                              string // RUN, which empty means, or STOP
}

// managed is a ManagedSubscription with its position. Its lock is that of all.
type managed struct {
	ManagedSubscription
	all       *managedSet
	committed uint64 // 0 before the first commit
	active    bool   // a client is connected
	held      time.Time
	removed   bool
}

type managedSet struct {
	mu   sync.Mutex
	list []*managed
	made int64
}

// Managed makes a managed subscription, or changes the one of that developer
// name, which keeps its id and what was committed, and returns its id. An open
// stream ends when it is stopped. It lasts until the org is closed.
func (o *Org) Managed(s ManagedSubscription) (id string) {
	set := &o.events.managed
	set.mu.Lock()
	defer o.events.wakeAll()
	defer set.mu.Unlock()
	if m := set.find("", s.DeveloperName); m != nil {
		s.ID = m.ID
		m.ManagedSubscription = s
		return s.ID
	}
	if long, ok := longID(s.ID); ok {
		s.ID = long
	} else {
		set.made++
		s.ID = recordID("18x", set.made)
	}
	set.list = append(set.list, &managed{ManagedSubscription: s, all: set})
	return s.ID
}

// RemoveManaged deletes a managed subscription; its open stream ends.
func (o *Org) RemoveManaged(developerName string) {
	set := &o.events.managed
	set.mu.Lock()
	defer o.events.wakeAll()
	defer set.mu.Unlock()
	set.list = slices.DeleteFunc(set.list, func(m *managed) bool {
		m.removed = m.removed || m.DeveloperName == developerName
		return m.removed
	})
}

// Committed is the replay id that a managed subscription goes on after; nil
// before the first commit.
func (o *Org) Committed(developerName string) []byte {
	set := &o.events.managed
	set.mu.Lock()
	defer set.mu.Unlock()
	if m := set.find("", developerName); m != nil && m.committed > 0 {
		return replayID(m.committed)
	}
	return nil
}

// find looks a subscription up by id or developer name. The caller holds the set.
func (set *managedSet) find(id, developerName string) *managed {
	i := slices.IndexFunc(set.list, func(m *managed) bool {
		return id != "" && m.ID == id || id == "" && m.DeveloperName == developerName
	})
	if i < 0 {
		return nil
	}
	return set.list[i]
}

// alive refuses a stream when its subscription was stopped or deleted. The
// statuses here and below are not documented, but for that of connect.
func (m *managed) alive(ctx context.Context) error {
	m.all.mu.Lock()
	defer m.all.mu.Unlock()
	switch {
	case m.removed:
		return refuseCall(ctx, codes.NotFound, "managed.subscription.config.deleted", "The managed subscription was deleted.")
	case m.State == "STOP":
		return refuseCall(ctx, codes.FailedPrecondition, "managed.subscription.config.stopped", "The managed subscription is stopped.")
	}
	return nil
}

// connect takes the one place that a subscription has for clients. A broken
// connection keeps it for a while (PubSub.SlotHold).
func (m *managed) connect(ctx context.Context, now time.Time) error {
	m.all.mu.Lock()
	defer m.all.mu.Unlock()
	if m.active || now.Before(m.held) {
		return refuseCall(ctx, codes.AlreadyExists, "managed.subscription.already.active", "The managed subscription already has an active client.")
	}
	m.active = true
	return nil
}

func (m *managed) disconnect(held time.Time) {
	m.all.mu.Lock()
	defer m.all.mu.Unlock()
	m.active, m.held = false, held
}

// start is where a stream begins, as the first request of a Subscribe would
// say it.
func (m *managed) start(b *eventBus) *pubsubpb.FetchRequest {
	m.all.mu.Lock()
	defer m.all.mu.Unlock()
	preset := m.DefaultReplay
	if m.committed > 0 {
		id := replayID(m.committed)
		if _, _, ok := b.position(pubsubpb.ReplayPreset_CUSTOM, id); ok {
			return &pubsubpb.FetchRequest{ReplayPreset: pubsubpb.ReplayPreset_CUSTOM, ReplayId: id}
		}
		preset, m.committed = m.ErrorRecoveryReplay, 0
	}
	return &pubsubpb.FetchRequest{ReplayPreset: pubsubpb.ReplayPreset(pubsubpb.ReplayPreset_value[preset])} // LATEST is 0
}

// commit moves the position; the reason why not is for the client.
func (m *managed) commit(b *eventBus, id, latest []byte) (refused string) {
	counter, ok := parseReplayID(id)
	delivered, _ := parseReplayID(latest)
	m.all.mu.Lock()
	defer m.all.mu.Unlock()
	switch {
	case len(id) == 0:
		return "The Replay ID is missing in the commit request."
	case !ok:
		return "The Replay ID in the commit request is invalid."
	case counter < m.committed:
		return "The Replay ID in the commit request is older than the committed one."
	case counter > delivered:
		return "The Replay ID in the commit request wasn't delivered yet."
	}
	if _, _, ok = b.position(pubsubpb.ReplayPreset_CUSTOM, id); !ok {
		return "The Replay ID in the commit request is outside of the retention."
	}
	m.committed = counter
	return ""
}
