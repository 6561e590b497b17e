package sfsync

import (
	"context"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// answers seals what a full read returned. It needs no lock: the keys are
// durable before it returns, and no answer depends on the row it will meet.
func (s *session) answers(ctx context.Context, o *object, changes []minimize.Change) (*sealing, []answer, error) {
	s.meter.read(len(changes))
	keys, err := s.cfg.Vault.Sealer().Begin(ctx)
	if err != nil {
		return nil, nil, err
	}
	sealing := s.sealing(o, keys)
	sealing.moves = o.moves.Load()
	rules := len(o.schema.Rules)
	wants := make([]crypto.Want, 0, len(changes)*rules)
	list := make([]answer, len(changes))
	for i, c := range changes {
		list[i].id = c.RecordID(0)
		wants = sealing.wants(wants, o.table, list[i].id, c)
		list[i].owners = o.owners(wants[len(wants)-rules:])
	}
	subjects, err := keys.Subjects(ctx, wants)
	if err != nil {
		return nil, nil, err
	}
	o.strayed(keys)
	for i, c := range changes {
		a := &list[i]
		a.stamp = c.Stamp()
		a.subjects, subjects = subjects[:rules:rules], subjects[rules:]
		if own := wants[i*rules].Owner.IsZero(); a.subjects[0].Forgotten() && (own || !o.keepsPlain) {
			continue
		}
		if a.cells, a.complete, err = sealing.seal(a.id, a.subjects, c); err != nil {
			return nil, nil, err
		}
	}
	return sealing, list, nil
}

// settled loads the rows that a read answers for and settles each. The first
// part of the result is the object's own, others make the rows dirty that took
// a person from a record that moved. The caller holds the object's family.
func (s *session) settled(ctx context.Context, o *object, sealing *sealing, answers []answer, n0, serverTime int64) ([]store.ObjectBatch, error) {
	m := &maker{sealing: sealing, o: o, order: make([]string, 0, len(answers))}
	seen := make(map[string]bool, len(answers))
	for _, a := range answers { // an id that came twice is one row
		if !seen[a.id] {
			seen[a.id] = true
			m.order = append(m.order, a.id)
		}
	}
	var err error
	if m.records, err = o.load(ctx, s.cfg.Store, m.order); err != nil {
		return nil, err
	}
	for _, a := range answers {
		m.settle(m.records[a.id], a, n0, serverTime)
	}
	return append([]store.ObjectBatch{m.result()}, o.followed(m.moved)...), nil
}
