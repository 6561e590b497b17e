package sfsync

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Batch is a set of changes that is applied whole: the rows, the position that
// passes them and the ledger entries, in one transaction at [Batch.Ack].
type Batch struct {
	store   store.Batch
	index   index
	session *session
	done    chan struct{} // closed when the batch has committed
}

// Rows yields the object and row of each change in the order of the stream:
// sealed cells, operation, commit time, transaction key and sequence. There is
// no before-image. Personal fields open only through access.Guard.RevealRow.
func (b *Batch) Rows() iter.Seq2[string, store.Row] {
	return func(yield func(string, store.Row) bool) {
		for _, o := range b.store.Objects {
			for _, row := range o.Rows {
				if !yield(o.Object, row) {
					return
				}
			}
		}
	}
}

// Topic is the topic the batch came from, or "" for the rows of a read.
func (b *Batch) Topic() string { return b.store.Topic }

// Ack applies the batch to the store and moves the position. Batches are
// acknowledged in the order they came (fault.Conflict otherwise); what was not
// acknowledged comes again, with all after it.
func (b *Batch) Ack(ctx context.Context) error { return b.session.ack(ctx, b) }

// MarshalJSON writes the batch as an object with "topic" and "changes"; each
// change has "object", "id", "op", "dirty" and, where they are known, "commit"
// (RFC 3339), "transaction", "sequence", and "fields": plain fields as text,
// null as null, sealed fields as {"sealed": base64}. Fields that say nothing
// are left out, save that those of a forgotten person in another's record are
// null. Of a record with the op "forget" nothing stays but these fields.
func (b *Batch) MarshalJSON() ([]byte, error) {
	out := struct {
		Topic   string       `json:"topic,omitempty"`
		Changes []jsonChange `json:"changes"`
	}{Topic: b.Topic(), Changes: []jsonChange{}}
	for object, row := range b.Rows() {
		out.Changes = append(out.Changes, b.session.objects[object].json(row))
	}
	return json.Marshal(out)
}

type jsonChange struct {
	Object      string         `json:"object"`
	ID          string         `json:"id"`
	Op          store.Op       `json:"op"`
	Dirty       bool           `json:"dirty,omitempty"`
	Commit      string         `json:"commit,omitempty"`
	Transaction string         `json:"transaction,omitempty"`
	Sequence    int            `json:"sequence,omitempty"`
	Fields      map[string]any `json:"fields,omitempty"`
}

func (o *object) json(row store.Row) jsonChange {
	c := jsonChange{Object: o.name, ID: row.ID, Op: row.Op, Dirty: row.Dirty,
		Transaction: row.Transaction, Sequence: row.Sequence, Fields: map[string]any{}}
	if row.Commit != 0 {
		c.Commit = time.Unix(row.Commit, 0).UTC().Format(time.RFC3339)
	}
	for i, cell := range row.Cells {
		name := o.schema.Columns[i].Name
		switch {
		case cell.State == store.Null || o.schema.Columns[i].Sealed && erased(row, o.schema.Columns[i].Rule):
			c.Fields[name] = nil
		case cell.State == store.Value && o.schema.Columns[i].Sealed:
			c.Fields[name] = map[string][]byte{"sealed": cell.Bytes}
		case cell.State == store.Value:
			c.Fields[name] = string(cell.Bytes)
		}
	}
	return c
}

// erased reports whether the person of a rule was forgotten, in a record that is
// about another.
func erased(row store.Row, rule int) bool {
	return rule > 0 && len(row.Persons) > 0 && row.Persons[rule].IsZero()
}

// quiet reports whether the batch has nothing for a consumer of changes.
func (b *Batch) quiet() bool {
	return !slices.ContainsFunc(b.store.Objects, func(o store.ObjectBatch) bool { return len(o.Rows) > 0 })
}

// unacked are the batches handed out and not yet committed, oldest first.
type unacked struct {
	sync.Mutex
	batches []*Batch
}

// accept takes a batch from the queue. A quiet one commits as soon as all
// before it have.
func (s *session) accept(ctx context.Context, b *Batch) error {
	s.unacked.Lock()
	defer s.unacked.Unlock()
	s.unacked.batches = append(s.unacked.batches, b)
	return s.flush(ctx)
}

func (s *session) ack(ctx context.Context, b *Batch) error {
	s.unacked.Lock()
	defer s.unacked.Unlock()
	if len(s.unacked.batches) == 0 || s.unacked.batches[0] != b {
		return fault.New(fault.Conflict, "sfsync.Batch.Ack", "acknowledge each batch once and in the order they came")
	}
	if err := s.commit(ctx, b); err != nil {
		return err
	}
	return s.flush(ctx)
}

// flush commits the quiet batches at the head. The caller holds the lock.
func (s *session) flush(ctx context.Context) error {
	for len(s.unacked.batches) > 0 && s.unacked.batches[0].quiet() {
		if err := s.commit(ctx, s.unacked.batches[0]); err != nil {
			return err
		}
	}
	return nil
}

// commit applies the oldest batch. It is not cut short by the caller's
// context: a transaction that began is finished.
func (s *session) commit(ctx context.Context, b *Batch) error {
	if err := s.apply(context.WithoutCancel(ctx), &b.store); err != nil {
		s.giveUp(ctx, b, err)
		s.stop(err)
		return err
	}
	s.unacked.batches = s.unacked.batches[1:]
	s.prune(ctx, b.index)
	for i := range b.store.Objects {
		o := &b.store.Objects[i]
		s.objects[o.Object].committed(o)
	}
	s.status.committed(&b.store)
	for _, o := range b.store.Objects {
		s.status.unreadable(s.objects[o.Object])
	}
	close(b.done)
	return nil
}

// giveUp ends the reads of a batch that the store refused because it would lose
// too many rows: the next run asks Salesforce again and does not go on with the
// answer that was refused.
func (s *session) giveUp(ctx context.Context, b *Batch, err error) {
	if fault.CodeOf(err) != fault.LossRefused {
		return
	}
	end := store.Batch{Epoch: b.store.Epoch, Policy: b.store.Policy}
	for _, o := range b.store.Objects {
		end.Objects = append(end.Objects, store.ObjectBatch{Object: o.Object, N: o.N, End: o.End})
	}
	if err := s.cfg.Store.Apply(context.WithoutCancel(ctx), &end); err != nil {
		s.log.Warn("a refused read could not be given up; it is refused again", "fault", err)
	}
}
