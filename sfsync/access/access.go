// Package access decides who may see which fields of the copy, for which
// purpose, and opens nothing that it has not written down first.
//
// The rule it keeps: check, record, open, in that order, in one call. What no
// [Grant] allows is denied and the denial recorded; what cannot be recorded is
// not opened. A [Guard] is the only way from a sealed field to its text.
//
//	guard, err := access.New(access.Config{
//		Vault: vault, Reader: rows, Ledger: rows, Policy: policy,
//		Grants: []access.Grant{{Actor: "helpdesk", Purposes: []string{"support"},
//			Objects: map[string][]string{"Contact": {"FirstName", "Email"}}}},
//	})
//	contact, err := guard.Reveal(ctx, access.Request{Actor: "helpdesk", Purpose: "support",
//		Reason: "case 4711", Object: "Contact", Record: id, Fields: []string{"Email"}})
//	email, ok := contact.Get("Email")
//
// Guard.Find tells in which records an e-mail address, a phone number or another
// value stands, if the policy makes the field findable:
//
//	hits, err := guard.Find(ctx, access.Asker{Actor: "helpdesk", Purpose: "support",
//		Reason: "case 4711"}, minimize.FindEmail, "ada@example.com")
//
// # Security
//
// A field opens only for a purpose that the policy keeps it for, and only if a
// grant names actor, purpose and field. The guard takes the actor as given: to
// authenticate it is the caller's part. The ledger gets names, the reason and
// the person's pseudonym, no value and no record id; of a request that is denied
// it gets only those names that the policy knows, since anything else might be a
// value. Of a search it gets the type and never the value, and with it an entry for
// each field that is opened to confirm it. What is revealed does not print;
// copies that the caller makes of it are out of the guard's hands.
package access

import (
	"slices"

	"github.com/sfsync/sfsync-go/crypto"
	"github.com/sfsync/sfsync-go/minimize"
	"github.com/sfsync/sfsync-go/sfsync/audit"
	"github.com/sfsync/sfsync-go/sfsync/fault"
	"github.com/sfsync/sfsync-go/sfsync/store"
)

// Grant allows an actor to see fields for purposes. Everything that no grant
// names is denied; several grants add up.
type Grant struct {
	Actor    string
	Purposes []string
	Objects  map[string][]string // field names by object, both as in the policy
}

// Request asks for fields of one record.
type Request struct {
	Actor   string   // at most 200 bytes
	Purpose string   // one of the policy
	Reason  string   // why now, without personal data; 1 to 500 bytes
	Object  string   // as in the policy
	Record  string   // 15- or 18-character id; RevealRow takes it from the row
	Fields  []string // as in the policy, at least one
}

// Config is what a Guard needs; all of it is required, save for Grants, without
// which everything is denied.
type Config struct {
	Vault  *crypto.Vault
	Reader store.Reader
	Ledger audit.Appender
	Policy *minimize.Policy
	Grants []Grant
}

// Guard reveals fields. It is safe for concurrent use and does not change.
type Guard struct {
	reader store.Reader
	ledger audit.Appender
	policy *minimize.Policy
	vault  *crypto.Vault
	opener *crypto.Opener
	grants []Grant
	kept   map[string]object // by name in the policy
}

// object is what the policy keeps of one object.
type object struct {
	stable string // the name it is stored under
	fields map[string]field
}

type field struct {
	stable   string
	purposes []string
	find     minimize.Find
}

// New returns a guard. It does no I/O. A grant that names something which the
// policy does not have, or a field for none of its purposes, is a
// fault.PolicyInvalid, as it would never apply.
func New(c Config) (*Guard, error) {
	if c.Vault == nil || c.Reader == nil || c.Ledger == nil || c.Policy == nil {
		return nil, fault.New(fault.ConfigInvalid, "access.New", "something is missing; set Vault, Reader, Ledger and Policy")
	}
	g := &Guard{vault: c.Vault, reader: c.Reader, ledger: c.Ledger, policy: c.Policy, grants: slices.Clone(c.Grants), kept: map[string]object{}}
	for name, o := range c.Policy.Objects {
		g.kept[name] = keeps(name, o)
	}
	for _, grant := range g.grants {
		if err := g.applies(grant); err != nil {
			return nil, err
		}
	}
	var err error
	g.opener, err = c.Vault.Opener(recorder{g})
	return g, err
}

func keeps(name string, o minimize.Object) object {
	kept := object{stable(name, o.Was), map[string]field{}}
	if from := o.Retention.From; from != "" { // kept even where it is not listed
		kept.fields[from] = field{stable: from, purposes: o.Purpose}
	}
	for _, class := range []map[string]minimize.Field{o.Plain, o.Coarse, o.Personal} {
		for name, f := range class {
			purposes := f.Purpose
			if len(purposes) == 0 {
				purposes = o.Purpose
			}
			kept.fields[name] = field{stable(name, f.Was), purposes, f.Find}
		}
	}
	return kept
}

// stable is the name that something is stored under: the first it had.
func stable(name string, was []string) string {
	if len(was) > 0 {
		return was[0]
	}
	return name
}

// applies checks that the grant can ever allow all that it names.
func (g *Guard) applies(grant Grant) error {
	if grant.Actor == "" {
		return fault.New(fault.ConfigInvalid, "access.New", "a grant names no actor; name one")
	}
	for _, purpose := range grant.Purposes {
		if _, ok := g.policy.Purposes[purpose]; !ok {
			return fault.New(fault.PolicyInvalid, "access.New", "a grant names a purpose that the policy does not have; correct one of them")
		}
	}
	for name, fields := range grant.Objects {
		kept, ok := g.kept[name]
		if !ok {
			return fault.New(fault.PolicyInvalid, "access.New", "a grant names an object that the policy does not keep; correct one of them").On(name)
		}
		for _, f := range fields {
			if !slices.ContainsFunc(grant.Purposes, func(p string) bool { return slices.Contains(kept.fields[f].purposes, p) }) {
				return fault.New(fault.PolicyInvalid, "access.New",
					"a grant names a field that the policy does not keep for any purpose of the grant; correct one of them").On(name, f)
			}
		}
	}
	return nil
}
