package salesforce

import (
	"context"
	"crypto/tls"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/sfsync/sfsync-go/internal/recordid"
	"github.com/sfsync/sfsync-go/sfsync/fault"
)

const (
	signInTimeout = time.Minute
	// refusedFor is how long no other sign-in is tried after one that failed, or
	// longer if the org asks for it: it locks out or rate-limits who repeats a
	// refusal, and every caller would.
	refusedFor = 30 * time.Second
)

// Identity is what a sign-in established.
type Identity struct {
	OrgID, UserID string // 18 characters
	InstanceURL   string // https://host of the My Domain
	Scopes        []string
	TLS           string // version and suite of the connection that signed in
}

// session is one access token and whom it is for.
type session struct {
	token    Secret
	identity Identity
}

// flight is one sign-in under way, for all callers that wait for it.
type flight struct {
	done    chan struct{}
	session *session
	err     error
}

// SignIn signs in unless a session is held, and returns whose it is. Faults:
// fault.SignInRefused, fault.WrongOrg, fault.HostRefused, and those of any call.
func (o *Org) SignIn(ctx context.Context) (Identity, error) {
	s, err := o.session(ctx, nil)
	if err != nil {
		return Identity{}, err
	}
	return s.identity, nil
}

// session returns a session that is not the failed one: the current one, or
// that of a sign-in which all callers share and which goes on when the first
// of them gives up.
func (o *Org) session(ctx context.Context, failed *session) (*session, error) {
	s, f, err := o.board(ctx, failed)
	if f == nil {
		return s, err
	}
	select {
	case <-f.done:
		return f.session, f.err
	case <-ctx.Done():
		return nil, fault.Wrap(ctx.Err(), fault.Canceled, "salesforce.SignIn", "the sign-in took too long for the caller; allow more time")
	}
}

func (o *Org) board(ctx context.Context, failed *session) (*session, *flight, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.life.Err() != nil:
		return nil, nil, errClosed()
	case o.mu.flight != nil:
		return nil, o.mu.flight, nil
	case o.mu.current != nil && o.mu.current != failed:
		return o.mu.current, nil, nil
	case o.mu.refused != nil && time.Now().Before(o.mu.refusedTo):
		return nil, nil, o.mu.refused
	}
	o.mu.flight = &flight{done: make(chan struct{})}
	o.running.Add(1)
	go o.fly(Metered(context.WithoutCancel(ctx), nil), o.mu.flight)
	return nil, o.mu.flight, nil
}

// fly is owned by Close, which ends it and waits.
func (o *Org) fly(ctx context.Context, f *flight) {
	defer o.running.Done()
	ctx, cancel := context.WithTimeout(ctx, signInTimeout)
	defer cancel()
	defer context.AfterFunc(o.life, cancel)()
	f.err = o.retry.Do(ctx, func(ctx context.Context) (err error) {
		f.session, err = o.authenticate(ctx)
		return err
	})
	if e := o.land(f); o.life.Err() == nil {
		o.report(e)
	}
	close(f.done)
}

// land makes the new session the current one, or remembers the refusal.
func (o *Org) land(f *flight) Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f.err == nil {
		f.err = o.pin(f.session.identity)
	}
	o.mu.flight = nil
	if f.err != nil {
		f.session, o.mu.current = nil, nil
		var e *fault.Error
		errors.As(f.err, &e)
		o.mu.refused, o.mu.refusedTo = f.err, time.Now().Add(max(refusedFor, e.RetryAfter()))
		return Event{Kind: Refused, Err: f.err}
	}
	kind := SignedIn
	if o.mu.pinned.OrgID != "" {
		kind = Refreshed
	}
	o.mu.current, o.mu.pinned, o.mu.refused = f.session, f.session.identity, nil
	return Event{Kind: kind, Identity: f.session.identity}
}

// pin refuses another org or instance than the configured or first seen one.
func (o *Org) pin(id Identity) error {
	org, instance := o.cfg.OrgID, o.cfg.InstanceURL
	if org == "" {
		org = o.mu.pinned.OrgID
	}
	if instance == "" {
		instance = o.mu.pinned.InstanceURL
	}
	if org != "" && id.OrgID != org {
		return fault.New(fault.WrongOrg, "salesforce.SignIn", "the credentials belong to another org than configured or seen before; check the org id and the login URL")
	}
	if instance != "" && id.InstanceURL != instance {
		return fault.New(fault.HostRefused, "salesforce.SignIn", "the sign-in names another instance than the configured My Domain; check InstanceURL")
	}
	if instance == "" && !o.believable(id.InstanceURL) {
		return fault.New(fault.HostRefused, "salesforce.SignIn", "the sign-in names an instance outside my.salesforce.com; give the My Domain as InstanceURL")
	}
	return nil
}

// believable judges an instance that was not configured: what comes in a sign-in
// answer decides where tokens and data go from then on.
func (o *Org) believable(instance string) bool {
	return instance == o.cfg.LoginURL || strings.HasSuffix(hostOf(instance), ".my.salesforce.com") && !strings.Contains(instance[len("https://"):], ":")
}

// expire drops a session that the org no longer accepts, if it is still the
// current one. The next call signs in again.
func (o *Org) expire(s *session) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mu.current == s {
		o.mu.current = nil
	}
}

// Revoke makes the org forget the access token, by a POST body (REST API guide,
// "Revoke OAuth Tokens"), and drops it here. The org may hand one session to
// several processes of the same app and user: it ends for all of them.
func (o *Org) Revoke(ctx context.Context) error {
	o.mu.Lock()
	s := o.mu.current
	o.mu.current = nil
	o.mu.Unlock()
	if s == nil {
		return nil
	}
	form := url.Values{"token": {s.token.Reveal()}}
	if _, _, err := o.post(ctx, s.identity.InstanceURL+"/services/oauth2/revoke", form); err != nil && fault.CodeOf(err) != fault.RequestInvalid {
		return err // a token the org no longer knows is a bad request, and done
	}
	o.report(Event{Kind: Revoked, Identity: s.identity})
	return nil
}

func errClosed() *fault.Error {
	return fault.New(fault.Canceled, "salesforce.Org", "the org was closed; make a new one")
}

// identify reads org and user from the identity URL, whose last two segments
// they are (REST API guide, "Identity URLs").
func identify(id string) (org, user string, ok bool) {
	parts := strings.Split(id, "/")
	if len(parts) < 3 || parts[len(parts)-3] != "id" {
		return "", "", false
	}
	org, ok1 := recordid.Normalize(parts[len(parts)-2])
	user, ok2 := recordid.Normalize(parts[len(parts)-1])
	return org, user, ok1 && ok2 && strings.HasPrefix(org, "00D")
}

func tlsName(cs *tls.ConnectionState) string {
	if cs == nil {
		return ""
	}
	return tls.VersionName(cs.Version) + " " + tls.CipherSuiteName(cs.CipherSuite)
}
