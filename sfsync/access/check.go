package access

import (
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

const (
	maxActor  = 200 // bytes
	maxReason = 500
)

// check decides about a request, without a look at the record. It returns the
// request with the record's id in its 18 characters.
func (g *Guard) check(r Request) (Request, error) {
	kept, known := g.kept[r.Object]
	id, valid := recordid.Normalize(r.Record)
	switch {
	case r.Actor == "" || len(r.Actor) > maxActor:
		return r, fault.New(fault.Refused, "access.Reveal", "the request names no actor, or one of over 200 bytes; name who asks")
	case r.Reason == "" || len(r.Reason) > maxReason:
		return r, fault.New(fault.Refused, "access.Reveal", "the request has no reason, or one of over 500 bytes; say why, without personal data")
	case !known:
		return r, fault.New(fault.Refused, "access.Reveal", "the policy does not keep this object; ask for one that it keeps")
	case len(r.Fields) == 0:
		return r, fault.New(fault.Refused, "access.Reveal", "the request names no field; name those that are needed").On(r.Object)
	case !valid:
		return r, fault.New(fault.Refused, "access.Reveal", "the record's id is none; give its 15 or 18 characters").On(r.Object)
	}
	r.Record = id
	for i, name := range r.Fields {
		switch f, ok := kept.fields[name]; {
		case !ok:
			return r, fault.New(fault.Refused, "access.Reveal", "the policy does not keep one of the fields; ask for fields that it keeps").On(r.Object)
		case slices.Contains(r.Fields[:i], name):
			return r, fault.New(fault.Refused, "access.Reveal", "a field is named twice; name it once").On(r.Object, name)
		case !slices.Contains(f.purposes, r.Purpose):
			return r, fault.New(fault.Refused, "access.Reveal", "the policy does not keep this field for that purpose; ask for another purpose, or leave the field out").On(r.Object, name)
		case !g.granted(r, name):
			return r, fault.New(fault.Refused, "access.Reveal", "no grant allows the actor this field for that purpose; ask whoever decides on grants").On(r.Object, name)
		}
	}
	return r, nil
}

func (g *Guard) granted(r Request, field string) bool {
	return slices.ContainsFunc(g.grants, func(grant Grant) bool {
		return grant.Actor == r.Actor && slices.Contains(grant.Purposes, r.Purpose) && slices.Contains(grant.Objects[r.Object], field)
	})
}

// recorder writes each opening into the ledger before it happens.
type recorder struct{ g *Guard }

// Record implements crypto.Recorder.
func (r recorder) Record(ctx context.Context, use crypto.Use) error {
	return r.g.append(ctx, opening(use))
}

// opening is the entry of a use.
func opening(use crypto.Use) audit.Entry {
	e := audit.Entry{Kind: audit.KindReveal, Actor: use.Actor, Purpose: use.Purpose, Reason: use.Reason,
		Object: use.Object, Fields: use.Fields, Count: len(use.Fields)}
	if !use.Person.IsZero() {
		e.Person = use.Person.String()
	}
	return e
}

// fail records that a request was denied, or failed after it was allowed, and
// returns the reason. If that cannot be recorded, it returns that instead:
// nothing is revealed either way.
func (g *Guard) fail(ctx context.Context, kind audit.Kind, r Request, reason error) error {
	e := audit.Entry{Kind: kind, Actor: cut(r.Actor, maxActor), Reason: cut(r.Reason, maxReason), Code: string(fault.CodeOf(reason))}
	if _, ok := g.policy.Purposes[r.Purpose]; ok {
		e.Purpose = r.Purpose
	}
	if kept, ok := g.kept[r.Object]; ok {
		e.Object = kept.stable
		for _, name := range r.Fields {
			if f, ok := kept.fields[name]; ok && !slices.Contains(e.Fields, f.stable) {
				e.Fields = append(e.Fields, f.stable)
			}
		}
	}
	if err := g.append(ctx, e); err != nil {
		return err
	}
	return reason
}

// append writes entries, all or none, even if the caller has gone meanwhile, for five
// seconds: who asks and hangs up has asked.
func (g *Guard) append(ctx context.Context, entries ...audit.Entry) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for i := range entries {
		entries[i].Time, entries[i].Policy = time.Now(), g.policy.Version
	}
	err := g.ledger.Append(ctx, entries...)
	return fault.Wrap(err, fault.Refused, "access.Reveal", "the use could not be recorded, so nothing was opened; see to the ledger")
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
