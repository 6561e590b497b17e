package sfsync

import (
	"context"
	"errors"
	"math/rand/v2"

	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/salesforce/rest"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// rereadIDs is how many dirty rows one call reads: sObject Collections accept
// up to 2,000 ids in a POST (REST API guide, Get Records with sObject Rows);
// fewer keep an answer under a few megabytes.
const rereadIDs = 500

// hopeless is how many ids may fail alone, and none be read, before the cause
// is not sought in single ids any more.
const hopeless = 8

// payDirty reads the oldest dirty rows again; false: there are none to be read
// now.
func (s *session) payDirty(ctx context.Context, o *object) (bool, error) {
	if err := s.followLinks(ctx, o); err != nil {
		return false, err
	}
	list, contested, err := s.due(ctx, o)
	if err != nil || len(list) == 0 {
		return false, err
	}
	if contested {
		return true, s.readFirst(ctx, o, list)
	}
	search := isolation{session: s, o: o}
	if err := search.read(ctx, list); err != nil {
		return false, err
	}
	o.rested(search.good > 0 || search.bad < hopeless, s.pace)
	return true, nil
}

// readFirst makes one call while the object's batches wait: events have won
// against these ids too often. Whatever becomes of it, the batches go first then.
func (s *session) readFirst(ctx context.Context, o *object, list []string) error {
	batch, err := s.readIDs(ctx, o, list, true)
	o.yielded(list)
	if err != nil && !maybeOne(err) {
		return err
	}
	if err != nil {
		return nil // they are read in halves next
	}
	return batch.wait(ctx)
}

// isolation reads a list, and in halves what cannot be read whole, down to the
// ids that cannot be read alone. Those stay dirty: an error is no absence.
type isolation struct {
	*session
	o    *object
	good int // calls that were answered
	bad  int // ids that failed alone
}

func (i *isolation) read(ctx context.Context, list []string) error {
	if i.bad == hopeless && i.good == 0 {
		return nil
	}
	batch, err := i.readIDs(ctx, i.o, list, false)
	switch {
	case err == nil:
		i.good++
		return batch.wait(ctx)
	case !maybeOne(err):
		return err
	case len(list) == 1:
		i.giveUp(list[0], err)
		return nil
	}
	half := len(list) / 2
	if err := i.read(ctx, list[:half]); err != nil {
		return err
	}
	return i.read(ctx, list[half:])
}

// giveUp leaves an id for later. Its log line names the object and never the id.
func (i *isolation) giveUp(id string, err error) {
	i.bad++
	i.log.Warn("a record cannot be read; it is tried again later", "object", i.o.name, "fault", err)
	i.o.mu.Lock()
	i.o.postpone(id, i.pace.badAgain)
	i.o.mu.Unlock()
	i.status.unreadable(i.o)
}

// readIDs reads records by id and queues what becomes of their rows. With first
// the object's batches wait for the answer.
func (s *session) readIDs(ctx context.Context, o *object, list []string, first bool) (*Batch, error) {
	token := rand.Int64()
	unlock := lockAll(o.family)
	n0 := o.n
	o.open[token] = n0
	retrieve := s.retrieveSoon
	if !first {
		unlock()
		retrieve = s.retrieve
	}
	sealing, answers, serverTime, err := retrieve(ctx, o, list)
	if !first {
		unlock = lockAll(o.family)
	}
	defer unlock()
	delete(o.open, token)
	if err != nil {
		return nil, err
	}
	parts := []store.ObjectBatch{{Object: o.name}}
	if n0 >= o.floor {
		if parts, err = s.settled(ctx, o, sealing, answers, n0, serverTime); err != nil {
			return nil, err
		}
	}
	if lost := parts[0].Lost; lost > 0 && o.topic == nil {
		s.log.Warn("records are gone that Salesforce did not list as deleted; see that the user views all records, as hidden ones look the same", "object", o.name, "records", lost)
	}
	if err := s.lossAllowed(o, &parts[0]); err != nil {
		return nil, err
	}
	o.tally(parts[0].Rows, n0)
	return s.enqueue(ctx, store.Batch{Objects: parts})
}

// retrieveSoon is retrieve for a caller for whom others wait.
func (s *session) retrieveSoon(ctx context.Context, o *object, list []string) (*sealing, []answer, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.pace.longestFirst)
	defer cancel()
	return s.retrieve(ctx, o, list)
}

// retrieve asks for the records with the fields that may be read now. Only an
// explicit miss is an absence; an error is not.
func (s *session) retrieve(ctx context.Context, o *object, list []string) (*sealing, []answer, int64, error) {
	got, err := s.fetch(ctx, o, list)
	if err != nil {
		return nil, nil, 0, err
	}
	records, changes := o.table.Records(), make([]minimize.Change, 0, len(list))
	var absent []answer
	for i, raw := range got.Records {
		if raw == nil {
			absent = append(absent, answer{id: list[i], absent: true})
			continue
		}
		c := minimize.NewChange()
		if err := records.Decode(c, raw); err != nil {
			return nil, nil, 0, err
		}
		changes = append(changes, c)
	}
	if len(absent) > 0 {
		if err := s.seesAll(ctx, o); err != nil {
			return nil, nil, 0, err
		}
	}
	if err := s.merged(ctx, o, absent); err != nil {
		return nil, nil, 0, err
	}
	sealing, answers, err := s.answers(ctx, o, changes)
	return sealing, append(answers, absent...), got.ServerTime.Unix(), err
}

func (s *session) fetch(ctx context.Context, o *object, list []string) (rest.Answer, error) {
	got, err := s.rest.Retrieve(ctx, o.api, list, o.table.SelectList())
	if s.disabled&refusalIsNoAbsence != 0 && (errors.Is(err, fault.Denied) || errors.Is(err, fault.LimitExceeded)) {
		return rest.Answer{Records: make([][]byte, len(list))}, nil
	}
	if err == nil && len(got.Records) != len(list) {
		err = fault.New(fault.Truncated, "sfsync.Run", "Salesforce answered for another number of records than asked; it is asked again").On(o.name)
	}
	return got, err
}
