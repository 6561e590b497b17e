package sfsync

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// session is one stretch of work from what is durable until something ends it.
type session struct {
	*Sync
	meter   *meter
	epoch   int64
	objects map[string]*object // by stable name
	topics  map[string]*topic  // by topic name
	names   map[string]string  // API name -> stable name
	queue   chan *Batch
	unacked unacked
	stop    context.CancelCauseFunc

	ended <-chan struct{}

	turning   chan struct{} // holds a token for each page of results under way
	comparing chan struct{} // holds a token while an object is compared that was due
	streaming bool          // not a pass without a stream

	whereabouts whereabouts
}

// Changes hands out the batches that Run would apply, before they are applied.
// Ack applies one. Leaving the loop stops everything; what was not acknowledged
// comes again with the next call. The iteration ends with ctx, without an
// error, or with the fault that stopped it.
func (s *Sync) Changes(ctx context.Context) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		left := false
		err := s.session(ctx, func(ctx context.Context, se *session) error {
			return se.stream(ctx, func(b *Batch, err error) bool { left = !yield(b, err); return !left })
		})
		if err != nil && !left {
			yield(nil, err)
		}
	}
}

// errLeft says that the caller left the loop.
var errLeft = fault.New(fault.Canceled, "sfsync.Changes", "the loop was left")

// session opens a session and runs work in it. Only one is under way at a time.
func (s *Sync) session(ctx context.Context, work func(context.Context, *session) error) error {
	if !s.turn.take() {
		return errTaken
	}
	defer s.turn.give()
	inner, meter := s.metered(ctx)
	inner, stop := context.WithCancelCause(inner)
	defer stop(nil)
	se := &session{Sync: s, meter: meter, objects: map[string]*object{}, topics: map[string]*topic{}, names: map[string]string{},
		queue: make(chan *Batch, queueLength), stop: stop, ended: inner.Done(), comparing: make(chan struct{}, 1), turning: make(chan struct{}, pagesAtOnce)}
	err := se.open(inner)
	if err == nil {
		s.turn.show(se)
		err = work(inner, se)
	}
	s.status.phase("stopped")
	var cause *fault.Error // given to stop by whatever failed first
	if errors.As(context.Cause(inner), &cause) {
		err = cause
	}
	if ended(ctx, err) {
		return nil
	}
	se.recordEnd(ctx, err)
	return err
}

// recordEnd puts into the ledger that a fault ended the run for good. It may be
// that of the store, which then cannot take it.
func (s *session) recordEnd(ctx context.Context, err error) {
	var e *fault.Error
	if s.epoch == 0 || !errors.As(err, &e) || mendable(err) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	entry := s.entry(audit.Entry{Kind: audit.KindFault, Object: e.Object(), Code: string(e.Code())})
	_ = s.cfg.Store.Apply(ctx, &store.Batch{Epoch: s.epoch, Policy: s.cfg.Policy.Version, Entries: append(s.observed.take(), entry)})
}

// open signs in, compiles the policy against the org, and prepares the store.
func (s *session) open(ctx context.Context) error {
	s.status.phase("signing in")
	identity, err := s.cfg.Org.SignIn(ctx)
	if err != nil {
		return err
	}
	if identity.OrgID != s.cfg.Vault.OrgID() {
		return fault.New(fault.WrongOrg, "sfsync.Run", "the keys belong to another org than the one signed in to; use this org's keys")
	}
	tables, schema, err := s.compile(ctx, s.remembered)
	if err != nil {
		return err
	}
	state, err := s.cfg.Store.Prepare(ctx, schema)
	if err != nil {
		return err
	}
	lifted := s.liftings()
	if err := s.finishForgetting(ctx); err != nil { // before anything is sealed
		return err
	}
	if s.liftings() != lifted { // and rows are owed reads that the state does not know of
		if state, err = s.cfg.Store.Prepare(ctx, schema); err != nil {
			return err
		}
	}
	if err := s.ensureIndex(ctx, tables); err != nil {
		return err
	}
	s.epoch = state.Epoch
	for i, table := range schema.Tables {
		o := newObject(tables[i], table, state.Objects[table.Object])
		o.held, o.keepsPlain = s.sight.held(o.name), s.keepsPlain(o.api)
		if t, ok := s.counts.Load(o.name); ok {
			o.count = t.(*count)
		}
		s.objects[o.name], s.names[o.api] = o, o.name
		if table.Topic != "" {
			s.join(o, table.Topic, state.Topics[table.Topic])
		}
	}
	s.relate()
	s.begun.Store(true)
	s.status.opened(s)
	s.log.Info("signed in and prepared", "objects", len(s.objects), "policy", s.cfg.Policy.Version)
	if err := s.keysBehind(ctx, state.Keys); err != nil {
		return err
	}
	_, err = s.enqueue(ctx, store.Batch{Entries: []audit.Entry{s.entry(audit.Entry{Kind: audit.KindStart})}})
	return err
}

// remembered is an object's table as it was when last in sight, and holds the
// object. Before the first session there is none: what is lost then is more
// likely a wrong setting.
func (s *session) remembered(name string, err error) *minimize.Table {
	table := s.sight.table(name)
	if table == nil || !s.begun.Load() {
		return nil
	}
	if s.sight.held(table.StableName()) == nil {
		s.sight.hold(table.StableName(), err, s.pace)
	}
	return table
}

// compile describes each object of the policy and fits the policy to it. What
// instead returns, if anything, takes the place of one that is lost.
func (s *Sync) compile(ctx context.Context, instead func(name string, err error) *minimize.Table) ([]*minimize.Table, store.Schema, error) {
	schema := store.Schema{Org: s.cfg.Vault.OrgID(), Policy: s.cfg.Policy.Version, Hash: s.cfg.Policy.Hash()}
	var tables []*minimize.Table
	for _, name := range s.cfg.Policy.ObjectNames() {
		table, err := s.describe(ctx, name)
		if lost(err) {
			table = instead(name, err)
		}
		if table == nil {
			return nil, schema, err
		}
		tables = append(tables, table)
	}
	if err := s.bothTopics(tables); err != nil {
		return nil, schema, err
	}
	moves, personal := movable(tables), personal(tables)
	for _, table := range tables {
		schema.Tables = append(schema.Tables, s.kept(table, moves, personal))
	}
	return tables, schema, nil
}

// kept is a compiled table as the store needs to know it.
func (s *Sync) kept(table *minimize.Table, movable, personal map[string]bool) store.Table {
	kept := store.Table{Object: table.StableName(), Topic: s.cfg.Policy.Topic(table.Object())}
	for _, rule := range table.Rules() {
		kept.Rules = append(kept.Rules, ruleText(table, rule, movable))
	}
	for _, c := range table.Columns() {
		kept.Columns = append(kept.Columns, store.Column{Name: c.Name, Rule: c.Rule, Type: byte(c.Type),
			Sealed: c.Class == minimize.Personal, Small: c.Type == minimize.Picklist || c.Type == minimize.Boolean,
			Link: c.Type == minimize.ID && (len(c.Objects) == 0 || slices.ContainsFunc(c.Objects, func(o string) bool { return personal[o] })),
			Find: crypto.IndexType(c.Find)})
	}
	return kept
}

// stream runs topics and workers and hands out what they make.
func (s *session) stream(ctx context.Context, yield func(*Batch, error) bool) error {
	s.status.phase("running")
	s.streaming = true
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.keepForgetting(ctx) })
	for _, t := range s.topics {
		g.Go(func() error { return s.follow(ctx, t) })
		g.Go(func() error { return s.foretell(ctx, t) })
	}
	for _, o := range s.objects {
		g.Go(func() error { return s.scan(ctx, o) })
		g.Go(func() error { return s.reread(ctx, o) })
		g.Go(func() error { return s.watch(ctx, o) })
		g.Go(func() error { return s.reconcileDue(ctx, o) })
		g.Go(func() error { return s.reconcileAsked(ctx, o) })
		if o.topic == nil {
			g.Go(func() error { return s.poll(ctx, o) })
		}
	}
	return s.drain(ctx, g, yield)
}

// drain hands out batches until ctx ends, then waits for all makers.
func (s *session) drain(ctx context.Context, g *errgroup.Group, yield func(*Batch, error) bool) error {
	var err error
	for err == nil && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case b := <-s.queue:
			err = s.accept(ctx, b)
			if err == nil && !b.quiet() && !yield(b, nil) {
				err = errLeft
			}
		}
	}
	s.stop(err)
	if failed := g.Wait(); err == nil {
		err = failed
	}
	return err
}

// observed are ledger entries of what the org reported; they commit with the
// next batch.
type observed struct {
	sync.Mutex
	entries []audit.Entry
}

func (s *Sync) observe(e salesforce.Event) {
	s.observed.Lock()
	defer s.observed.Unlock()
	entry := audit.Entry{Kind: audit.KindSignIn, Host: e.Host, Reason: e.Reason}
	switch e.Kind {
	case salesforce.UsedTLS12:
		entry.Kind = audit.KindException
	case salesforce.Refused:
		entry.Code = string(fault.CodeOf(e.Err))
	}
	s.observed.entries = append(s.observed.entries, s.entry(entry))
}

// observeLimit notes that an allocation of the org has come to the caller's share.
func (s *Sync) observeLimit(allocation string) {
	s.observed.Lock()
	defer s.observed.Unlock()
	s.observed.entries = append(s.observed.entries, s.entry(audit.Entry{Kind: audit.KindFault, Reason: allocation, Code: string(fault.LimitExceeded)}))
}

func (o *observed) take() []audit.Entry {
	o.Lock()
	defer o.Unlock()
	entries := o.entries
	o.entries = nil
	return entries
}

func (s *Sync) entry(e audit.Entry) audit.Entry {
	e.Time, e.Actor, e.Policy = time.Now().UTC().Truncate(time.Millisecond), s.cfg.Actor, s.cfg.Policy.Version
	return e
}
