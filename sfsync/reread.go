package sfsync

import (
	"context"
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

// stubborn is how often an event may win against the re-read of an id before
// its object's batches wait while one call is made.
const stubborn = 3

// payDirty reads the oldest dirty rows again; false: there are none.
func (s *session) payDirty(ctx context.Context, o *object) (bool, error) {
	list, err := s.cfg.Store.Dirty(ctx, o.name, rereadIDs)
	if err != nil || len(list) == 0 {
		return false, err
	}
	batch, err := s.readIDs(ctx, o, list)
	if err != nil {
		return false, err
	}
	return true, batch.wait(ctx)
}

// readIDs reads records by id and queues what becomes of their rows.
func (s *session) readIDs(ctx context.Context, o *object, list []string) (*Batch, error) {
	token := rand.Int64()
	unlock := lockAll(o.family)
	n0 := o.n
	o.open[token] = n0
	contested := o.contested(list)
	if !contested {
		unlock()
	}
	sealing, answers, serverTime, err := s.retrieve(ctx, o, list)
	if !contested {
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
	o.tally(parts[0].Rows)
	return s.enqueue(ctx, store.Batch{Objects: parts})
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
	if err := s.merged(ctx, o, absent); err != nil {
		return nil, nil, 0, err
	}
	sealing, answers, err := s.answers(ctx, o, changes)
	return sealing, append(answers, absent...), got.ServerTime.Unix(), err
}

func (s *session) fetch(ctx context.Context, o *object, list []string) (rest.Answer, error) {
	got, err := s.rest.Retrieve(ctx, o.api, list, o.table.SelectList())
	if err == nil && len(got.Records) != len(list) {
		err = fault.New(fault.Truncated, "sfsync.Run", "Salesforce answered for another number of records than asked; it is asked again").On(o.name)
	}
	return got, err
}

// contested reports whether an event has won against one of the ids so often
// that the next call is made while the object's batches wait.
func (o *object) contested(list []string) bool {
	for _, id := range list {
		if o.beaten[id] >= stubborn {
			return true
		}
	}
	return false
}

// tally counts how often each re-read lost, and forgets those that won.
func (o *object) tally(rows []store.Row) {
	for _, row := range rows {
		if row.Dirty {
			o.beaten[row.ID]++
		} else {
			delete(o.beaten, row.ID)
		}
	}
}
