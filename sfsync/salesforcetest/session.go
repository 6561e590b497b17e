package salesforcetest

import (
	"strings"
	"sync"
	"time"
)

// sessions are the live access tokens.
type sessions struct {
	org     *Org
	mu      sync.Mutex
	live    map[string]*session
	revoked bool // the user may not sign in any more
}

// session is one access token.
type session struct {
	token  string
	issued time.Time
	used   time.Time
	done   chan struct{} // closed when the token was revoked or expired by a switch
}

func newSessions(o *Org) *sessions { return &sessions{org: o, live: map[string]*session{}} }

// open signs the integration user in; false if the user may not.
func (s *sessions) open() (*session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.revoked {
		return nil, false
	}
	now := s.org.now()
	live := &session{token: s.org.state.OrgID[:15] + "!" + "AQ" + randomText(86) + "." + randomText(8), issued: now, used: now,
		done: make(chan struct{})}
	s.live[live.token] = live
	return live, true
}

// get is the session of a token, nil if it is unknown, revoked or was idle for
// too long. Asking is use.
func (s *sessions) get(token string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	live := s.live[token]
	if live == nil {
		return nil
	}
	if now := s.org.now(); now.Sub(live.used) > s.timeout() {
		delete(s.live, token)
		close(live.done)
		return nil
	} else {
		live.used = now
	}
	return live
}

func (s *sessions) timeout() time.Duration { return orElse(s.org.cfg.SessionTimeout, 2*time.Hour) }

// end revokes one token; false if there is none.
func (s *sessions) end(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	live := s.live[token]
	if live != nil {
		delete(s.live, token)
		close(live.done)
	}
	return live != nil
}

func (s *sessions) endAll(revoke bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = s.revoked || revoke
	for token, live := range s.live {
		delete(s.live, token)
		close(live.done)
	}
}

// session is the live session of an access token, or nil.
func (o *Org) session(token string) *session { return o.sessions.get(token) }

// AccessToken signs the integration user in, without a request.
func (o *Org) AccessToken() string {
	if s, ok := o.sessions.open(); ok {
		return s.token
	}
	return ""
}

// ExpireTokens ends every session, as their timeout would; streams end too.
func (o *Org) ExpireTokens() { o.sessions.endAll(false) }

// RevokeUser ends every session and deactivates the integration user:
// signing in again is refused.
func (o *Org) RevokeUser() { o.sessions.endAll(true) }

// RestoreUser lets the user sign in again.
func (o *Org) RestoreUser() {
	o.sessions.mu.Lock()
	defer o.sessions.mu.Unlock()
	o.sessions.revoked = false
}

// bearer is the token of an Authorization header. Salesforce takes OAuth and
// Bearer as the scheme.
func bearer(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if s := lower(scheme); s != "bearer" && s != "oauth" {
		return ""
	}
	return strings.TrimSpace(token)
}
