package crypto

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

// Vault holds the way from a key-encryption key to the key of each person of
// one org. It is safe for concurrent use.
type Vault struct {
	keys KeyStore
	org  string

	suppress suppression   // for the life of the vault: it destroys nothing and never changes
	memory   *memory       // what is unwrapped, for a minute
	loading  chan struct{} // one call to the key-encryption key at a time
	sealer   *Sealer
	rules    rules // as OpenVault left them

	mu        sync.Mutex
	kek       tink.AEADWithContext
	databases []string // that Beside was told of
	exposures []string
}

func (v *Vault) wrapper() tink.AEADWithContext {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.kek
}

// OpenVault opens the keys of an org. In a database that is new it first makes
// a branch and a suppression keyset, encrypted by kek; this and later calls to
// kek carry the org, the use and the version of the keyset as associated data.
//
// Errors are WrongOrg where the database belongs to another org,
// KeyUnavailable where kek refuses or is another one, ConfigInvalid where a key
// file lies beside the database, and those of the store.
func OpenVault(ctx context.Context, keys KeyStore, kek tink.AEADWithContext, orgID string, options ...Option) (*Vault, error) {
	org, ok := recordid.Normalize(orgID)
	if !ok || org[:3] != "00D" {
		return nil, fault.New(fault.ConfigInvalid, "crypto.OpenVault", "the org id is not one; it begins with 00D and has 15 or 18 characters")
	}
	if keys == nil || kek == nil {
		return nil, fault.New(fault.ConfigInvalid, "crypto.OpenVault", "a key store and a key-encryption key are required; give both")
	}
	v := &Vault{keys: keys, kek: kek, org: org, memory: newMemory(), loading: make(chan struct{}, 1), rules: rules{of: normalisers}}
	v.sealer = &Sealer{vault: v, pending: map[counted]int64{}}
	for _, o := range options {
		o(v)
	}
	if located, ok := keys.(interface{ Path() string }); ok {
		if err := v.Beside(located.Path()); err != nil {
			return nil, err
		}
	}
	if err := v.open(ctx); err != nil {
		return nil, err
	}
	return v, nil
}

func (v *Vault) open(ctx context.Context) error {
	root, err := v.keys.Root(ctx)
	if err == nil && root.Org == "" {
		root, err = v.found(ctx)
	}
	if err == nil {
		err = v.check(root)
	}
	if err != nil {
		return err
	}
	i := slices.IndexFunc(root.Keysets, func(k Keyset) bool { return k.Use == SuppressionUse })
	if i < 0 {
		return fault.New(fault.StoreDamaged, "crypto.OpenVault", "the keys database has no suppression keyset; restore it from a backup")
	}
	p, err := openKeyset(ctx, v.wrapper(), v.org, root.Keysets[i])
	if err != nil {
		return err
	}
	v.suppress = p.(suppression)
	_, err = v.begin(ctx)
	return err
}

// found makes the keysets of a new database. Of two processes that do so at
// once one wins, and both go on with what it stored.
func (v *Vault) found(ctx context.Context) (Root, error) {
	a := Addition{Org: v.org}
	for _, use := range []string{BranchUse, SuppressionUse} {
		k, err := newKeyset(ctx, v.wrapper(), v.org, use, 1)
		if err != nil {
			return Root{}, err
		}
		a.Keysets = append(a.Keysets, k)
	}
	if err := v.keys.Add(ctx, a); err != nil {
		return Root{}, err
	}
	return v.keys.Root(ctx)
}

// Writes is how often something was stored that rows may rest on: see [Root]. It
// falls only where the key store was put back from a backup.
func (v *Vault) Writes(ctx context.Context) (int64, error) {
	root, err := v.keys.Root(ctx)
	return root.Writes, err
}

func (v *Vault) check(root Root) error {
	if root.Org != v.org {
		return fault.New(fault.WrongOrg, "crypto.OpenVault", "the keys database belongs to another org; give the one of this org, or a path that is not taken")
	}
	return nil
}

// Beside tells the vault of another database on this machine, such as the one
// of the rows. It fails where the key-encryption key is a file that must not
// lie beside it, and otherwise adds to the Exposures.
func (v *Vault) Beside(database string) error {
	v.mu.Lock()
	v.databases = append(v.databases, database)
	v.mu.Unlock()
	return v.beside(v.wrapper(), database)
}

func (v *Vault) beside(kek tink.AEADWithContext, database string) error {
	placed, ok := kek.(Placed)
	if !ok {
		return nil
	}
	exposure, err := placed.Beside(database)
	if err != nil || exposure == "" {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !slices.Contains(v.exposures, exposure) {
		v.exposures = append(v.exposures, exposure)
	}
	return nil
}

// besides holds another key-encryption key against the databases known.
func (v *Vault) besides(kek tink.AEADWithContext) error {
	v.mu.Lock()
	databases := slices.Clone(v.databases)
	v.mu.Unlock()
	for _, d := range databases {
		if err := v.beside(kek, d); err != nil {
			return err
		}
	}
	return nil
}

// Exposures are sentences about what protects less than it could and was
// accepted; a report shows them.
func (v *Vault) Exposures() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.exposures)
}

// OrgID is the 18-character id of the org.
func (v *Vault) OrgID() string { return v.org }

// Keys is the key store, so that others can see that it is not theirs.
func (v *Vault) Keys() KeyStore { return v.keys }

// Close stores how often keys sealed, for which it waits five seconds at most,
// and forgets every key held in memory. Whoever opened the key store closes it
// afterwards. A closed vault seals and opens nothing more. Errors are those of
// the store: what was not counted then is lost, as in a process that is killed.
func (v *Vault) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := v.sealer.flush(ctx)
	v.memory.close()
	return err
}

// Forget destroys the keys of persons and of all their aliases, and leaves
// tombstones: nothing sealed for them opens again, and none of their records
// gets a new person. It returns whom it took. It is the part of forgetting that
// concerns keys; the rows are someone else's. It is safe to repeat. Other
// processes notice with their next batch or reveal. What the key database's
// backups still hold opens until they expire.
func (v *Vault) Forget(ctx context.Context, persons ...Person) (taken []Person, err error) {
	if len(persons) == 0 || slices.ContainsFunc(persons, Person.IsZero) {
		return nil, fault.New(fault.ConfigInvalid, "crypto.Forget", "a person is zero, or none is given; give the person of a row")
	}
	if taken, err = v.keys.Forget(ctx, persons, &mint{vault: v}); err != nil {
		return nil, err
	}
	v.memory.forget()
	return taken, nil
}

// Buried reports whether a person was forgotten. With a zero person it is asked
// of a record, by its 18-character id, that was theirs or about them.
func (v *Vault) Buried(ctx context.Context, p Person, record string) (bool, error) {
	if !p.IsZero() {
		h, err := v.keys.Keys(ctx, []Person{p}, &mint{vault: v})
		return err == nil && h[0].Forgotten, err
	}
	l, ok := v.keys.(Lifter)
	if !ok {
		return false, errNoLifter()
	}
	return l.Buried(ctx, record, &mint{vault: v})
}

// Lift takes a forgetting back, found by any record that it took: these get new
// persons when they are next sealed. Keys do not come back, and what lay under
// them does not open again. It reports false where there is nothing to lift.
func (v *Vault) Lift(ctx context.Context, record string) (bool, error) {
	l, ok := v.keys.(Lifter)
	if !ok {
		return false, errNoLifter()
	}
	lifted, err := l.Lift(ctx, record, &mint{vault: v})
	v.memory.forget()
	return lifted, err
}

func errNoLifter() error {
	return fault.New(fault.ConfigInvalid, "crypto.Lift", "the key store cannot lift; use one that is a crypto.Lifter")
}

// Persons lists all that Forget would take with a person. With a zero person it
// is that of the record, an 18-character id. It is empty where nobody is known.
func (v *Vault) Persons(ctx context.Context, p Person, record string) ([]Person, error) {
	return v.keys.Persons(ctx, p, record)
}

// Keyed returns those of the persons that have keys. None of somebody forgotten
// should: the keys database was then put back from a backup.
func (v *Vault) Keyed(ctx context.Context, persons []Person) (keyed []Person, err error) {
	holders, err := v.keys.Keys(ctx, persons, &mint{vault: v})
	for _, h := range holders {
		if err == nil && len(h.Keys) > 0 {
			keyed = append(keyed, h.Person)
		}
	}
	return keyed, err
}

// begin reads the root, drops what a forgetting elsewhere made stale, and makes
// sure of an active branch key.
func (v *Vault) begin(ctx context.Context) (session, error) {
	root, err := v.keys.Root(ctx)
	if err == nil {
		err = v.check(root)
	}
	if err != nil {
		return session{}, err
	}
	s := session{vault: v, root: root}
	if s.epoch, err = v.memory.enter(root.Forgets); err != nil {
		return session{}, err
	}
	for _, k := range root.Keysets {
		if k.Use == BranchUse && k.State == Active {
			s.active = k.Version
		}
	}
	if _, err := s.branch(ctx, s.active); err != nil {
		return session{}, err
	}
	return s, nil
}
