package salesforcetest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what org New makes. The zero Config is a whole org without
// records, kept in memory.
type Config struct {
	// Dir keeps the org: its identity, records and events. A second New with
	// the same Dir is the same org, as after a maintenance window: tokens and
	// bulk jobs are gone, records, replay ids and, where they are free, ports
	// are the same. Empty keeps nothing.
	Dir string
	// Records is how many synthetic people a new org has (Populate). An org
	// that already has records gets none.
	Records int
	// Seed makes other people. The same Seed and Records are the same people.
	Seed uint64
	// Marker is put into every personal value of a generated person, so that
	// a search finds where one leaked to.
	Marker string
	// Describes are sObject describes to load, files *_describe.json as the
	// REST API answers them. They replace the embedded ones of the same name.
	Describes fs.FS
	// Selected are the objects selected for Change Data Capture; nil is
	// Account, Contact, Lead, Case, Order and OrderItem.
	Selected []string
	// PersonAccounts enables person accounts (SetPersonAccounts).
	PersonAccounts bool
	// Plaintext opens listeners without TLS beside those with it.
	Plaintext bool
	// SessionTimeout is how long an unused token lives; 0 is two hours, the
	// default of real orgs.
	SessionTimeout time.Duration
	// AssertionLife is how far in the future a JWT sign-in may expire; 0 is five
	// minutes. The documentation says three, and clients in wide use that ask
	// for five are let in.
	AssertionLife time.Duration
	// BulkPolls is how many polls of a query job answer InProgress before
	// JobComplete.
	BulkPolls int
	// BulkEmptyBody answers the results of a job without rows with an empty
	// body; else they have a header line. Salesforce documents neither.
	BulkEmptyBody bool
	// BulkUnisolated reads the rows of a result page when the page is asked for;
	// else all of a job's rows are those of its creation. Salesforce promises
	// neither.
	BulkUnisolated bool
	// BulkPage is the most rows a page of bulk results has when the caller
	// does not say; 0 is 50,000.
	BulkPage int
	// APICalls is the daily limit of API calls; 0 is 100,000.
	APICalls int
	// Listen opens a listener whose address is a *net.TCPAddr, on the port given
	// if it is free and is not 0; nil is on loopback. Listeners in memory let an
	// org run in a bubble of testing/synctest, whose clock stands still while
	// anything waits for a socket.
	Listen func(port int) (net.Listener, error)
	// Now is the org's clock; nil is time.Now.
	Now func() time.Time
	// PubSub are the options of the Pub/Sub API.
	PubSub PubSub
}

// Org is a running org. Its methods are safe for concurrent use.
type Org struct {
	cfg      Config
	state    state
	dir      string                          // where files are, also without Config.Dir
	jwtKey   func() (*rsa.PrivateKey, error) // made when first asked for: it takes a while
	ca       *authority
	perm     *permissions
	sessions *sessions
	faults   faults
	api      usage
	jobs     jobs
	cursors  cursors
	poisons  poisons
	events   *eventBus
	servers  servers
	lag      atomic.Int64

	hardDeletes atomic.Bool  // they publish an event
	deletesFrom atomic.Int64 // since when getDeleted knows of deletes, Unix seconds
	idLimit     atomic.Int64

	catalogue atomic.Pointer[catalogue]

	mu     sync.RWMutex
	tables map[string]*table
	locks  map[rowKey]*Tx
	open   map[*Tx]struct{}
	number int64 // of the last commit
	log    *recordLog
}

// New starts an org. Close stops it.
func New(cfg Config) (*Org, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Selected == nil {
		cfg.Selected = []string{"Account", "Contact", "Lead", "Case", "Order", "OrderItem"}
	}
	o := &Org{cfg: cfg, perm: newPermissions(cfg.Selected), tables: map[string]*table{}, locks: map[rowKey]*Tx{}, open: map[*Tx]struct{}{}}
	if err := o.start(); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

// start builds an org in the order in which its parts need each other.
func (o *Org) start() error {
	for _, step := range []func() error{o.openDir, o.openCatalogue, o.openRecords, o.openEvents, o.populate, o.listen} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// openDir reads or makes the org's identity, and writes the files clients read.
func (o *Org) openDir() (err error) {
	if o.cfg.Dir == "" {
		o.dir, err = os.MkdirTemp("", "salesforcetest")
	} else if o.dir, err = filepath.Abs(o.cfg.Dir); err == nil {
		err = os.MkdirAll(o.dir, 0o700)
	}
	if err != nil {
		return err
	}
	if o.state, err = loadState(filepath.Join(o.dir, "org.json")); err != nil {
		return err
	}
	if o.ca, err = newAuthority(time.Now()); err != nil { // clients verify by the real clock
		return err
	}
	o.jwtKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return loadJWTKey(filepath.Join(o.dir, "jwt.pem")) })
	o.sessions = newSessions(o)
	return os.WriteFile(o.CAFile(), o.ca.pem(), 0o644)
}

// openCatalogue reads the describes: the embedded ones, those of the Config,
// and those that AddField and DropField changed in an earlier run.
func (o *Org) openCatalogue() error {
	all, err := newCatalogue(o.cfg.Describes)
	if err != nil {
		return err
	}
	for _, raw := range o.state.Describes {
		obj, err := parseDescribe(raw)
		if err != nil {
			return err
		}
		all[lower(obj.Name)] = obj
	}
	o.catalogue.Store(&all)
	if o.cfg.PersonAccounts {
		o.SetPersonAccounts(true)
	}
	return nil
}

func (o *Org) openRecords() (err error) {
	if o.cfg.Dir != "" {
		o.log, o.number, err = openLog(filepath.Join(o.dir, "records.log"), o.table, o.object)
	}
	if err == nil && o.Count("User") == 0 {
		err = o.insertUser()
	}
	return err
}

func (o *Org) openEvents() (err error) {
	o.events, err = newEventBus(o, o.cfg.Dir, o.cfg.PubSub)
	return err
}

// Close stops the servers and ends what waits on them.
func (o *Org) Close() error {
	err := o.servers.close()
	if o.events != nil {
		err = errors.Join(err, o.events.Close())
	}
	o.servers.wait.Wait()
	if o.log != nil {
		err = errors.Join(err, o.log.close())
	}
	if o.cfg.Dir == "" && o.dir != "" {
		err = errors.Join(err, os.RemoveAll(o.dir))
	}
	return err
}

// table finds or makes the table of an object.
func (o *Org) table(name string) *table {
	t := o.tables[name]
	if t == nil {
		t = &table{}
		o.tables[name] = t
	}
	return t
}

// find is the row of an id, deleted ones included, or nil.
func (o *Org) find(object, id string) *row {
	obj := o.object(object)
	if obj == nil || o.tables[obj.Name] == nil {
		return nil
	}
	return o.tables[obj.Name].get(serialOf(obj.KeyPrefix, id))
}

func (o *Org) now() time.Time { return o.cfg.Now() }

// stampTime is the time that writes are stamped with.
func (o *Org) stampTime() time.Time { return o.now().Add(-time.Duration(o.lag.Load())) }

// SetCommitLag makes every write commit d after its stamps were taken, as if
// its transaction had run that long: it becomes visible now, with a
// SystemModstamp of d ago. A negative d is an application server whose clock
// is ahead.
func (o *Org) SetCommitLag(d time.Duration) { o.lag.Store(int64(d)) }

// Purge takes a record out of the Recycle Bin for good. No event tells of it.
// It panics like Insert.
func (o *Org) Purge(object, id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.find(object, id)
	if r == nil || r.deleted == 0 {
		panic("salesforcetest: Purge: the record is not in the Recycle Bin")
	}
	gone := *r
	gone.purged = true
	if err := o.install(o.number+1, []change{{table: o.canonical(object), before: r, after: &gone}}); err != nil {
		panic(err)
	}
}

// AddField adds a field to an object, as an administrator does: kind is a
// describe type such as "string", length its length. Subscribers meet a new
// schema with the next event. It panics like Insert.
func (o *Org) AddField(object, name, kind string, length int) {
	f := newField(name, kind)
	f.Length, f.ByteLength = length, 3*length
	f.raw = overlay(fieldDefaults, (*plainField)(f))
	o.setObject(o.object(object).with(f))
	if account := o.object("Account"); o.canonical(object) == "Contact" && account.field("PersonContactId") != nil {
		o.SetPersonAccounts(true) // the account shows the contact's new field
	}
}

// DropField removes a field and its values. It panics like Insert.
func (o *Org) DropField(object, name string) { o.setObject(o.object(object).without(name)) }

// setObject puts a changed object into the catalogue, and keeps its describe.
func (o *Org) setObject(obj *object) {
	o.mu.Lock()
	defer o.mu.Unlock()
	next := maps.Clone(*o.catalogue.Load())
	next[lower(obj.Name)] = obj
	o.catalogue.Store(&next)
	if o.state.Describes == nil {
		o.state.Describes = map[string]json.RawMessage{}
	}
	o.state.Describes[obj.Name] = obj.describe(func(*field) bool { return true })
	o.save()
}

// Roots are the certificates that clients of this org trust.
func (o *Org) Roots() *x509.CertPool { return o.ca.pool.Clone() }

// randomText is a secret of n characters of base 62.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails since Go 1.24
	for i := range b {
		b[i] = base62[int(b[i])%len(base62)]
	}
	return string(b)
}
